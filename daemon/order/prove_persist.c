/* SPDX-License-Identifier: Apache-2.0 */
/* Records of dns-persist-01: people set them, we look at them and tell when they end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/directory.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "daemon/order/prove_inside.h"
#include "daemon/order/prove_persist.h"
#include "store/persist.h"
#include "store/store.h"

enum {
	TELL_BEFORE_S = 30 * 86400,
	WATCH_PAGE = 128,
	WATCH_NEXT_MS = 200, /* between pages */
	WATCH_EVERY_MS = 3600 * 1000,
};

struct prove_persist *
prove_persist_new(const struct job *job, const char *issuers)
{
	const struct client *client = job->ca->client;
	const struct directory *directory = client_directory(client);
	const char *prefix = directory ? directory->hash_prefix : NULL;
	struct prove_persist *persist = calloc(1, sizeof(*persist));
	size_t url_len = strlen(client_account_url(client));

	if (!persist || strlen(issuers) >= sizeof(persist->issuers) ||
	    url_len >= sizeof(persist->url) ||
	    (prefix && strlen(prefix) >= sizeof(persist->hash_prefix))) {
		free(persist);
		return NULL;
	}
	strcpy(persist->issuers, issuers);
	strcpy(persist->url, client_account_url(client));
	strcpy(persist->thumbprint, client_thumbprint(client));
	if (prefix)
		strcpy(persist->hash_prefix, prefix);
	return persist;
}

/* ---- looking, on a thread of its own -------------------------------------------------------- */

struct look {
	struct prove_persist *persist;
	struct dns_persist_account account;
	char names[AUTHZ_ISSUERS_MAX * (HOSTNAME_MAX + 1)]; /* taken apart */
	const char *issuers[AUTHZ_ISSUERS_MAX];
	struct dns_persist_want want;
};

static void
look_init(struct look *l, const struct prove_task *task)
{
	struct prove_persist *p = task->persist;
	char *rest = l->names, *name;
	size_t count = 0;

	l->persist = p;
	l->account = (struct dns_persist_account){p->url, p->thumbprint,
	                                          *p->hash_prefix ? p->hash_prefix : NULL};
	strcpy(l->names, p->issuers);
	while (count < AUTHZ_ISSUERS_MAX && (name = strsep(&rest, " ")))
		l->issuers[count++] = name;
	l->want = (struct dns_persist_want){&l->account, &task->challenge.name, l->issuers, count,
	                                    clock_wall()};
}

/* A server's records: the best verdict counts, and of several good ones that which lasts longest.
 * Of the servers it is that which ends first. */
static bool
judge(void *arg, const struct dns_txt *txt, size_t count, char *why, size_t size)
{
	struct look *l = arg;
	enum dns_persist_verdict best = DNS_PERSIST_NONE;
	struct dns_persist good = {.ends = true, .until = INT64_MIN};

	snprintf(why, size, "has no record for this CA");
	for (size_t i = 0; i < count; i++) {
		struct dns_persist record;
		const char *said;
		enum dns_persist_verdict verdict =
			dns_persist_judge(txt[i].data, txt[i].len, &l->want, &record, &said);

		if (verdict > best)
			snprintf(why, size, "has one that %s", said);
		best = verdict > best ? verdict : best;
		if (verdict != DNS_PERSIST_GOOD || !good.ends)
			continue;
		if (!record.ends || record.until > good.until)
			good = record;
	}
	if (best != DNS_PERSIST_GOOD)
		return false;
	if (good.ends && (!l->persist->ends || good.until < l->persist->ends_at)) {
		l->persist->ends = true;
		l->persist->ends_at = good.until;
	}
	return true;
}

/* What the owner of the name must do, and WHAT was found instead. */
static void
say_what_to_set(const struct look *l, const struct prove_task *task, struct problem *why)
{
	struct dns_persist record = {.wildcard = hostname_is_wildcard(l->want.name)};
	struct buf account = {0}, text = {0}, quoted = {0};
	struct problem found = *why;

	snprintf(record.issuer, sizeof(record.issuer), "%s", l->issuers[0]);
	if (!dns_persist_account(&l->account, l->want.name, &account) && buf_str(&account))
		snprintf(record.account, sizeof(record.account), "%s", (char *)account.data);
	dns_persist_format(&record, &text);
	if (buf_str(&text))
		dns_record_quote((const char *)text.data, &quoted);
	if (buf_str(&quoted))
		problem_set(why, PROBLEM_DNS_RECORD, "to be set, once: %s. TXT %s (found: %s)",
		            task->record.record, (const char *)quoted.data, found.detail);
	buf_done(&account);
	buf_done(&text);
	buf_done(&quoted);
}

enum err
prove_persist_look(struct prove_task *task, const struct dns_call *call)
{
	struct look *l = calloc(1, sizeof(*l));
	enum err err = l ? ERR_OK : ERR_NOMEM;

	if (err)
		return err;
	task->persist->ends = false;
	look_init(l, task);
	err = dns_ask_all(call, task->place, judge, l, &task->why);
	if (err == ERR_NOTFOUND)
		say_what_to_set(l, task, &task->why);
	free(l);
	return err;
}

/* ---- what ends ------------------------------------------------------------------------------ */

/* Whether private/ says already what is in P; it has TOLD then. */
static bool
is_known(struct prover *prover, struct persist *p, bool ends)
{
	struct store_txn *txn;
	struct persist old;
	enum err err = store_begin_read(prover->config.store, STORE_PRIVATE, &txn);

	if (err)
		return false;
	err = persist_get(txn, &p->name, &old);
	store_abort(txn);
	return ends ? err == ERR_OK && old.ends_at == p->ends_at : err == ERR_NOTFOUND;
}

static enum err
remember(struct prover *prover, const struct persist *p, bool ends)
{
	struct store_txn *txn;
	enum err err = store_begin_write(prover->config.store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = ends ? persist_put(txn, p) : persist_del(txn, &p->name);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

void
prove_persist_seen(struct prover *prover, const struct prove_task *task)
{
	struct persist p = {.name = task->challenge.name, .seen_at = clock_wall()};
	bool ends = task->persist && task->persist->ends;
	enum err err;

	if (!task->persist)
		return;
	p.ends_at = task->persist->ends_at;
	snprintf(p.record, sizeof(p.record), "%s", task->record.record);
	if (is_known(prover, &p, ends))
		return;
	err = remember(prover, &p, ends);
	if (err)
		log_host_warn(&p.name, "until when %s lasts is not remembered: %s", p.record,
		              err_text(err));
	prover->watch_at = clock_mono_ms();
	prover->watched.len = 0;
}

static bool
is_served(struct prover *prover, const struct hostname *name)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(prover->config.store, STORE_SERVED, &txn);

	if (err)
		return true; /* not known */
	err = domain_get(txn, name, &d);
	store_abort(txn);
	return err != ERR_NOTFOUND;
}

static void
watch(struct prover *prover, struct persist *p)
{
	char at[CLOCK_TEXT_MAX], seen[CLOCK_TEXT_MAX];
	bool there;

	if (p->told || p->ends_at - TELL_BEFORE_S > clock_wall())
		return;
	there = is_served(prover, &p->name);
	if (there)
		history_add(prover->config.store, prover->config.notices, "dns.record_ends",
		            p->name.name,
		            "%s is good until %s (persistUntil, as seen at %s): its owner must set "
		            "a later one, or the name cannot be renewed",
		            p->record, clock_format(p->ends_at, at),
		            clock_format(p->seen_at, seen));
	p->told = true;
	if (remember(prover, p, there))
		log_host_warn(&p->name, "that %s ends may be told again", p->record);
}

void
prove_persist_watch(struct prover *prover)
{
	static struct persist list[WATCH_PAGE]; /* the issuer's thread only */
	int64_t now = clock_mono_ms();
	struct store_txn *txn;
	size_t count = 0;
	enum err err;

	if (prover->watch_at <= now) {
		err = store_begin_read(prover->config.store, STORE_PRIVATE, &txn);
		if (!err) {
			err = persist_page(txn, prover->watched.len ? &prover->watched : NULL,
			                   WATCH_PAGE, list, &count);
			store_abort(txn);
		}
		for (size_t i = 0; i < count && !err; i++)
			watch(prover, &list[i]);
		prover->watched.len = 0;
		if (!err && count == WATCH_PAGE)
			prover->watched = list[count - 1].name;
		prover->watch_at = now + (prover->watched.len ? WATCH_NEXT_MS : WATCH_EVERY_MS);
	}
	if (prover->watch_at < prover->next)
		prover->next = prover->watch_at;
}
