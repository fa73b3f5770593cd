/* SPDX-License-Identifier: Apache-2.0 */
/* Names whose domain does not open, lists and counters that are wrong: one scan for all of them. A
 * scan reads all of the file's pages, and LMDB may end who reads damaged ones. The status page
 * outlives that, so no scan ends the keeper twice. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/mend.h"
#include "store/order.h"
#include "store/store.h"

enum { MEND_EVERY_MS = 5000, MEND_AGAIN_MS = 60000, MEND_SELDOM_MS = 3600 * 1000 };

/* What an order in work says; "" when there is none. */
static void
ca_of_order(struct store *store, const struct hostname *name, char ca[NAME_WORD_MAX + 1])
{
	struct store_txn *txn;
	struct order order;

	ca[0] = '\0';
	if (store_begin_read(store, STORE_PRIVATE, &txn))
		return;
	order_init(&order);
	if (order_get(txn, name, &order) == ERR_OK)
		strcpy(ca, order.ca);
	order_done(&order);
	store_abort(txn);
}

/* Lists are not sealed, so what they say is taken only when it is the name of a CA. */
static void
choose(void *arg, struct domain *d)
{
	struct upkeep *u = arg;
	const struct conf *conf;
	const struct conf_ca *ca = NULL;
	char word[NAME_WORD_MAX + 1];

	pthread_mutex_lock(&u->mail.mutex);
	conf = conf_ref(u->conf);
	pthread_mutex_unlock(&u->mail.mutex);
	if (d->state != DOMAIN_EXTERNAL && !conf_ca(conf, d->ca)) {
		ca_of_order(u->config.store, &d->name, word);
		ca = conf_ca(conf, word);
		if (!ca)
			ca = conf->otherwise.ca;
		if (!ca && conf->ca_count > 0)
			ca = &conf->cas[0];
		snprintf(d->ca, sizeof(d->ca), "%s", ca ? ca->name : "");
	}
	snprintf(d->backend, sizeof(d->backend), "%s",
	         conf->otherwise.backend ? conf->otherwise.backend->name
	         : conf->backend_count   ? conf->backends[0].name
	                                 : "");
	conf_unref(conf);
}

static void
told(void *arg, const struct event *event)
{
	struct upkeep *u = arg;
	struct hostname name;

	upkeep_tell(u, event);
	/* Its certificate may be no use although its record opens: look once more. */
	if (event->name[0] && hostname_parse_any(event->name, &name, NULL) == ERR_OK)
		upkeep_suspect(u, &name);
}

/* To look at it once more would only ask for the next scan. */
static void
stuck(void *arg, const struct event *event)
{
	struct upkeep *u = arg;

	u->mend_stuck = true;
	upkeep_tell_hourly(u, event);
}

static bool
go_on(void *arg)
{
	struct upkeep *u = arg;

	return !mailbox_stops(&u->mail);
}

static void
refuse(struct upkeep *u, const char *why)
{
	struct event event = {.at = clock_wall(), .type = "store.corrupt"};

	u->mend_refused = true;
	snprintf(event.detail, sizeof(event.detail),
	         "%s: pages of the file are damaged, so nothing is made anew: stop certd and run "
	         "certctl db compact, or restore a backup",
	         why);
	upkeep_tell(u, &event);
	pthread_mutex_lock(&u->mail.mutex);
	u->check_wanted = true; /* it names all that are not served */
	pthread_mutex_unlock(&u->mail.mutex);
}

void
upkeep_tell_careful(struct upkeep *u)
{
	struct event event = {.at = clock_wall(), .type = "store.corrupt"};

	if (upkeep_writes(u))
		return;
	snprintf(
		event.detail, sizeof(event.detail),
		"pages of served/data.mdb are damaged (so it was found at the start, or the keeper "
		"crashed again and again): what is stored is served, nothing is ordered, changed "
		"or repaired; stop certd and run certctl db compact, or restore a backup "
		"(certctl db restore)");
	upkeep_tell(u, &event);
}

/* Names that stay damaged are asked for, and suspected, again and again. */
static void
plan_next(struct upkeep *u, bool repaired)
{
	int64_t wait_ms = repaired ? MEND_EVERY_MS : u->mend_wait_ms * 2;

	if (wait_ms < MEND_EVERY_MS)
		wait_ms = MEND_EVERY_MS;
	u->mend_wait_ms = wait_ms < MEND_SELDOM_MS ? wait_ms : MEND_SELDOM_MS;
	u->mend_at = clock_mono_ms() + u->mend_wait_ms;
}

static enum err
scan_and_mend(struct upkeep *u, bool *ret_more)
{
	const struct mend_policy policy = {
		.now = clock_wall(), .choose = choose, .told = told, .stuck = stuck, .arg = u};
	struct mend *mend;
	uint64_t names = 0, done = 0;
	enum err err;

	u->mend_stuck = false;
	atomic_store(&u->config.status->mending, true);
	err = mend_scan(u->config.store, go_on, u, &mend);
	if (!err) {
		err = mend_apply(u->config.store, mend, &policy, &names, &done);
		*ret_more = mend_has_more(mend);
		mend_free(mend);
	}
	atomic_store(&u->config.status->mending, false);
	if (names > 0)
		upkeep_count_repaired(u, names);
	plan_next(u, err || names > 0 || (done > 0 && !u->mend_stuck));
	return err;
}

void
upkeep_mend(struct upkeep *u)
{
	bool more = false;
	enum err err;

	if (!u->mend_wanted || u->mend_at > clock_mono_ms())
		return;
	u->mend_wanted = false;
	if (u->mend_refused) {
		if (atomic_exchange(&u->config.status->mending, false))
			refuse(u, "reading all names has ended the keeper");
		return;
	}
	err = scan_and_mend(u, &more);
	if (err == ERR_CORRUPT) {
		refuse(u, "names are there that a search does not find");
		return;
	}
	u->mend_wanted = more || err;
	if (err && err != ERR_AGAIN) {
		u->mend_at = clock_mono_ms() + MEND_AGAIN_MS;
		log_warn("damaged names are not made anew: %s; next try in a minute",
		         err_text(err));
	}
}
