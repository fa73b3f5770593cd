/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/credcache.h"

#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Out of memory, uthash leaves the element out (hh.tbl is NULL then) instead of exiting. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "base/log.h"
#include "base/siphash.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/cred.h"
#include "store/domain.h"
#include "store/store.h"

enum { USE_AGAIN_MS = 2000 };

/* Generation of an entry whose domain record does not open: no certificate ever has it. */
#define GENERATION_NONE UINT64_MAX

struct entry {
	struct hostname name;
	uint64_t generation;
	uint64_t second;     /* generation */
	struct cred *cred;   /* NULL: this generation cannot be used, and was logged */
	int64_t retry_at_ms; /* when it is tried again, then */
	int64_t noted_ms;    /* its use, see note_use() */
	const struct conf_backend *backend; /* of backend_name */
	char backend_name[NAME_WORD_MAX + 1];
	struct entry *prev, *next; /* least recently used at the end */
	UT_hash_handle hh;
};

struct credcache {
	struct credcache_config config;
	unsigned char hash_key[SIPHASH_KEY_LEN];
	struct entry *by_name;
	struct entry *by_use;
	bool passes_through; /* some backend does */
	bool is_particular;  /* some backend does, or asks clients for certificates */
	struct cred_chains *chains;
};

static unsigned
hash(const struct credcache *cache, const struct hostname *name)
{
	return (unsigned)siphash(cache->hash_key, name->name, name->len);
}

static struct entry *
entry_find(struct credcache *cache, const struct hostname *name)
{
	unsigned hashed = hash(cache, name);
	struct entry *e;

	HASH_FIND_BYHASHVALUE(hh, cache->by_name, name->name, name->len, hashed, e);
	return e;
}

static void
entry_drop(struct credcache *cache, struct entry *e)
{
	HASH_DEL(cache->by_name, e);
	DL_DELETE(cache->by_use, e);
	cred_unref(e->cred);
	free(e);
	status_add(cache->config.status, STATUS_CRED_ENTRIES, -1);
}

/* NULL when there is no memory. */
static struct entry *
entry_add(struct credcache *cache, const struct hostname *name)
{
	unsigned hashed = hash(cache, name);
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->name = *name;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, cache->by_name, e->name.name, e->name.len, hashed, e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	DL_PREPEND(cache->by_use, e);
	status_add(cache->config.status, STATUS_CRED_ENTRIES, 1);
	if (HASH_COUNT(cache->by_name) > cache->config.max_entries)
		entry_drop(cache, cache->by_use->prev);
	return e;
}

/* Makes CRED (NULL: nothing usable) what the cache has for NAME; takes the reference. */
static struct entry *
entry_set(struct credcache *cache, const struct hostname *name, uint64_t generation,
          struct cred *cred)
{
	struct entry *e = entry_find(cache, name);

	if (!e)
		e = entry_add(cache, name);
	if (!e) {
		cred_unref(cred);
		return NULL;
	}
	cred_unref(e->cred);
	e->cred = cred;
	e->generation = generation;
	return e;
}

static void
note_broken(struct credcache *cache, const struct hostname *name, uint64_t generation,
            uint64_t second, enum err err)
{
	struct entry *e = entry_find(cache, name);
	bool noted = e && e->generation == generation && !e->cred;

	status_add(cache->config.status, STATUS_CRED_FAILED, 1);
	if (!noted)
		log_host_warn(name, "%s cannot be used: %s; serving as if it were not there",
		              generation == GENERATION_NONE ? "the stored domain record"
		                                            : "the stored certificate",
		              err_text(err));
	report_add(&cache->config.status->reports, name);
	e = entry_set(cache, name, generation, NULL);
	if (!e)
		return;
	e->second = second;
	e->retry_at_ms = clock_mono_ms() + cache->config.retry_ms;
}

/* ERR_CRYPTO of a process that is locked out says nothing about the record. */
static bool
is_damage(const struct credcache *cache, enum err err)
{
	if (err == ERR_CRYPTO && store_is_locked_out(cache->config.store))
		return false;
	return err != ERR_NOMEM && err != ERR_IO && err != ERR_BUSY && err != ERR_FULL;
}

static const struct conf_backend *
entry_backend(struct credcache *cache, struct entry *e, const char *name)
{
	if (!e->backend || strcmp(e->backend_name, name) != 0) {
		e->backend = conf_backend(cache->config.conf, name);
		snprintf(e->backend_name, sizeof(e->backend_name), "%s", name);
	}
	return e->backend;
}

static struct entry *
entry_took(struct credcache *cache, const struct domain *domain, struct cred *cred)
{
	struct entry *e;

	/* It serves; the keeper repairs what it lacks. */
	if (cred_is_incomplete(cred))
		report_add(&cache->config.status->reports, &domain->name);
	e = entry_set(cache, &domain->name, domain->generation, cred);
	if (e)
		e->second = domain->second.generation;
	return e;
}

/* The entry of DOMAIN's current generation, loaded if need be; NULL when it cannot be used. */
static struct entry *
entry_current(struct credcache *cache, struct store_txn *txn, const struct domain *domain)
{
	struct entry *e = entry_find(cache, &domain->name);
	struct cred *cred = NULL;
	enum err err;

	if (e && e->generation == domain->generation && e->second == domain->second.generation &&
	    (e->cred ? !cred_is_spoiled(e->cred) : clock_mono_ms() < e->retry_at_ms)) {
		DL_DELETE(cache->by_use, e);
		DL_PREPEND(cache->by_use, e);
		if (e->cred)
			status_add(cache->config.status, STATUS_CRED_CACHED, 1);
		return e->cred ? e : NULL;
	}
	err = cred_load(cache->chains, txn, domain, &cred);
	if (!err) {
		status_add(cache->config.status, STATUS_CRED_LOADED, 1);
		return entry_took(cache, domain, cred);
	}
	if (is_damage(cache, err))
		note_broken(cache, &domain->name, domain->generation, domain->second.generation,
		            err);
	else
		status_add(cache->config.status, STATUS_CRED_FAILED, 1);
	return NULL;
}

/* Selection */

static bool
find_domain(struct credcache *cache, struct store_txn *txn, const struct hostname *name,
            struct domain *ret_domain)
{
	enum err err = domain_get(txn, name, ret_domain);
	struct entry *e = err ? entry_find(cache, name) : NULL;

	if (err == ERR_NOTFOUND && e)
		entry_drop(cache, e);
	else if (err && err != ERR_NOTFOUND && is_damage(cache, err) &&
	         (!e || e->generation != GENERATION_NONE || e->retry_at_ms <= clock_mono_ms()))
		note_broken(cache, name, GENERATION_NONE, 0, err);
	return err == ERR_OK;
}

static bool
has_valid(const struct domain *d, int64_t now)
{
	const struct domain_second *s = &d->second;

	return (d->generation != 0 && d->not_before <= now && now < d->not_after) ||
	       (s->generation != 0 && s->not_before <= now && now < s->not_after);
}

static bool
has_any(const struct domain *d)
{
	return d->generation || d->second.generation;
}

/* Whether the backend NAME has TLS of its own. */
static bool
passes_through(const struct credcache *cache, const char *name, struct cred_route *ret)
{
	const struct conf_backend *b =
		cache->passes_through ? conf_backend(cache->config.conf, name) : NULL;

	if (!b || !b->passthrough)
		return false;
	*ret = (struct cred_route){.backend = b};
	return true;
}

/* The keeper hears of a name that came on demand about once a day; until it has written that down,
 * every few seconds. */
static void
note_use(struct credcache *cache, struct entry *e, const struct domain *own, int64_t now)
{
	int64_t mono = clock_mono_ms();

	if (now - own->used_at < conf_use_every_s(&cache->config.conf->on_demand) ||
	    (e->noted_ms && mono - e->noted_ms < USE_AGAIN_MS))
		return;
	e->noted_ms = mono;
	report_add(&cache->config.status->uses, &own->name);
}

/* The first attempt of a name that came on demand takes as long as its first client waits, or so
 * long that nobody is to wait for it. */
static enum err
nothing_usable(const struct credcache *cache, const struct domain *own, bool is_known,
               struct cred_route *ret)
{
	int64_t wait_s = cache->config.conf->on_demand.wait_ms / 1000;

	*ret = (struct cred_route){.on_demand = own && own->used_at};
	ret->coming = ret->on_demand && own->state == DOMAIN_PENDING &&
	              clock_wall() - own->created_at <= wait_s;
	return is_known ? ERR_WRONGSTATE : ERR_NOTFOUND;
}

static enum err
choose(struct credcache *cache, struct store_txn *txn, const struct hostname *name,
       struct cred_route *ret)
{
	struct domain own, wild;
	struct hostname parent;
	struct entry *e = NULL;
	int64_t now = clock_wall();
	bool has_own = find_domain(cache, txn, name, &own), has_wild = false;

	if (has_own && passes_through(cache, own.backend, ret))
		return ERR_OK;
	if (has_own && has_valid(&own, now))
		e = entry_current(cache, txn, &own);
	if (!e && hostname_wildcard_parent(name, &parent) == ERR_OK)
		has_wild = find_domain(cache, txn, &parent, &wild);
	if (has_wild && !has_own && passes_through(cache, wild.backend, ret))
		return ERR_OK;
	if (!e && has_wild && has_valid(&wild, now))
		e = entry_current(cache, txn, &wild);
	if (!e && has_own && has_any(&own))
		e = entry_current(cache, txn, &own);
	if (!e && has_wild && has_any(&wild))
		e = entry_current(cache, txn, &wild);
	if (!e)
		return nothing_usable(cache, has_own ? &own : NULL, has_own || has_wild, ret);
	if (has_own && own.used_at)
		note_use(cache, e, &own, now);
	if (has_own && !hostname_equal(&e->name, name))
		ret->backend = conf_backend(cache->config.conf, own.backend);
	else
		ret->backend = entry_backend(cache, e, has_own ? own.backend : wild.backend);
	ret->cred = cred_ref(e->cred);
	return ERR_OK;
}

/* The store cannot be read: what was good a moment ago is better than nothing. */
static enum err
choose_cached(struct credcache *cache, const struct hostname *name, struct cred_route *ret)
{
	struct hostname parent;
	struct entry *e = entry_find(cache, name);

	status_add(cache->config.status, STATUS_CRED_FAILED, 1);
	/* Without its record nobody knows that NAME has no backend of its own: where backends
	 * differ in who may come in, the wildcard's is not lent. */
	if ((!e || !e->cred) && !cache->is_particular &&
	    hostname_wildcard_parent(name, &parent) == ERR_OK)
		e = entry_find(cache, &parent);
	if (!e || !e->cred)
		return ERR_WRONGSTATE;
	*ret = (struct cred_route){.cred = cred_ref(e->cred), .backend = e->backend};
	return ERR_OK;
}

enum err
credcache_lookup(struct credcache *cache, const struct hostname *name, struct cred_route *ret_route)
{
	struct store_txn *txn;
	enum err err = store_begin_read(cache->config.store, STORE_SERVED, &txn);

	*ret_route = (struct cred_route){.cred = NULL};
	if (err)
		return choose_cached(cache, name, ret_route);
	err = choose(cache, txn, name, ret_route);
	store_abort(txn);
	if (err && store_is_locked_out(cache->config.store) &&
	    choose_cached(cache, name, ret_route) == ERR_OK)
		return ERR_OK;
	return err;
}

static void
note_backend(struct credcache *cache, const struct conf_backend *b)
{
	cache->passes_through |= b->passthrough;
	cache->is_particular |= b->passthrough || b->client_cert != CLIENT_CERT_NONE;
}

enum err
credcache_new(const struct credcache_config *config, struct credcache **ret_cache)
{
	struct credcache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return ERR_NOMEM;
	cache->config = *config;
	for (size_t i = 0; i < config->conf->backend_count; i++)
		note_backend(cache, &config->conf->backends[i]);
	if (RAND_bytes(cache->hash_key, sizeof(cache->hash_key)) != 1 ||
	    cred_chains_new(&cache->chains) != ERR_OK) {
		free(cache);
		return ERR_NOMEM;
	}
	*ret_cache = cache;
	return ERR_OK;
}

void
credcache_forget(struct credcache *cache)
{
	while (cache->by_use)
		entry_drop(cache, cache->by_use);
}

void
credcache_free(struct credcache *cache)
{
	if (!cache)
		return;
	credcache_forget(cache);
	cred_chains_free(cache->chains);
	free(cache);
}
