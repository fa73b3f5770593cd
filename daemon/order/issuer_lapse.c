/* SPDX-License-Identifier: Apache-2.0 */
/* Names that came on demand and that nobody uses any more: when one is due, its renewal is put off
 * to the end of its certificate; when that has ended too, or there is none, it goes. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/clockwatch.h"
#include "store/attempt.h"
#include "store/event.h"
#include "store/order.h"
#include "store/set.h"
#include "store/store.h"

enum { LAPSE_MAX = 64 }; /* in one transaction */

static struct { /* this thread's only */
	struct hostname names[LAPSE_MAX];
	size_t count;
	int64_t at_ms; /* mono: not before */
} idle;

static bool
is_idle(const struct issuer *s, const struct domain *d, int64_t now)
{
	return d->used_at && now - d->used_at > s->conf->on_demand.lapse_s;
}

/* By a clock that is months ahead nobody uses any name. */
bool
issuer_lapses(struct issuer *s, const struct job *job)
{
	if (!is_idle(s, &job->domain, clock_wall()) || clockwatch_is_suspect(s->clock))
		return false;
	if (idle.count < LAPSE_MAX)
		idle.names[idle.count++] = job->name;
	return true;
}

/* RET_GONE: it was removed. */
static enum err
lapse(struct issuer *s, struct store_txn *txn, const struct hostname *name, bool *ret_gone)
{
	int64_t now = clock_wall();
	struct domain d;
	enum err err = domain_get(txn, name, &d);

	*ret_gone = false;
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT)
		return ERR_OK;
	if (err || !is_idle(s, &d, now)) /* used a moment ago */
		return err;
	if (d.generation && d.not_after > now) {
		log_host_info(name, "nobody uses it: its renewal is put off");
		d.due_at = d.not_after;
		d.failures = 0;
		return domain_put(txn, &d);
	}
	*ret_gone = true;
	return set_remove(txn, name, now);
}

static enum err
lapse_all(struct issuer *s, struct hostname gone[LAPSE_MAX], size_t *ret_count)
{
	struct store_txn *txn;
	size_t count = 0;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < idle.count && !err; i++) {
		bool is_gone;

		err = lapse(s, txn, &idle.names[i], &is_gone);
		if (!err && is_gone)
			gone[count++] = idle.names[i];
	}
	if (err) {
		store_abort(txn);
		return err;
	}
	*ret_count = count;
	return store_commit(txn);
}

/* A kill before this leaves records that say nothing of any name: they go with its next end. */
static enum err
forget_all(struct issuer *s, const struct hostname *gone, size_t count)
{
	struct store_txn *txn;
	enum err err = store_begin_write(s->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++) {
		struct event event = {.at = clock_wall(), .type = "ondemand.lapsed"};

		snprintf(event.name, sizeof(event.name), "%s", gone[i].name);
		snprintf(event.detail, sizeof(event.detail), "nobody has used it for %u days",
		         s->conf->on_demand.lapse_s / 86400);
		err = order_del(txn, &gone[i]);
		if (!err)
			err = attempts_del(txn, &gone[i]);
		if (!err)
			err = event_put(txn, &event);
	}
	if (err) {
		store_abort(txn);
		return err;
	}
	return store_commit(txn);
}

void
issuer_lapse(struct issuer *s)
{
	struct hostname gone[LAPSE_MAX];
	size_t count = 0;
	enum err err;

	if (idle.count == 0 || idle.at_ms > clock_mono_ms())
		return;
	err = lapse_all(s, gone, &count);
	if (!err && count)
		err = forget_all(s, gone, count);
	for (size_t i = 0; i < count && !err; i++)
		log_host_notice(&gone[i], "nobody uses it any more: removed");
	if (err) {
		log_warn("unused names cannot lapse: %s", err_text(err));
		idle.at_ms = clock_mono_ms() + STORE_HOLD_MS;
	}
	idle.count = 0;
	notice_nudge(s->notices);
}
