/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_diagnose.h - the `diagnose` block of the configuration; see daemon/conf/conf.h
 */
#ifndef DAEMON_CONF_CONF_DIAGNOSE_H
#define DAEMON_CONF_CONF_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/conf/conf_address.h"

enum { CONF_OWN_MAX = 16 };

struct conf_diagnose {
	bool off;                 /* nothing is looked at unless somebody asks */
	bool from_root;           /* ask no resolver: the zones' own servers, from the root on */
	bool probe_private;       /* connect to addresses that are not public, too */
	const char *trust_anchor; /* NULL: see daemon/dns/diagnose_dns.h */
	uint32_t again_ms;        /* until a failing name is looked at again; default 1 min */
	uint32_t moved_after_ms;  /* 0: names are not taken for moved; default 7 days */
	uint32_t http_port;       /* that a CA connects to: 80 */
	uint32_t tls_port;        /* 443 */
	size_t address_count;     /* ours, as the world sees them; 0: those of this machine */
	struct conf_address addresses[CONF_OWN_MAX]; /* without a port */
};

#endif
