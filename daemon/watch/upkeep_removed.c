/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of removed names (store/tombstone.h) goes when it is old, or there is too much of
 * it: a page each tick, then a rest. As long as there is too much, each walk takes half the age of
 * the one before for old. */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/store.h"
#include "store/tombstone.h"

enum { PAGE = 256, REST_MS = 10 * 60 * 1000, HALVES_MAX = 32 };

static struct conf_removed
rules(struct upkeep *u)
{
	struct conf_removed r;

	pthread_mutex_lock(&u->mail.mutex);
	r = u->conf->removed;
	pthread_mutex_unlock(&u->mail.mutex);
	return r;
}

/* Of PAGE those that are to go, to its front; answers how many. */
static size_t
pick(struct upkeep *u, struct tombstone page[PAGE], size_t count, uint64_t too_many)
{
	int64_t keep_s = rules(u).keep_ms / 1000, now = clock_wall();
	size_t gone = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t age =
			page[i].removed_at == INT64_MIN ? INT64_MAX : now - page[i].removed_at;

		if (age > keep_s || (gone < too_many && age >= keep_s >> u->removed_halves))
			page[gone++] = page[i];
	}
	return gone;
}

static enum err
read_page(struct upkeep *u, struct tombstone page[PAGE], size_t *ret_count, uint64_t *ret_too_many)
{
	uint64_t all = 0, most = rules(u).most;
	struct store_txn *txn;
	enum err err = store_begin_read(u->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = tombstone_page(txn, u->removed_at.len ? &u->removed_at : NULL, PAGE, page, ret_count);
	if (!err)
		err = tombstone_count(txn, &all);
	store_abort(txn);
	*ret_too_many = all > most ? all - most : 0;
	return err;
}

static enum err
forget(struct upkeep *u, const struct tombstone *page, size_t count)
{
	struct store_txn *txn;
	enum err err = store_begin_write(u->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		err = tombstone_del(txn, &page[i].name);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static bool
rests(struct upkeep *u)
{
	int64_t rest = rules(u).keep_ms / 64;

	if (rest > REST_MS)
		rest = REST_MS;
	return u->removed_done_at && u->removed_done_at + rest > clock_mono_ms();
}

/* By a clock that is months ahead all of them are old. */
static bool
doubts_clock(struct upkeep *u)
{
	return u->config.clock && clockwatch_is_suspect(u->config.clock);
}

void
upkeep_forget_removed(struct upkeep *u)
{
	static struct tombstone page[PAGE]; /* this thread's only */
	struct hostname last = {0};
	uint64_t too_many;
	size_t count = 0, gone;

	if (rests(u) || !upkeep_writes(u) || doubts_clock(u) ||
	    read_page(u, page, &count, &too_many))
		return;
	if (count == PAGE)
		last = page[count - 1].name;
	gone = pick(u, page, count, too_many);
	if (gone && forget(u, page, gone)) {
		log_debug("tombstones of removed names stay for now");
		return;
	}
	too_many -= gone < too_many ? gone : too_many;
	u->removed_at = last;
	u->removed_done_at = last.len || too_many ? 0 : clock_mono_ms();
	if (too_many == 0)
		u->removed_halves = 0;
	else if (!last.len && u->removed_halves < HALVES_MAX)
		u->removed_halves++;
}
