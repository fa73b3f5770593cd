/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation (RFC 8555 7.6): of what a name has, by the account or by the certificate's own key;
 * afterwards the names that had it are due at once. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/key.h"
#include "acme/refusal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/order/compromised.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/renewal.h"
#include "store/cert.h"
#include "store/store.h"

static void revoke_one(struct issuer *s, struct errand *e);

static void
end(struct issuer *s, struct errand *e)
{
	TAILQ_REMOVE(&s->revocations, e, link);
	issuer_end_errand(s, e);
}

static void
fail(struct issuer *s, struct errand *e, enum err err)
{
	e->word = err_word(err);
	problem_set(&e->problem, PROBLEM_INTERNAL, "%s",
	            err == ERR_NOTFOUND ? "there is no certificate of this name here"
	            : err == ERR_BUSY   ? "the account's key is being changed: try again later"
	                                : err_text(err));
	end(s, e);
}

/* ---- afterwards ----------------------------------------------------------------------------- */

/* NAME gets new ones if it has what REVOKED has; a second one only where names have PAIRS. */
static enum err
make_due(struct store_txn *txn, const struct domain *revoked, const struct hostname *name,
         bool pairs, unsigned *ret_count)
{
	struct domain d;
	enum err err = domain_get(txn, name, &d);
	bool same = hostname_equal(name, &revoked->name) ||
	            (d.pooled && revoked->pooled && d.generation == revoked->generation);

	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (err || !same)
		return err;
	if (!pairs)
		d.second = (struct domain_second){0};
	if (d.due_at) { /* else in work already, or not ours to order */
		d.due_at = clock_wall();
		++*ret_count;
	}
	err = domain_put(txn, &d);
	return err ? err : renewal_revoked(txn, &d);
}

static enum err
make_all_due(struct store_txn *txn, const struct hostname *name, bool pairs, unsigned *ret_count)
{
	struct chain_facts facts = {0};
	struct hostname other;
	struct domain d;
	struct cert cert;
	enum err err = domain_get(txn, name, &d);

	cert_init(&cert);
	if (!err)
		err = make_due(txn, &d, name, pairs, ret_count);
	if (!err && d.pooled)
		err = cert_get_for(txn, &d, &cert);
	if (!err && d.pooled)
		err = chain_facts(cert.leaf.data, cert.leaf.len, &facts);
	for (size_t at = 0; !err && at < facts.names.len;
	     at += strlen((char *)facts.names.data + at) + 1)
		if (!hostname_parse((char *)facts.names.data + at, &other, NULL) &&
		    !hostname_equal(&other, name))
			err = make_due(txn, &d, &other, pairs, ret_count);
	buf_done(&facts.names);
	cert_done(&cert);
	return err;
}

static void
renew(struct issuer *s, struct errand *e)
{
	struct store_txn *txn;
	unsigned count = 0;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (!err) {
		err = make_all_due(txn, &e->name, s->conf->otherwise.second_key != KEY_KINDS,
		                   &count);
		err = store_finish(txn, err);
	}
	if (err)
		log_host_warn(&e->name, "revoked, but not due for a new certificate: %s",
		              err_text(err));
	cJSON_AddNumberToObject(e->said, "renewing", count);
}

static void
done(struct issuer *s, struct errand *e)
{
	e->said = cJSON_CreateObject();
	cJSON_AddStringToObject(e->said, "name", e->name.name);
	cJSON_AddNumberToObject(e->said, "revoked", e->revoked);
	log_host_notice(&e->name, "certificate revoked at ca %s, reason %u", e->ca, e->reason);
	history_add(s->store, s->notices, "cert.revoked", e->name.name,
	            "at ca %s by uid %u, reason %u, signed by the %s", e->ca, (unsigned)e->uid,
	            e->reason, e->with_key ? "certificate's key" : "account");
	if (e->renew)
		renew(s, e);
	end(s, e);
}

/* ---- one certificate ------------------------------------------------------------------------ */

static void
on_revoked(void *arg, const struct client_answer *answer)
{
	struct errand *e = arg;
	struct issuer *s = e->authority->issuer;

	if (answer->problem.kind != PROBLEM_NONE &&
	    !refusal_is(&answer->problem, "alreadyRevoked")) {
		e->problem = answer->problem;
		end(s, e);
		return;
	}
	e->revoked++;
	if (e->second) {
		done(s, e);
		return;
	}
	e->second = true;
	revoke_one(s, e);
}

/* With several CAs it is not always the one whose turn is next that has issued a certificate. */
static void
find_issuer(struct issuer *s, struct store_txn *txn, const struct domain *d, struct errand *e)
{
	uint64_t generation = e->second ? d->second.generation : d->generation;
	struct renewal r;

	if (e->at_ca || renewal_get(txn, d->lead.len ? &d->lead : &d->name, generation, &r))
		return;
	for (size_t i = 0; i < s->ca_count; i++)
		if (strcmp(s->cas[i]->conf->name, r.ca) == 0)
			e->authority = s->cas[i];
	snprintf(e->ca, sizeof(e->ca), "%s", e->authority->conf->name);
}

static enum err
read_cert(struct issuer *s, struct errand *e, struct cert *cert)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, &e->name, &d);
	if (!err)
		err = e->second ? cert_get_second(txn, &d, cert) : cert_get_for(txn, &d, cert);
	if (!err)
		find_issuer(s, txn, &d, e);
	store_abort(txn);
	return err;
}

/* Its account's key or the account itself is being changed at the CA. */
static bool
is_changing(const struct authority *ca)
{
	const struct errand *e = ca->leader->errand;

	return ca->quiet && e && !e->give_up_at;
}

/* Whatever the CA answers: who says so knows it. */
static enum err
bar_key(struct issuer *s, const struct cert *cert)
{
	struct store_txn *txn;
	enum err err = store_begin_write(s->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = compromised_put(txn, (struct span){cert->leaf.data, cert->leaf.len});
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static void
revoke_one(struct issuer *s, struct errand *e)
{
	struct client_revocation what = {.reason = e->reason};
	struct client *client;
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = read_cert(s, e, &cert);
	if (err == ERR_NOTFOUND && e->second) {
		done(s, e);
		goto out;
	}
	if (!err && is_changing(e->authority))
		err = ERR_BUSY;
	if (!err && e->reason == CRL_REASON_KEY_COMPROMISE && bar_key(s, &cert))
		log_host_warn(&e->name, "that its key is compromised is not stored");
	if (!err)
		err = authority_client(e->authority, &client);
	if (!err && e->with_key)
		err = key_load(&cert.key, &what.key);
	what.certificate = cert.leaf.data;
	what.len = cert.leaf.len;
	if (!err)
		err = client_revoke(client, &what, on_revoked, e);
	if (err)
		fail(s, e, err);
out:
	EVP_PKEY_free(what.key);
	cert_done(&cert);
}

void
issuer_revoke(struct issuer *s, struct errand *e)
{
	TAILQ_INSERT_TAIL(&s->revocations, e, link);
	revoke_one(s, e);
}
