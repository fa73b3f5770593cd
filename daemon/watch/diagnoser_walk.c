/* SPDX-License-Identifier: Apache-2.0 */
/* Which names the diagnoser looks at by itself: those that fail now, those that go on failing. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/domain_list.h"
#include "store/store.h"

/* ---- who fails ------------------------------------------------------------------------------ */

static size_t
read_events(struct diagnoser *g)
{
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(g->store, STORE_PRIVATE, &txn))
		return 0;
	if (event_page(txn, g->event, DIAGNOSER_PAGE, g->events, &count))
		count = 0;
	store_abort(txn);
	return count;
}

/* What finds no room here is found among the failing names later. */
void
diagnoser_look_at_events(struct diagnoser *g)
{
	size_t count = read_events(g);

	for (size_t i = 0; i < count; i++) {
		const struct event *e = &g->events[i];
		struct glanced name = {.ends = 0};

		g->event = e->id;
		if (strcmp(e->type, "order.failed") == 0 && diagnoser_glance_has_room(g, 1) &&
		    !hostname_parse_any(e->name, &name.name, NULL))
			diagnoser_glance_add(g, &name);
	}
}

static size_t
read_state(struct diagnoser *g, enum domain_state state, const struct hostname *place)
{
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(g->store, STORE_SERVED, &txn))
		return 0;
	if (domain_page_state(txn, state, place->len ? place : NULL, DIAGNOSER_PAGE, g->rows,
	                      &count))
		count = 0;
	store_abort(txn);
	return count;
}

static bool
is_due(const struct domain *d, const struct diagnosis *last, int64_t now)
{
	return !*last->code || last->next_at <= now || last->at > now ||
	       last->attempted_at < d->attempted_at;
}

static bool
is_silent(const struct diagnosis *d)
{
	return strcmp(d->code, diagnose_word(DIAGNOSE_TIMEOUT)) == 0 ||
	       strcmp(d->code, diagnose_word(DIAGNOSE_SERVFAIL)) == 0 ||
	       strcmp(d->code, diagnose_word(DIAGNOSE_RESOLVER)) == 0;
}

/* Those of G->rows that are to be looked at join the batch. */
static void
pick_due(struct diagnoser *g, size_t count)
{
	int64_t now = clock_wall();
	struct store_txn *txn;

	if (count == 0 || store_begin_read(g->store, STORE_PRIVATE, &txn))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct domain *d = &g->rows[i];
		bool holds = d->generation && d->not_after > now;
		struct diagnosis last;

		if (diagnosis_get(txn, &d->name, &last))
			last.code[0] = '\0';
		if (d->problem.kind != PROBLEM_STORE_CORRUPT && is_due(d, &last, now))
			diagnoser_glance_add(
				g, &(struct glanced){.name = d->name,
			                             .ends = holds ? d->not_after : INT64_MAX,
			                             .was_silent = is_silent(&last)});
	}
	store_abort(txn);
}

/* Some pages of them each turn, from the end to the beginning again; it stays where it is while
 * there is no room for a page. */
static void
look_at_state(struct diagnoser *g, enum domain_state state, struct hostname *place)
{
	for (unsigned i = 0; i < DIAGNOSER_PAGES; i++) {
		size_t count;

		if (!diagnoser_glance_has_room(g, DIAGNOSER_PAGE))
			return;
		count = read_state(g, state, place);
		pick_due(g, count);
		place->len = 0;
		if (count < DIAGNOSER_PAGE)
			return;
		*place = g->rows[count - 1].name;
	}
}

void
diagnoser_look_at_failing(struct diagnoser *g)
{
	look_at_state(g, DOMAIN_FAILING, &g->failing_at);
}

void
diagnoser_look_at_moved(struct diagnoser *g)
{
	size_t count;

	if (moved_is_on(g->conf)) {
		look_at_state(g, DOMAIN_MOVED, &g->moved_at);
		return;
	}
	g->moved_at.len = 0;
	count = read_state(g, DOMAIN_MOVED, &g->moved_at);
	for (size_t i = 0; i < count; i++)
		moved_end(g, &g->rows[i].name, "moved-after is off");
}

/* ---- who does not fail any more ------------------------------------------------------------- */

/* Of G->names those that do not fail, at the front; answers how many. */
static size_t
keep_over(struct diagnoser *g, size_t count)
{
	struct store_txn *txn;
	size_t over = 0;

	if (count == 0 || store_begin_read(g->store, STORE_SERVED, &txn))
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct domain d;
		enum err err = domain_get(txn, &g->names[i], &d);

		/* One that is being tried again keeps it until that has ended. */
		if (err == ERR_NOTFOUND ||
		    (!err && d.state != DOMAIN_FAILING && d.state != DOMAIN_MOVED))
			g->names[over++] = g->names[i];
	}
	store_abort(txn);
	return over;
}

static void
forget(struct diagnoser *g, size_t count)
{
	struct store_txn *txn;
	enum err err = count ? store_begin_write(g->store, STORE_PRIVATE, &txn) : ERR_NOTFOUND;

	if (err)
		return;
	for (size_t i = 0; i < count && !err; i++)
		err = diagnosis_del(txn, &g->names[i]);
	err = store_finish(txn, err);
	if (err)
		log_info("diagnoses of names that are well stay for now: %s", err_text(err));
}

void
diagnoser_look_at_kept(struct diagnoser *g)
{
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(g->store, STORE_PRIVATE, &txn))
		return;
	if (diagnosis_names(txn, g->kept_at.len ? &g->kept_at : NULL, DIAGNOSER_PAGE, g->names,
	                    &count))
		count = 0;
	store_abort(txn);
	g->kept_at.len = 0;
	if (count == DIAGNOSER_PAGE)
		g->kept_at = g->names[count - 1];
	forget(g, keep_over(g, count));
}
