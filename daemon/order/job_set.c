/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/job_set.h"

#include <stdio.h>
#include <string.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/front/pair.h"
#include "daemon/front/staple.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/set.h"
#include "store/store.h"

/* ---- what is ordered ------------------------------------------------------------------------ */

/* One whose record does not open is made anew, and stands alone then. */
static bool
is_led(struct store_txn *txn, const struct hostname *lead, const struct hostname *name)
{
	struct domain d;

	return domain_get(txn, name, &d) == ERR_OK && hostname_equal(&d.lead, lead);
}

/* The lead first, then who it leads. */
static enum err
names_of(struct store_txn *txn, const struct hostname *lead, struct hostname names[SET_NAMES_MAX],
         size_t *ret_count)
{
	struct hostname members[SET_NAMES_MAX];
	size_t count, kept = 1;
	enum err err = set_members(txn, lead, members, &count);

	if (err)
		return err;
	names[0] = *lead;
	for (size_t i = 0; i < count && kept < SET_NAMES_MAX; i++)
		if (is_led(txn, lead, &members[i]))
			names[kept++] = members[i];
	*ret_count = kept;
	return ERR_OK;
}

/* Which certificate of D has an RSA key, or another one: 0 first, 1 second, -1 none that opens. */
static int
place_of(struct store_txn *txn, const struct domain *d, bool rsa)
{
	int place = -1;

	for (int second = 0; second < 2 && place < 0; second++) {
		struct cert cert;

		if (!(second ? d->second.generation : d->generation))
			continue;
		cert_init(&cert);
		if (!pair_get(txn, d, second, &cert) && pair_leaf_is_rsa(&cert.leaf) == rsa)
			place = second;
		cert_done(&cert);
	}
	return place;
}

/* Of two that are there, whether the second one's turn is before the first's: by the plan; where
 * neither is due by it and somebody wants a new one, the older. */
static bool
is_sooner(struct store_txn *txn, const struct domain *d, int second, int first)
{
	int64_t a = renewal_moment(txn, d, second, 0), b = renewal_moment(txn, d, first, 0);
	uint64_t generations[2] = {d->generation, d->second.generation};

	if (a > clock_wall() && b > clock_wall())
		return generations[second] < generations[first];
	return a < b;
}

static bool
is_late(struct store_txn *txn, const struct domain *d, int second)
{
	return renewal_moment(txn, d, second, 0) <= clock_wall();
}

/* What is missing, or is to be renewed first. A CA may never take keys of the kind that is missing:
 * the one that is there does not wait for that. */
static enum key_kind
kind_of(struct store_txn *txn, const struct domain *d, const struct conf_default *otherwise)
{
	int first, second;

	if (otherwise->second_key == KEY_KINDS)
		return otherwise->key;
	first = place_of(txn, d, key_kind_is_rsa(otherwise->key));
	second = place_of(txn, d, key_kind_is_rsa(otherwise->second_key));
	if (first < 0 && (second < 0 || !is_late(txn, d, second)))
		return otherwise->key;
	if (first < 0)
		return otherwise->second_key;
	if (second < 0)
		return is_late(txn, d, first) ? otherwise->key : otherwise->second_key;
	return is_sooner(txn, d, second, first) ? otherwise->second_key : otherwise->key;
}

/* The identifier of the certificate that one with a key of KIND takes the place of. */
static bool
find_replaced(struct store_txn *txn, const struct job *job, enum key_kind kind, char *ret_id)
{
	const struct domain *d = &job->domain;
	int place = place_of(txn, d, key_kind_is_rsa(kind));
	struct renewal r;

	if (place < 0 && !job->pairs && d->generation)
		place = 0; /* of another type, and still what is replaced */
	if (place < 0 ||
	    renewal_get(txn, &d->name, place ? d->second.generation : d->generation, &r) ||
	    !renewal_is_replaceable(&r, job->ca->conf->name, job->ca->client))
		return false;
	snprintf(ret_id, RENEWAL_TEXT_MAX + 1, "%s", r.id);
	return true;
}

enum err
job_set_order(const struct job *job, const struct conf *conf, struct store *store,
              struct job_order_texts *texts, struct engine_config *config)
{
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = names_of(txn, &job->name, texts->names, &config->name_count);
	config->names = texts->names;
	config->key_kind = kind_of(txn, &job->domain, &conf->otherwise);
	if (find_replaced(txn, job, config->key_kind, texts->replaced))
		config->replaces = texts->replaced;
	store_abort(txn);
	return err;
}

static bool
has(const struct hostname *names, size_t count, const struct hostname *name)
{
	for (size_t i = 0; i < count; i++)
		if (hostname_equal(&names[i], name))
			return true;
	return false;
}

static bool
has_all(const struct hostname *names, size_t count, const struct hostname *of, size_t of_count)
{
	for (size_t i = 0; i < of_count; i++)
		if (!has(names, count, &of[i]))
			return false;
	return true;
}

bool
job_set_is_current(const struct job *job, struct store *store)
{
	struct hostname names[SET_NAMES_MAX];
	const struct hostname *ordered;
	struct store_txn *txn;
	size_t count, ordered_count;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return true;
	err = names_of(txn, &job->name, names, &count);
	store_abort(txn);
	ordered = engine_names(job->engine, &ordered_count);
	return err || (count == ordered_count && has_all(names, count, ordered, ordered_count));
}

/* ---- what is stored ------------------------------------------------------------------------- */

static enum err
fill(const struct job *job, struct cert *cert)
{
	enum err err = key_save(engine_key(job->engine), &cert->key);

	cert->not_before = job->chain.not_before;
	cert->not_after = job->chain.not_after;
	cert->key_kind = cert->key.len == KEY_P256_SCALAR_LEN ? CERT_KEY_P256 : CERT_KEY_PKCS8;
	buf_add(&cert->leaf, job->chain.leaf.data, job->chain.leaf.len);
	return err || buf_ok(&cert->leaf) ? err : ERR_NOMEM;
}

/* In D, which is put by the caller: as its first certificate, or its second. */
static enum err
give(struct store_txn *txn, struct domain *d, const struct cert *cert, bool second)
{
	if (second) {
		d->second =
			(struct domain_second){cert->generation, cert->not_before, cert->not_after};
	} else {
		domain_take_cert(d, cert, true);
		pair_settle(txn, d, pair_leaf_is_rsa(&cert->leaf));
	}
	return staple_plan(txn, &d->name, second, cert->generation,
	                   (struct span){cert->leaf.data, cert->leaf.len});
}

/* The other names: those that were ordered and still belong to it. */
static size_t
others(struct job *job, struct store_txn *txn, struct hostname names[SET_NAMES_MAX],
       enum err *ret_err)
{
	size_t count, ordered_count, kept = 0;
	const struct hostname *ordered = engine_names(job->engine, &ordered_count);

	*ret_err = names_of(txn, &job->name, names, &count);
	if (*ret_err)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (has(ordered, ordered_count, &names[i]))
			names[kept++] = names[i];
	return kept;
}

static enum err
next_generation(struct store_txn *txn, const struct hostname *names, size_t count,
                uint64_t *generation)
{
	enum err err = ERR_OK;

	for (size_t i = 1; i < count && !err; i++) {
		struct domain d;
		uint64_t next;

		err = domain_get(txn, &names[i], &d);
		if (!err)
			err = cert_next_generation(txn, &d, &next);
		if (!err && next > *generation)
			*generation = next;
	}
	return err;
}

static enum err
give_others(struct job *job, struct store_txn *txn, const struct hostname *names, size_t count,
            const struct cert *cert)
{
	bool rsa = pair_leaf_is_rsa(&cert->leaf);
	enum err err = ERR_OK;

	for (size_t i = 1; i < count && !err; i++) {
		struct domain d;

		err = domain_get(txn, &names[i], &d);
		if (!err)
			err = give(txn, &d, cert, job->pairs && pair_takes_second(txn, &d, rsa));
		if (!err)
			err = domain_put(txn, &d);
	}
	return err;
}

enum err
job_set_store(struct job *job, struct store_txn *txn, struct domain *d)
{
	struct hostname names[SET_NAMES_MAX];
	struct cert cert;
	bool second;
	size_t count;
	enum err err;

	cert_init(&cert);
	count = others(job, txn, names, &err);
	if (!err)
		err = fill(job, &cert);
	if (!err)
		err = cert_next_generation(txn, d, &cert.generation);
	if (!err)
		err = next_generation(txn, names, count, &cert.generation);
	second = !err && job->pairs && pair_takes_second(txn, d, pair_leaf_is_rsa(&cert.leaf));
	if (!err)
		err = cert_pool_put(txn, names, count, &cert, &job->chain.issuers);
	if (!err)
		err = give(txn, d, &cert, second);
	if (!err)
		err = give_others(job, txn, names, count, &cert);
	cert_done(&cert);
	return err;
}

int64_t
job_set_due(const struct job *job, struct store_txn *txn, const struct domain *d, uint32_t random)
{
	struct hostname names[SET_NAMES_MAX];
	size_t count, ordered_count;
	const struct hostname *ordered = engine_names(job->engine, &ordered_count);

	/* A name that has joined meanwhile waits for the next one. */
	if (names_of(txn, &job->name, names, &count) ||
	    !has_all(ordered, ordered_count, names, count) || (job->pairs && !d->second.generation))
		return clock_wall();
	return renewal_plan(txn, d, job->pairs, random);
}

enum err
job_set_follow(struct store_txn *txn, const struct domain *lead)
{
	struct hostname names[SET_NAMES_MAX];
	size_t count;
	enum err err = names_of(txn, &lead->name, names, &count);

	for (size_t i = 1; i < count && !err; i++) {
		struct domain d;

		err = domain_get(txn, &names[i], &d);
		if (err)
			return err;
		d.state =
			lead->state == DOMAIN_VALID && !d.generation ? DOMAIN_PENDING : lead->state;
		d.failures = lead->failures;
		d.due_at = 0;
		d.problem = lead->problem;
		d.attempted_at = lead->attempted_at;
		memcpy(d.ca, lead->ca, sizeof(d.ca));
		memcpy(d.cas, lead->cas, sizeof(d.cas));
		err = domain_put(txn, &d);
	}
	return err;
}
