/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a whole: keys being changed, a disk that fills up, commits that fail. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/event.h"
#include "store/rotate.h"
#include "store/store.h"
#include "store/ticket.h"

enum {
	RESEAL_EVERY_MS = 50,
	RESEAL_BATCH = 100, /* 2,000 records a second */
	RESEAL_LEAST = 10,
	RESEAL_LONGEST_MS = 50,
	RESEAL_AGAIN_MS = 1000, /* after an error */
	TICKETS_AGAIN_MS = 600 * 1000,
	TROUBLE_EVERY_MS = 5000,
	UNREADABLE_MOST = 3, /* seconds */
};

static const uint64_t reserve_most = 64 << 20, reserve_least = 4 << 20;

/* ---- keys ----------------------------------------------------------------------------------- */

static void
tell_rotated(struct upkeep *u)
{
	struct store_rotation rotation = {0};

	u->rotating = false;
	if (store_rotation(u->config.store, &rotation) || rotation.running)
		return; /* a failed look is no end: the next pass finds out */
	log_notice("all records are under the new key %u, the old one is gone", rotation.key_id);
	history_add(u->config.store, u->config.notices, "key.rotated", "",
	            "all records are under data key %u now, the old one is gone", rotation.key_id);
}

/* Batches shrink on a slow disk: every commit holds the writer's lock for as long as it takes. */
static void
fit_batch(struct upkeep *u, int64_t took)
{
	if (took > RESEAL_LONGEST_MS && u->batch > RESEAL_LEAST)
		u->batch /= 2;
	else if (took < RESEAL_LONGEST_MS / 4 && u->batch < RESEAL_BATCH)
		u->batch = u->batch * 2 < RESEAL_BATCH ? u->batch * 2 : RESEAL_BATCH;
}

/* Told once, and once more when it goes on. Its tries go on with each tick. */
static void
tell_reseal(struct upkeep *u, enum err err)
{
	struct event event = {.at = clock_wall(), .type = "store.failing"};

	if (u->reseal_failed == (err != ERR_OK))
		return;
	u->reseal_failed = err != ERR_OK;
	if (!err) {
		log_notice("records are moved under the new key again");
		history_add(u->config.store, u->config.notices, "store.recovered", "",
		            "records are moved under the new key again");
		return;
	}
	snprintf(event.detail, sizeof(event.detail),
	         "records cannot be moved under the new key: %s; the old one stays, it is tried "
	         "every second",
	         err_text(err));
	upkeep_tell(u, &event);
}

/* One step is due now. */
static int64_t
reseal(struct upkeep *u)
{
	int64_t began = clock_mono_ms(), took;
	uint64_t left = 0;
	enum err err = store_reseal_step(u->config.store, u->batch, &left);

	took = clock_mono_ms() - began;
	fit_batch(u, took);
	pthread_mutex_lock(&u->mail.mutex);
	u->state.reseal_left = err ? u->state.reseal_left : left;
	pthread_mutex_unlock(&u->mail.mutex);
	tell_reseal(u, err);
	if (err)
		return RESEAL_AGAIN_MS;
	if (left > 0)
		return took > RESEAL_EVERY_MS ? took : RESEAL_EVERY_MS;
	tell_rotated(u);
	return INT64_MAX;
}

int64_t
upkeep_reseal(struct upkeep *u)
{
	struct store_rotation rotation = {0};
	int64_t now = clock_mono_ms(), next;

	if (u->batch == 0)
		u->batch = RESEAL_BATCH;
	if (!u->rotating && (store_rotation(u->config.store, &rotation) || !rotation.running))
		return INT64_MAX;
	u->rotating = true;
	if (u->reseal_at > now) /* something else woke us */
		return u->reseal_at - now;
	next = reseal(u);
	u->reseal_at = next == INT64_MAX ? 0 : clock_mono_ms() + next;
	return next;
}

/* ---- session tickets ------------------------------------------------------------------------ */

enum err
upkeep_turn_tickets(struct store *store, bool forget)
{
	struct ticket_ring ring = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = ticket_ring_get(txn, &ring);
	/* One that does not open is no loss: clients shake hands in full. */
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT)
		err = ERR_OK;
	if (!err)
		err = ticket_ring_turn(&ring, clock_wall(), forget);
	if (!err)
		err = ticket_ring_put(txn, &ring);
	ticket_ring_wipe(&ring);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static bool
tickets_are_due(struct store *store)
{
	struct ticket_ring ring = {0};
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);
	bool due;

	if (err)
		return false;
	err = ticket_ring_get(txn, &ring);
	store_abort(txn);
	due = err == ERR_CORRUPT ||
	      ((!err || err == ERR_NOTFOUND) && ticket_ring_is_due(&ring, clock_wall()));
	ticket_ring_wipe(&ring);
	return due;
}

void
upkeep_tickets(struct upkeep *u)
{
	enum err err;

	if (clock_mono_ms() < u->ticket_at || !tickets_are_due(u->config.store))
		return;
	err = upkeep_turn_tickets(u->config.store, false);
	if (!err) {
		log_info("a new key for session tickets");
		return;
	}
	log_warn("no new key for session tickets: %s; going on with what there is", err_text(err));
	u->ticket_at = clock_mono_ms() + TICKETS_AGAIN_MS;
}

/* ---- room ----------------------------------------------------------------------------------- */

static uint64_t
reserve_of(uint64_t disk_bytes)
{
	uint64_t reserve = disk_bytes / 100;

	if (reserve > reserve_most)
		reserve = reserve_most;
	return reserve > reserve_least ? reserve : reserve_least;
}

/* What is free, and what has to be for new things: more once it was less. */
static bool
measure(struct upkeep *u, uint64_t *ret_bytes, uint64_t *ret_reserve, uint64_t *ret_wanted)
{
	struct statvfs fs;

	if (statvfs(u->config.directory, &fs) != 0)
		return false;
	*ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	*ret_reserve = reserve_of((uint64_t)fs.f_blocks * fs.f_frsize);
	*ret_wanted = *ret_reserve + (atomic_load(&u->room) ? 0 : *ret_reserve / 4);
	return true;
}

bool
upkeep_takes_new(struct upkeep *u, char *why, size_t size)
{
	uint64_t bytes, reserve, wanted;

	if (!measure(u, &bytes, &reserve, &wanted) || bytes >= wanted)
		return true;
	snprintf(why, size,
	         "%" PRIu64 " MiB are free below %s: nothing new is taken before there are more "
	         "than %" PRIu64,
	         bytes >> 20, u->config.directory, wanted >> 20);
	return false;
}

void
upkeep_watch_room(struct upkeep *u)
{
	uint64_t bytes, reserve, wanted;
	bool had = atomic_load(&u->room), has;

	if (!measure(u, &bytes, &reserve, &wanted))
		return;
	has = bytes >= wanted;
	pthread_mutex_lock(&u->mail.mutex);
	u->state.free_bytes = bytes;
	u->state.reserve_bytes = reserve;
	pthread_mutex_unlock(&u->mail.mutex);
	atomic_store(&u->room, has);
	if (had && !has) {
		log_err("%" PRIu64 " MiB are free below %s: no new orders before there are more "
		        "than %" PRIu64 "; what is stored is served",
		        bytes >> 20, u->config.directory, reserve >> 20);
		history_add(u->config.store, u->config.notices, "store.full", "",
		            "%" PRIu64 " MiB are free below %s: no new orders before there are "
		            "more than %" PRIu64,
		            bytes >> 20, u->config.directory, reserve >> 20);
	} else if (!had && has) {
		atomic_store(&u->planned, true);
		log_notice("there is room again: orders go on");
		history_add(u->config.store, u->config.notices, "store.recovered", "",
		            "%" PRIu64 " MiB are free again: orders go on", bytes >> 20);
	}
}

/* ---- trouble -------------------------------------------------------------------------------- */

static const char *
trouble_type(enum err err)
{
	switch (err) {
	case ERR_FULL:
		return "store.full";
	case ERR_PERM:
		return "store.readonly";
	default:
		return "store.failing";
	}
}

static enum err
read_nothing(struct store *store, enum store_env env)
{
	struct store_txn *txn;
	enum err err = store_begin_read(store, env, &txn);

	if (!err)
		store_abort(txn);
	return err;
}

void
upkeep_watch_store(struct upkeep *u)
{
	bool bad = read_nothing(u->config.store, STORE_SERVED) == ERR_IO ||
	           read_nothing(u->config.store, STORE_PRIVATE) == ERR_IO;

	u->unreadable = bad ? u->unreadable + 1 : 0;
	if (u->unreadable != UNREADABLE_MOST)
		return;
	log_err("the store does not even let us read after a failed write: starting the keeper "
	        "again; what is stored is served");
	atomic_store(&u->lost, true);
}

/* The event may have to wait until the store takes it; so it says since when. */
static bool
tell_of(struct upkeep *u, enum err trouble, int64_t since)
{
	struct event event = {.at = since};

	snprintf(event.type, sizeof(event.type), "%s", trouble_type(trouble));
	snprintf(event.detail, sizeof(event.detail),
	         "the store took no orders: %s; what is stored was served", err_text(trouble));
	return history_put(u->config.store, u->config.notices, &event) == ERR_OK;
}

void
upkeep_tell_trouble(struct upkeep *u)
{
	enum err trouble, untold;
	int64_t since;

	pthread_mutex_lock(&u->mail.mutex);
	trouble = u->state.trouble;
	untold = u->untold;
	since = u->trouble_since;
	pthread_mutex_unlock(&u->mail.mutex);
	if (untold && u->trouble_at <= clock_mono_ms()) {
		u->trouble_at = clock_mono_ms() + TROUBLE_EVERY_MS;
		if (!tell_of(u, untold, since))
			return;
		u->told = untold;
		pthread_mutex_lock(&u->mail.mutex);
		u->untold = ERR_OK;
		pthread_mutex_unlock(&u->mail.mutex);
	} else if (u->told && !untold && !trouble) {
		u->told = ERR_OK;
		history_add(u->config.store, u->config.notices, "store.recovered", "",
		            "the store takes orders again");
	}
}
