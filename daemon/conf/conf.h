/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf.h - the configuration file as an immutable value
 *
 * conf_load() reads FILE with its includes, checks everything that can be checked without acting
 * (words, units, addresses, references between blocks), and answers either a whole struct conf or
 * the first error as "file:line:col: sentence". A reload loads a new one and swaps it whole.
 * The grammar: docs/certd.conf.md. Unknown words are errors.
 * Ownership: reference counted, conf_ref()/conf_unref(); pointers inside live as long as the conf.
 * Threads:   read by all; counted atomically.
 */
#ifndef DAEMON_CONF_CONF_H
#define DAEMON_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/key.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/conf/conf_backend.h"
#include "daemon/conf/conf_ca.h"
#include "daemon/conf/conf_control.h"
#include "daemon/conf/conf_diagnose.h"
#include "daemon/conf/conf_dns.h"
#include "daemon/conf/conf_life.h"
#include "daemon/conf/conf_listen.h"
#include "daemon/conf/conf_on_demand.h"
#include "daemon/conf/conf_tell.h"
#include "daemon/conf/conf_user.h"
#include "store/domain.h"

enum { CONF_ERROR_MAX = 511, CONF_WORKERS_MAX = 64 };

struct conf_default {
	const struct conf_ca *ca;                  /* may be NULL: names must say which */
	const struct conf_ca *cas[DOMAIN_CAS_MAX]; /* in the order they are asked, `ca` first */
	size_t ca_count;
	const struct conf_backend *backend; /* the same */
	enum key_kind key;
	enum key_kind second_key; /* of a second certificate beside the first; KEY_KINDS: none */
	enum conf_unknown_sni unknown_sni;
	struct hostname certificate; /* for clients without a name; len 0: none */
};

struct conf {
	const char *file;
	const char *state_directory; /* default /var/lib/certd */
	const char *control_socket;  /* default /run/certd/control.sock */
	struct conf_control control; /* who may use it; default: group certd-admin */
	const char *master_key;      /* default master.key in the state directory */
	struct conf_front_user front_user;
	uint32_t workers;         /* default: one per CPU that we may run on */
	enum log_level log_level; /* default notice */
	const struct conf_listen *listens;
	size_t listen_count;
	const struct conf_ca *cas;
	size_t ca_count;
	const struct conf_dns *dns;
	size_t dns_count;
	struct conf_dns_resolvers resolvers;
	const char *public_suffixes; /* a file beside the system's list; NULL: none */
	const struct conf_backend *backends;
	size_t backend_count;
	const struct conf_bind *binds;
	size_t bind_count;
	bool ocsp_allow_private;       /* ask responders at addresses that are not public, too */
	struct conf_default otherwise; /* the `default` block */
	struct conf_tell tell;         /* metrics, expiry events, hooks */
	struct conf_diagnose diagnose;
	struct conf_removed removed;
	struct conf_audit audit;
	struct conf_ownership ownership;
	struct conf_on_demand on_demand;
	struct conf_quota quota;
	const struct conf_source *sources; /* the files: daemon/conf/conf_source.h */
};

/* ERR_INVALID with "file:line:col: sentence" in ERROR; ERR_NOTFOUND when FILE cannot be read. */
MUST_CHECK enum err conf_load(const char *file, const struct conf **ret_conf,
                              char error[CONF_ERROR_MAX + 1]);
const struct conf *conf_ref(const struct conf *conf);
void conf_unref(const struct conf *conf);

/* By name; NULL when there is none. */
const struct conf_ca *conf_ca(const struct conf *conf, const char *name);
const struct conf_dns *conf_dns(const struct conf *conf, const char *name);
const struct conf_backend *conf_backend(const struct conf *conf, const char *name);

#endif
