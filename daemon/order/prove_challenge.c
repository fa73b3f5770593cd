/* SPDX-License-Identifier: Apache-2.0 */
/* A job's challenges: made from what the engine wishes, recorded, published, withdrawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/dns_record.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "daemon/order/prove_inside.h"
#include "daemon/order/prove_persist.h"
#include "store/store.h"

bool
item_is_served(const struct proof_item *item)
{
	return challenge_kind_is_served(item->challenge.kind);
}

/* Whether we have what KIND is answered with. */
static bool
can_answer(const struct conf *conf, enum challenge_kind kind)
{
	if (kind == CHALLENGE_HTTP_01)
		return selfcheck_listener(conf, LISTEN_HTTP) != NULL;
	return kind != CHALLENGE_TLS_ALPN_01 || selfcheck_listener(conf, LISTEN_TLS) != NULL;
}

size_t
proof_words(const struct conf *conf, const struct conf_ca *ca,
            const char *words[CHALLENGE_KIND_END])
{
	bool any = false;
	size_t count = 0;

	for (size_t i = 0; i < ca->challenge_count; i++)
		any = any || can_answer(conf, ca->challenges[i]);
	for (size_t i = 0; i < ca->challenge_count; i++)
		if (!any || can_answer(conf, ca->challenges[i]))
			words[count++] = challenge_kind_word(ca->challenges[i]);
	return count;
}

static bool
is_to_present(const struct proof_item *item)
{
	return item->challenge.kind == CHALLENGE_DNS_01 ||
	       item->challenge.kind == CHALLENGE_DNS_ACCOUNT_01;
}

static enum err
fill_record(const struct job *job, struct proof_item *item)
{
	const struct conf_dns *dns = job->ca->conf->dns;
	struct presented *r = &item->record;
	enum dns_record_method method;
	enum err err = dns_record_method(challenge_kind_word(item->challenge.kind), &method);

	*r = (struct presented){.name = job->name,
	                        .identifier = item->challenge.name,
	                        .kind = item->challenge.kind,
	                        .created_at = item->challenge.created_at};
	if (!err && is_to_present(item) && !dns)
		err = ERR_UNSUPPORTED; /* the configuration has changed */
	if (dns)
		snprintf(r->dns, sizeof(r->dns), "%s", dns->name);
	if (!err)
		err = dns_record_name(method, &item->challenge.name,
		                      client_account_url(job->ca->client), r->record);
	if (!err && is_to_present(item))
		err = dns_record_value(item->challenge.keyauth, r->value);
	return err;
}

static enum err
fill_persist(const struct job *job, const struct engine_challenge *wanted, struct proof_item *item)
{
	const struct conf_dns *dns = job->ca->conf->dns;

	item->persist = prove_persist_new(job, wanted->issuers);
	if (dns && dns->update.unchecked)
		item->step = PROOF_READY;
	return item->persist ? ERR_OK : ERR_NOMEM;
}

static enum err
fill(const struct job *job, const struct engine_challenge *wanted, struct proof_item *item)
{
	struct challenge *c = &item->challenge;
	enum err err;

	*item = (struct proof_item){
		.challenge = {.name = wanted->name, .created_at = clock_wall()}};
	err = challenge_kind_parse(wanted->type, &c->kind);
	if (err)
		return err;
	snprintf(c->token, sizeof(c->token), "%s", wanted->token);
	snprintf(c->keyauth, sizeof(c->keyauth), "%s.%s", wanted->token,
	         client_thumbprint(job->ca->client));
	item->step = is_to_present(item) ? PROOF_PRESENT : PROOF_LOOK;
	if (c->kind == CHALLENGE_DNS_PERSIST_01)
		err = fill_persist(job, wanted, item);
	if (err)
		return err;
	return item_is_served(item) ? ERR_OK : fill_record(job, item);
}

enum err
proof_prepare(struct job *job)
{
	size_t count, before = job->proof ? job->proof->count : 0;
	const struct engine_challenge *wanted = engine_challenges(job->engine, &count);
	struct proof *proof = job->proof ? job->proof : calloc(1, sizeof(*proof));
	struct proof_item *items;
	enum err err = ERR_OK;

	if (job->proof && !job->proof->done)
		return ERR_OK;
	items = proof ? reallocarray(proof->items, before + count, sizeof(*items)) : NULL;
	job->proof = proof;
	if (!items)
		return ERR_NOMEM;
	proof->items = items;
	for (size_t i = 0; i < count && !err; i++) {
		err = fill(job, &wanted[i], &items[before + i]);
		if (err)
			free(items[before + i].persist);
		else
			proof->count++;
	}
	proof->recorded = false;
	proof->done = err != ERR_OK;
	proof->problem = (struct problem){0};
	return err;
}

bool
proof_is_to_record(const struct proof *proof)
{
	if (!proof || proof->recorded || proof->done)
		return false;
	for (size_t i = 0; i < proof->count; i++)
		if (is_to_present(&proof->items[i]))
			return true;
	return false;
}

enum err
proof_record(const struct proof *proof, struct store_txn *txn)
{
	enum err err = ERR_OK;

	if (!proof_is_to_record(proof))
		return ERR_OK;
	for (size_t i = 0; i < proof->count && !err; i++)
		if (is_to_present(&proof->items[i]))
			err = presented_put(txn, &proof->items[i].record);
	return err;
}

void
proof_recorded(struct proof *proof)
{
	if (proof)
		proof->recorded = true;
}

enum err
proof_publish(const struct proof *proof, struct store_txn *txn)
{
	enum err err = ERR_OK;

	for (size_t i = 0; proof && i < proof->count && !err; i++)
		if (item_is_served(&proof->items[i]))
			err = challenge_put(txn, &proof->items[i].challenge);
	return err;
}

enum err
proof_withdraw(const struct proof *proof, struct store_txn *txn)
{
	enum err err = ERR_OK;

	for (size_t i = 0; proof && i < proof->count && !err; i++)
		if (item_is_served(&proof->items[i]))
			err = challenge_del(txn, &proof->items[i].challenge);
	return err;
}

const char *
proof_word(const struct proof *proof)
{
	return proof && proof->count
	               ? challenge_kind_word(proof->items[proof->count - 1].challenge.kind)
	               : "";
}
