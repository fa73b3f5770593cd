/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01: nothing is set by us. The record that a person has set is judged as the CA will,
 * and while it is not there, the words say what it must be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/authority.h"
#include "daemon/job.h"
#include "daemon/prove_inside.h"

struct look {
	struct prove_persist *persist;
	struct dns_persist_account account;
	const char *issuers[AUTHZ_ISSUERS_MAX];
	struct dns_persist_want want;
};

enum err
prove_persist_new(const struct job *job, const struct engine_challenge *wanted,
                  struct prove_persist **ret_persist)
{
	struct prove_persist *p = calloc(1, sizeof(*p));

	if (!p)
		return ERR_NOMEM;
	p->name = wanted->name;
	snprintf(p->account, sizeof(p->account), "%s", client_account_url(job->ca->client));
	snprintf(p->thumbprint, sizeof(p->thumbprint), "%s", client_thumbprint(job->ca->client));
	for (; p->issuer_count < wanted->issuer_count; p->issuer_count++)
		snprintf(p->issuers[p->issuer_count], sizeof(p->issuers[0]), "%s",
		         wanted->issuers[p->issuer_count]);
	*ret_persist = p;
	return ERR_OK;
}

static void
look_at(struct prove_persist *p, struct look *l)
{
	*l = (struct look){.persist = p,
	                   .account = {.url = p->account, .thumbprint = p->thumbprint}};
	for (size_t i = 0; i < p->issuer_count; i++)
		l->issuers[i] = p->issuers[i];
	l->want = (struct dns_persist_want){.account = &l->account,
	                                    .name = &p->name,
	                                    .issuers = l->issuers,
	                                    .issuer_count = p->issuer_count,
	                                    .now = clock_wall()};
}

/* The best record at one server decides; of several good ones the one that lasts longest. */
static bool
judge(void *arg, const struct dns_txt *txt, size_t count, char *why, size_t size)
{
	struct look *l = arg;
	enum dns_persist_verdict best = DNS_PERSIST_NONE;
	int64_t until = -1;

	snprintf(why, size, "has no such record");
	for (size_t i = 0; i < count; i++) {
		struct dns_persist record = {0};
		const char *text = NULL;
		enum dns_persist_verdict verdict =
			dns_persist_judge(txt[i].data, txt[i].len, &l->want, &record, &text);

		if (verdict == DNS_PERSIST_GOOD && until != 0)
			until = !record.ends || record.until < until ? (record.ends ? until : 0)
			                                             : record.until;
		if (verdict > best && text && verdict != DNS_PERSIST_GOOD)
			snprintf(why, size, "%s", text);
		best = verdict > best ? verdict : best;
	}
	if (best != DNS_PERSIST_GOOD)
		return false;
	if (until > 0 && (!l->persist->until || until < l->persist->until))
		l->persist->until = until;
	return true;
}

/* Adds what is to be set to what is wrong. */
static void
tell(const struct look *l, const struct dns_place *place, struct problem *why)
{
	struct dns_persist record = {.wildcard = hostname_is_wildcard(&l->persist->name)};
	struct buf account = {0}, text = {0}, quoted = {0};
	char said[160];

	snprintf(said, sizeof(said), "%.159s", why->detail);
	snprintf(record.issuer, sizeof(record.issuer), "%s", l->persist->issuers[0]);
	if (dns_persist_account(&l->account, &l->persist->name, &account) == ERR_OK)
		snprintf(record.account, sizeof(record.account), "%.*s", (int)account.len,
		         (const char *)account.data);
	dns_persist_format(&record, &text);
	if (buf_str(&text))
		dns_record_quote(buf_str(&text), &quoted);
	if (buf_str(&quoted))
		problem_set(why, PROBLEM_DNS_RECORD, "to be set, once: %s. TXT %s (%s)",
		            place->name, buf_str(&quoted), said);
	buf_done(&account);
	buf_done(&text);
	buf_done(&quoted);
}

enum err
prove_persist_look(const struct dns_call *call, const struct dns_place *place,
                   struct prove_persist *persist, struct problem *ret_why)
{
	struct look l;
	enum err err;

	look_at(persist, &l);
	persist->until = 0;
	err = dns_ask_all(call, place, judge, &l, ret_why);
	if (err == ERR_NOTFOUND)
		tell(&l, place, ret_why);
	return err;
}
