/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/credcache.h - which credential and backend a name has, and a worker's bounded cache
 * of them
 *
 * credcache_lookup() asks the store on every ClientHello, so a commit of the keeper is true for the
 * next handshake; the cache only saves decoding. Its entries are keyed by names the store has,
 * never by what a client sent, so strangers cannot fill it, and hashed with a key of the worker's
 * own. Which certificate: the name's own, else the wildcard's above it; one that is valid now
 * before one that is not; a record that cannot be opened is logged once, counted, and treated as
 * not there. Memory: about 9.3 KB an entry (P-256), so CREDCACHE_MAX entries are 38 MB a worker.
 * Threads: one.
 */
#ifndef DAEMON_FRONT_CREDCACHE_H
#define DAEMON_FRONT_CREDCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct conf;
struct conf_backend;
struct cred;
struct credcache;
struct hostname;
struct status_slot;
struct store;

enum { CREDCACHE_MAX = 4 * 1024, CREDCACHE_RETRY_MS = 5000 };

struct credcache_config {
	const struct conf *conf; /* all borrowed */
	struct store *store;
	struct status_slot *status;
	size_t max_entries; /* at least 1 */
	uint32_t retry_ms;  /* how long a record that cannot be opened is left alone */
};

MUST_CHECK enum err credcache_new(const struct credcache_config *config,
                                  struct credcache **ret_cache);
/* Every reference from credcache_lookup() must be back. Accepts NULL. */
void credcache_free(struct credcache *cache);
/* Empties it: private keys go when the last reference to them does. */
void credcache_forget(struct credcache *cache);

struct cred_route {
	struct cred *cred; /* a reference of the caller's; NULL: the backend's own */
	const struct conf_backend *backend; /* NULL: conf has none of that name */
	bool on_demand; /* ERR_WRONGSTATE: a handshake has asked for the name, */
	bool coming;    /* and its first attempt may well end soon */
};

/* ERR_NOTFOUND: neither NAME nor its wildcard is ours. ERR_WRONGSTATE: it is, but has nothing
 * usable; RET_ROUTE says whether on demand. The backend is NAME's own when it has a record, also
 * where the wildcard lends its certificate. One that TLS passes through to needs no certificate,
 * and none is loaded. */
MUST_CHECK enum err credcache_lookup(struct credcache *cache, const struct hostname *name,
                                     struct cred_route *ret_route);

#endif
