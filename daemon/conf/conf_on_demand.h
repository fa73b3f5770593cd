/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_on_demand.h - the `on-demand` block of the configuration; see daemon/conf/conf.h
 */
#ifndef DAEMON_CONF_CONF_ON_DEMAND_H
#define DAEMON_CONF_CONF_ON_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hostname.h"
#include "daemon/order/limits.h"
#include "store/domain.h"

struct conf_backend;
struct conf_ca;

enum { CONF_ALLOW_MAX = 256 };

struct conf_on_demand {
	bool on;
	const struct hostname *allow; /* exact, or "*.": one label more; none: any */
	size_t allow_count;
	const char *url;                /* of who is asked besides; NULL: nobody */
	const char *socket;             /* the Unix socket it listens on; NULL: the URL's host */
	const char *ca_file;            /* NULL: the system's roots */
	uint32_t wait_ms;               /* a handshake, for its certificate; default 20 s */
	uint32_t cache_ms;              /* what was answered is good for; default 10 min */
	struct limits_rate per_address; /* names that a client network may ask for; 30/1h */
	struct limits_rate per_domain;  /* names added below a registered domain; 20/1d */
	uint32_t lapse_s;               /* unused for so long: not renewed; default 60 d */
	const struct conf_ca *cas[DOMAIN_CAS_MAX]; /* those of the `default` block */
	size_t ca_count;
	const struct conf_backend *backend; /* the same */
	char labels[LABELS_TEXT_MAX + 1];   /* as a domain has them */
};

/* Whether a client may ask for NAME: what can be said without asking anybody. */
bool conf_may_come(const struct conf_on_demand *o, const struct hostname *name);
/* How exactly it is noted when a name was used last, seconds. */
int64_t conf_use_every_s(const struct conf_on_demand *o);

#endif
