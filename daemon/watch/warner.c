/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/warner.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/warner_inside.h"
#include "store/memo.h"
#include "store/store.h"

enum { TURN_MS = 1000, WALK_EVERY = 5, CLOCK_STORE_MS = 600 * 1000 };

static const char clock_memo[] = "clock";

/* ---- the clock ------------------------------------------------------------------------------ */

int64_t
warner_stored_time(struct store *store)
{
	struct buf record = {0};
	struct store_txn *txn;
	struct cursor in;
	int64_t at = 0;

	if (store_begin_read(store, STORE_PRIVATE, &txn))
		return 0;
	if (memo_get(txn, clock_memo, &record) == ERR_OK) {
		cursor_init(&in, record.data, record.len);
		at = (int64_t)cursor_u64(&in);
	}
	store_abort(txn);
	buf_done(&record);
	return at;
}

static void
store_time(struct warner *w)
{
	struct buf record = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(w->store, STORE_PRIVATE, &txn);

	w->clock_stored_ms = clock_mono_ms();
	if (err)
		return;
	buf_u64(&record, (uint64_t)clock_wall());
	err = memo_put(txn, clock_memo, record.data, record.len);
	buf_done(&record);
	err = store_finish(txn, err);
	if (err)
		log_info("the time is not stored: %s", err_text(err));
}

/* Whether it may be believed now. What is stored is a time that was. */
static bool
look_at_clock(struct warner *w)
{
	int64_t mono = clock_mono_ms();
	char why[CLOCK_WHY_MAX];
	bool suspect;

	if (clockwatch_tick(w->clock, clock_wall(), mono, &suspect, why)) {
		if (suspect)
			log_err("%s: hardly any order begins until it is believed again", why);
		else
			log_notice("the clock is believed: %s", why);
		history_add(w->store, w->notices, suspect ? "clock.suspect" : "clock.trusted", "",
		            "%s", why);
		if (!suspect)
			store_time(w);
	}
	if (!suspect && mono - w->clock_stored_ms >= CLOCK_STORE_MS)
		store_time(w);
	return !suspect;
}

/* ---- names whose renewal was late ----------------------------------------------------------- */

static bool
is_over(struct store_txn *txn, const struct late *late)
{
	struct domain d;
	enum err err = domain_get(txn, &late->name, &d);

	return err == ERR_NOTFOUND || (!err && d.generation != late->generation);
}

/* Of LATES those that are over, at the front; answers how many. */
static size_t
keep_over(struct warner *w, struct late *lates, size_t count)
{
	struct store_txn *txn;
	size_t over = 0;

	if (store_begin_read(w->store, STORE_SERVED, &txn))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (is_over(txn, &lates[i]))
			lates[over++] = lates[i];
	store_abort(txn);
	return over;
}

static void
forget(struct warner *w, const struct late *lates, size_t count)
{
	struct store_txn *txn;
	enum err err = count ? store_begin_write(w->store, STORE_PRIVATE, &txn) : ERR_NOTFOUND;

	if (err)
		return;
	for (size_t i = 0; i < count && !err; i++)
		err = late_del(txn, &lates[i].name);
	err = store_finish(txn, err);
	if (err)
		log_info("late names stay listed for now: %s", err_text(err));
}

/* A page of them each time, from the end to the beginning again. */
static void
look_at_late(struct warner *w)
{
	struct late lates[WARNER_BATCH];
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(w->store, STORE_PRIVATE, &txn))
		return;
	if (late_page(txn, w->late_after.len ? &w->late_after : NULL, WARNER_BATCH, lates, &count))
		count = 0;
	store_abort(txn);
	if (count < WARNER_BATCH)
		w->late_after.len = 0;
	else
		w->late_after = lates[count - 1].name;
	forget(w, lates, keep_over(w, lates, count));
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* Sleeps for a turn; false: it is to end. */
static bool
wait_turn(struct warner *w, bool at_once)
{
	const struct conf *conf;
	bool goes_on = mailbox_wait(&w->mail, at_once ? 0 : TURN_MS, &conf);

	if (conf) {
		conf_unref(w->conf);
		w->conf = conf;
		warner_make_ranges(w);
	}
	return goes_on;
}

static void *
warner_main(void *arg)
{
	struct warner *w = arg;
	unsigned turn = 0;
	bool more = false;

	while (wait_turn(w, more)) {
		more = false;
		if (!look_at_clock(w) || turn++ % WALK_EVERY)
			continue;
		more = warner_walk(w, clock_wall());
		if (more)
			turn = 0;
		else
			look_at_late(w);
	}
	if (!clockwatch_is_suspect(w->clock)) {
		store_time(w);
		if (warner_store(w))
			log_warn("how far expiry was told is not stored");
	}
	return NULL;
}

static void
warner_free(struct warner *w)
{
	mailbox_done(&w->mail);
	conf_unref(w->conf);
	free(w);
}

enum err
warner_start(const struct warner_config *config, struct warner **ret_warner)
{
	struct warner *w = calloc(1, sizeof(*w));

	if (!w)
		return ERR_NOMEM;
	mailbox_init(&w->mail, "warner");
	w->store = config->store;
	w->notices = config->notices;
	w->clock = config->clock;
	w->conf = conf_ref(config->conf);
	warner_make_ranges(w);
	warner_load_place(w, clock_wall());
	w->clock_stored_ms = w->stored_at = clock_mono_ms();
	if (pthread_create(&w->thread, NULL, warner_main, w) != 0) {
		warner_free(w);
		return ERR_NOMEM;
	}
	*ret_warner = w;
	return ERR_OK;
}

void
warner_set_conf(struct warner *warner, const struct conf *conf)
{
	mailbox_set_conf(&warner->mail, conf);
}

void
warner_stop(struct warner *warner)
{
	if (!warner)
		return;
	mailbox_stop(&warner->mail, warner->thread);
	warner_free(warner);
}
