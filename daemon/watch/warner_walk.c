/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over time: which certificates have passed one of their points. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/watch/warner_inside.h"
#include "store/domain_list.h"
#include "store/memo.h"
#include "store/store.h"

enum { HOUR_S = 3600, DAY_S = 86400, STORE_EVERY_MS = 600 * 1000, RANGES_A_TURN = 4096 };

static const char memo[] = "expiry";

/* What lives are rounded down to, in hours: as usual ones are, and some between. CAs make them a
 * second shorter, so an hour is added before. */
static const int lives[] = {
	1,         2,         3,         6,         12,       24,       2 * 24,   3 * 24,
	4 * 24,    5 * 24,    6 * 24,    7 * 24,    8 * 24,   10 * 24,  12 * 24,  14 * 24,
	18 * 24,   21 * 24,   28 * 24,   30 * 24,   37 * 24,  45 * 24,  47 * 24,  60 * 24,
	64 * 24,   75 * 24,   90 * 24,   100 * 24,  120 * 24, 150 * 24, 180 * 24, 199 * 24,
	240 * 24,  300 * 24,  365 * 24,  397 * 24,  500 * 24, 600 * 24, 730 * 24, 825 * 24,
	1000 * 24, 1095 * 24, 1460 * 24, 1825 * 24, 3650 * 24};
_Static_assert(sizeof(lives) / sizeof(lives[0]) <= WARNER_LIVES, "too many lengths of life");

/* 0: shorter than all. */
static int64_t
life_of(const struct domain *d)
{
	int64_t life = d->not_after - d->not_before + HOUR_S, found = 0;

	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		if (lives[i] * (int64_t)HOUR_S <= life)
			found = lives[i] * (int64_t)HOUR_S;
	return found;
}

/* ---- ranges --------------------------------------------------------------------------------- */

static void
add_parts(struct warner *w, struct warner_range range, uint32_t num, uint32_t den)
{
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		range.life = lives[i] * (int64_t)HOUR_S;
		range.horizon = range.life * num / den;
		w->ranges[w->range_count++] = range;
	}
}

void
warner_make_ranges(struct warner *w)
{
	const struct conf_tell *tell = &w->conf->tell;

	w->range_count = 0;
	w->ranges[w->range_count++] = (struct warner_range){.kind = WARN_EXPIRED};
	add_parts(w, (struct warner_range){.kind = WARN_LATE}, 1, WARNER_LATE_PART);
	for (size_t i = 0; i < tell->expiry_count; i++) {
		const struct conf_expiry *step = &tell->expiry[i];
		struct warner_range range = {.kind = WARN_EXPIRING, .step = step};

		if (step->num) {
			add_parts(w, range, step->num, step->den);
			continue;
		}
		range.horizon = step->seconds;
		w->ranges[w->range_count++] = range;
	}
}

/* ---- the place ------------------------------------------------------------------------------ */

static void
encode(const struct warner_place *p, struct buf *out)
{
	buf_u64(out, (uint64_t)p->from);
	buf_u64(out, (uint64_t)p->to);
	buf_u32(out, p->range);
	buf_u32(out, p->range_count);
	buf_u64(out, (uint64_t)p->row_at);
	buf_bytes16(out, p->row.name, p->row.len);
}

static enum err
decode(const struct buf *record, struct warner_place *p)
{
	char name[HOSTNAME_MAX + 1] = "";
	struct cursor in;

	cursor_init(&in, record->data, record->len);
	p->from = (int64_t)cursor_u64(&in);
	p->to = (int64_t)cursor_u64(&in);
	p->range = cursor_u32(&in);
	p->range_count = cursor_u32(&in);
	p->row_at = (int64_t)cursor_u64(&in);
	cursor_text16(&in, name, sizeof(name));
	if (!cursor_end(&in))
		return ERR_CORRUPT;
	p->row.len = 0;
	return *name ? hostname_parse(name, &p->row, NULL) : ERR_OK;
}

enum err
warner_store(struct warner *w)
{
	struct buf record = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(w->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	encode(&w->place, &record);
	err = memo_put(txn, memo, record.data, record.len);
	for (size_t i = 0; i < w->event_count && !err; i++)
		err = event_put(txn, &w->events[i]);
	for (size_t i = 0; i < w->late_count && !err; i++)
		err = late_put(txn, &w->lates[i]);
	buf_done(&record);
	err = store_finish(txn, err);
	if (err)
		return err;
	if (w->event_count)
		notice_nudge(w->notices);
	w->event_count = w->late_count = 0;
	w->stored_at = clock_mono_ms();
	return ERR_OK;
}

/* At the first start the past is past: nothing is told of it. */
void
warner_load_place(struct warner *w, int64_t now)
{
	struct buf record = {0};
	struct store_txn *txn;
	enum err err = store_begin_read(w->store, STORE_PRIVATE, &txn);

	if (!err) {
		err = memo_get(txn, memo, &record);
		store_abort(txn);
	}
	if (!err)
		err = decode(&record, &w->place);
	buf_done(&record);
	if (!err)
		return;
	if (err != ERR_NOTFOUND)
		log_warn("how far expiry was told is lost (%s): it goes on from now",
		         err_text(err));
	w->place = (struct warner_place){.from = now, .to = now};
	if (warner_store(w))
		log_warn("where expiry is told from is not stored");
}

/* ---- one certificate ------------------------------------------------------------------------ */

/* How long before its end D passes STEP's point; -1: it has none. Before a quarter is left a
 * renewal is not even late, so a number of days is no point of a short life. */
static int64_t
point_of(const struct domain *d, const struct conf_expiry *step)
{
	int64_t life = life_of(d);

	if (step->num)
		return life ? life * step->num / step->den : -1;
	life = d->not_after - d->not_before;
	return step->seconds <= life / WARNER_LATE_PART ? (int64_t)step->seconds : -1;
}

/* Whether D has passed a later point than R's, too, by the time the walk is about, or the same one
 * by a step that stands before it. */
static bool
has_passed_more(const struct warner *w, const struct domain *d, const struct warner_range *r)
{
	if (d->not_after <= w->place.to)
		return true;
	for (size_t i = 0; i < w->conf->tell.expiry_count; i++) {
		int64_t point = point_of(d, &w->conf->tell.expiry[i]);

		if (point >= 0 && point < r->horizon && d->not_after - point <= w->place.to)
			return true;
		if (point == r->horizon && &w->conf->tell.expiry[i] < r->step)
			return true;
	}
	return false;
}

static bool
is_meant(const struct warner *w, const struct warner_range *r, const struct domain *d)
{
	if (d->generation == 0 || d->lead.len || domain_is_put_off(d) ||
	    (r->life && life_of(d) != r->life))
		return false;
	if (r->kind == WARN_EXPIRED)
		return true;
	if (r->kind == WARN_LATE)
		return d->state != DOMAIN_EXTERNAL && !domain_is_held(d) &&
		       d->not_after > w->place.to;
	return point_of(d, r->step) == r->horizon && !has_passed_more(w, d, r);
}

static void
say_why(const struct domain *d, char *text, size_t size)
{
	char at[CLOCK_TEXT_MAX];

	if (d->state == DOMAIN_EXTERNAL)
		snprintf(text, size, "certd is not asked to renew it");
	else if (d->state == DOMAIN_PAUSED)
		snprintf(text, size, "it is paused: no orders before certctl resume");
	else if (d->problem.kind != PROBLEM_NONE)
		snprintf(text, size, "the last attempt failed: %s: %.200s",
		         problem_code(d->problem.kind), d->problem.detail);
	else if (d->due_at == 0)
		snprintf(text, size, "an order is in work");
	else
		snprintf(text, size, "its renewal is due %s", clock_format(d->due_at, at));
}

static void
take(struct warner *w, const struct warner_range *r, const struct domain *d)
{
	static const char *const types[] = {[WARN_EXPIRED] = "cert.expired",
	                                    [WARN_LATE] = "cert.renew_late",
	                                    [WARN_EXPIRING] = "cert.expiring"};
	struct event *e = &w->events[w->event_count++];
	char why[300], at[CLOCK_TEXT_MAX];

	*e = (struct event){.at = clock_wall()};
	snprintf(e->type, sizeof(e->type), "%s", types[r->kind]);
	snprintf(e->name, sizeof(e->name), "%s", d->name.name);
	say_why(d, why, sizeof(why));
	clock_format(d->not_after, at);
	if (r->kind == WARN_EXPIRED)
		snprintf(e->detail, sizeof(e->detail), "it ended %s; %s", at, why);
	else if (r->kind == WARN_LATE)
		snprintf(e->detail, sizeof(e->detail), "it ends %s; %s", at, why);
	else
		snprintf(e->detail, sizeof(e->detail), "%s%s is left, it ends %s; %s",
		         r->step->text, r->step->num ? " of its life" : "", at, why);
	if (r->kind == WARN_LATE || (r->kind == WARN_EXPIRED && d->state != DOMAIN_EXTERNAL))
		w->lates[w->late_count++] =
			(struct late){.name = d->name, .generation = d->generation};
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void
next_range(struct warner_place *p)
{
	p->range++;
	p->row.len = 0;
	p->row_at = 0;
}

/* The next rows of the range under the place. */
static enum err
look(struct warner *w)
{
	struct warner_place *p = &w->place;
	const struct warner_range *r = &w->ranges[p->range];
	int64_t end = p->to + r->horizon;
	struct store_txn *txn;
	size_t count = 0, i;
	enum err err = store_begin_read(w->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_page_expiry(txn, p->row.len ? p->row_at : p->from + r->horizon + 1,
	                         p->row.len ? &p->row : NULL, p->row.len ? WARNER_BATCH : 1,
	                         w->rows, &count);
	store_abort(txn);
	if (err)
		return err;
	for (i = 0; i < count && w->rows[i].not_after <= end; i++) {
		if (is_meant(w, r, &w->rows[i]))
			take(w, r, &w->rows[i]);
		p->row = w->rows[i].name;
		p->row_at = w->rows[i].not_after;
	}
	if (i == 0 || i < count)
		next_range(p);
	return ERR_OK;
}

/* Room for what one look may find is always there: it stores first. */
static bool
has_room(const struct warner *w)
{
	return w->event_count == 0;
}

bool
warner_walk(struct warner *w, int64_t now)
{
	struct warner_place *p = &w->place;
	enum err err = ERR_OK;

	if (p->range_count != w->range_count) { /* another configuration: the same time anew */
		p->range = 0;
		p->range_count = w->range_count;
		p->row.len = 0;
	}
	if (p->from > now)
		p->from = p->to = now; /* the clock was wrong, and was believed */
	if (p->from == p->to)
		p->to = now;
	for (int i = 0; i < RANGES_A_TURN && p->range < w->range_count && has_room(w) && !err; i++)
		err = look(w);
	if (!err && p->range == w->range_count) {
		p->from = p->to;
		p->range = 0;
	}
	if (!err && (w->event_count || clock_mono_ms() - w->stored_at > STORE_EVERY_MS))
		err = warner_store(w);
	if (err)
		log_warn("expiry cannot be told now (%s), later", err_text(err));
	return !err && p->from != p->to;
}
