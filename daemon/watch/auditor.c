/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/auditor.h"

#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/auditor_inside.h"
#include "daemon/watch/clockwatch.h"
#include "store/domain_list.h"
#include "store/fault.h"
#include "store/memo.h"
#include "store/store.h"

enum { TURN_MS = 1000, TURNS_MAX_MS = 5000, JUMP_WAIT_MS = 5000, STORE_EVERY_MS = 60 * 1000 };

static const char place_memo[] = "audit";

/* ---- the walk's place ----------------------------------------------------------------------- */

static void
load_place(struct auditor *a)
{
	struct buf record = {0};
	struct store_txn *txn;
	struct cursor in;
	char text[HOSTNAME_MAX + 1] = "";

	if (store_begin_read(a->config.store, STORE_PRIVATE, &txn))
		return;
	if (memo_get(txn, place_memo, &record) == ERR_OK) {
		cursor_init(&in, record.data, record.len);
		a->walk_since = (int64_t)cursor_u64(&in);
		cursor_text16(&in, text, sizeof(text));
		/* one that is to begin is not waited for after a restart */
		if (!cursor_end(&in) || !text[0] || hostname_parse_any(text, &a->after, NULL)) {
			a->walk_since = 0;
			a->after.len = 0;
		}
	}
	store_abort(txn);
	buf_done(&record);
}

void
auditor_store_place(struct auditor *a)
{
	struct buf record = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(a->config.store, STORE_PRIVATE, &txn);

	a->place_stored_ms = clock_mono_ms();
	if (err)
		return;
	buf_u64(&record, (uint64_t)a->walk_since);
	buf_bytes16(&record, a->after.name, a->after.len);
	err = memo_put(txn, place_memo, record.data, record.len);
	buf_done(&record);
	err = store_finish(txn, err);
	if (err)
		log_info("the auditor's place is not stored: %s", err_text(err));
}

/* ---- looking -------------------------------------------------------------------------------- */

static bool
has_fault(struct auditor *a, const struct hostname *name)
{
	struct store_txn *txn;
	struct fault f;
	enum err err = store_begin_read(a->config.store, STORE_PRIVATE, &txn);

	if (err)
		return true;
	err = fault_get(txn, name, &f);
	store_abort(txn);
	return err != ERR_NOTFOUND;
}

static void
look_at(struct auditor *a, const struct hostname *name)
{
	struct audit_finding finding;
	enum err err;

	a->everywhere = has_fault(a, name);
	err = auditor_look_at(a, name, &finding);

	if (!err)
		auditor_settle(a, name, &finding);
	else if (err == ERR_NOTFOUND)
		auditor_settle(a, name, NULL);
	pthread_mutex_lock(&a->mail.mutex);
	a->state.looked++;
	pthread_mutex_unlock(&a->mail.mutex);
}

static void
end_walk(struct auditor *a)
{
	a->after.len = 0;
	a->round++;
	pthread_mutex_lock(&a->mail.mutex);
	a->state.walked_at = clock_wall();
	pthread_mutex_unlock(&a->mail.mutex);
	auditor_store_place(a);
}

bool
auditor_step(struct auditor *a)
{
	struct store_txn *txn;
	size_t count = 0;
	enum err err = store_begin_read(a->config.store, STORE_SERVED, &txn);

	if (err)
		return true;
	if (!a->after.len)
		a->walk_since = clock_wall();
	err = domain_page(txn, a->after.len ? &a->after : NULL, AUDITOR_RATE, a->page, &count);
	store_abort(txn);
	if (err)
		return true; /* tried again in a second */
	for (size_t i = 0; i < count && !mailbox_stops(&a->mail); i++) {
		look_at(a, &a->page[i].name);
		a->after = a->page[i].name;
	}
	if (count == AUDITOR_RATE || mailbox_stops(&a->mail))
		return true;
	end_walk(a);
	return false;
}

void
auditor_step_faults(struct auditor *a)
{
	struct hostname names[AUDITOR_RATE];
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(a->config.store, STORE_PRIVATE, &txn))
		return;
	if (fault_page(txn, a->again_after.len ? &a->again_after : NULL, AUDITOR_RATE, names,
	               &count))
		count = 0;
	store_abort(txn);
	for (size_t i = 0; i < count && !mailbox_stops(&a->mail); i++) {
		look_at(a, &names[i]);
		a->again_after = names[i];
	}
	if (count < AUDITOR_RATE)
		a->again_after.len = 0;
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void
make_front(struct auditor *a)
{
	enum err err;

	audit_front_free(a->front);
	a->front = NULL;
	err = audit_front_new(a->conf, a->config.store, &a->front);
	if (err && err != ERR_NOTFOUND)
		log_warn("the auditor cannot look at what is served: %s", err_text(err));
}

/* Sleeps for a turn; false: it is to end. */
static bool
wait_turn(struct auditor *a)
{
	const struct conf *conf;
	bool goes_on = mailbox_wait(&a->mail, TURN_MS, &conf);

	if (conf) {
		audit_front_free(a->front); /* it borrows the conf */
		a->front = NULL;
		conf_unref(a->conf);
		a->conf = conf;
		make_front(a);
	}
	return goes_on;
}

uint64_t
auditor_rate(const struct conf *conf, uint64_t count)
{
	uint64_t within_s = conf->audit.within_ms / 1000, least = (count + within_s - 1) / within_s;
	uint64_t even = (count + AUDITOR_WALK_S - 1) / AUDITOR_WALK_S; /* next round comes then */

	even = even > AUDITOR_RATE ? AUDITOR_RATE : even > 0 ? even : 1;
	return least > even ? least : even;
}

static uint64_t
count_names(struct auditor *a)
{
	struct store_txn *txn;
	uint64_t count = 0;

	if (store_begin_read(a->config.store, STORE_SERVED, &txn))
		return 0;
	if (domain_count_all(txn, &count))
		count = 0;
	store_abort(txn);
	return count;
}

static int64_t
used_ms(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool
is_walking(const struct auditor *a, int64_t now)
{
	return a->after.len || now < a->walk_since || now >= a->walk_since + AUDITOR_WALK_S;
}

/* As many looks as the rate wants since the last turn, and as its part of the processor allows. */
static void
walk(struct auditor *a, int64_t mono)
{
	int64_t passed = mono - a->turned_at, until = used_ms();

	passed = passed < TURNS_MAX_MS ? passed : TURNS_MAX_MS;
	a->turned_at = mono;
	a->owed += (int64_t)auditor_rate(a->conf, count_names(a)) * passed;
	until += passed * a->conf->audit.cpu / 100;
	while (a->owed > 0 && is_walking(a, clock_wall()) && !mailbox_stops(&a->mail)) {
		(void)auditor_step(a);
		a->owed -= AUDITOR_RATE * 1000;
		if (used_ms() >= until)
			break;
	}
	if (a->owed > 0)
		a->owed = 0; /* what was not allowed is not made up for */
}

static void
turn(struct auditor *a)
{
	int64_t mono = clock_mono_ms();

	if (mono >= a->again_at) {
		auditor_step_faults(a);
		a->again_at = mono + AUDITOR_AGAIN_MS;
	}
	walk(a, mono);
	if (a->after.len && mono - a->place_stored_ms >= STORE_EVERY_MS)
		auditor_store_place(a);
}

/* Whether the clock may be believed. Who watches it looks once a second, too: after a jump that is
 * waited for. */
static bool
trusts_clock(struct auditor *a)
{
	int64_t mono = clock_mono_ms(), base = clock_wall() - mono / 1000, jump = base - a->base;

	if (jump > CLOCK_STEP_S || jump < -CLOCK_STEP_S)
		a->trust_at = mono + JUMP_WAIT_MS;
	a->base = base;
	return mono >= a->trust_at && !clockwatch_is_suspect(a->config.clock);
}

static void *
auditor_main(void *arg)
{
	struct auditor *a = arg;

	a->base = clock_wall() - clock_mono_ms() / 1000;
	while (wait_turn(a))
		if (trusts_clock(a))
			turn(a);
	auditor_store_place(a);
	return NULL;
}

enum err
auditor_make(const struct auditor_config *config, struct auditor **ret_auditor)
{
	struct auditor *a = calloc(1, sizeof(*a));

	if (!a)
		return ERR_NOMEM;
	mailbox_init(&a->mail, "auditor");
	a->config = *config;
	a->config.conf = NULL;
	a->conf = conf_ref(config->conf);
	a->place_stored_ms = a->turned_at = clock_mono_ms();
	a->round = (uint32_t)clock_wall(); /* not always the same after restarts */
	a->again_at = a->place_stored_ms + AUDITOR_AGAIN_MS;
	load_place(a);
	make_front(a);
	*ret_auditor = a;
	return ERR_OK;
}

void
auditor_free(struct auditor *a)
{
	audit_front_free(a->front);
	mailbox_done(&a->mail);
	conf_unref(a->conf);
	free(a);
}

enum err
auditor_start(const struct auditor_config *config, struct auditor **ret_auditor)
{
	struct auditor *a;
	enum err err = auditor_make(config, &a);

	if (err)
		return err;
	if (pthread_create(&a->thread, NULL, auditor_main, a) != 0) {
		auditor_free(a);
		return ERR_NOMEM;
	}
	*ret_auditor = a;
	return ERR_OK;
}

void
auditor_stop(struct auditor *auditor)
{
	if (!auditor)
		return;
	mailbox_stop(&auditor->mail, auditor->thread);
	auditor_free(auditor);
}

void
auditor_set_conf(struct auditor *auditor, const struct conf *conf)
{
	mailbox_set_conf(&auditor->mail, conf);
}

void
auditor_look(struct auditor *auditor, struct auditor_state *ret_state)
{
	pthread_mutex_lock(&auditor->mail.mutex);
	*ret_state = auditor->state;
	pthread_mutex_unlock(&auditor->mail.mutex);
}
