/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_listen.h - a `listen` block of the configuration; see daemon/conf/conf.h */
#ifndef DAEMON_CONF_CONF_LISTEN_H
#define DAEMON_CONF_CONF_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/conf/conf_address.h"
#include "daemon/conf/conf_tls.h"

struct network;

enum { CONF_LISTENS_MAX = 64, CONF_PROXIES_MAX = 64 };

enum conf_listen_kind { LISTEN_TLS = 1, LISTEN_HTTP };

struct conf_listen {
	struct conf_address address;
	enum conf_listen_kind kind;
	uint32_t max_connections;      /* per worker; default 20,000 */
	uint32_t max_per_address;      /* the same, see daemon/front/peers.h; 0: no limit */
	uint32_t handshake_timeout_ms; /* until the end of it, or of the request head; 10 s */
	uint32_t idle_timeout_ms;      /* without a byte either way; 5 min */
	const struct network *proxies; /* a PROXY header is required, and only from these; */
	size_t proxy_count;            /* 0: there must be none */
	struct conf_tls tls;
	unsigned char alpn[CONF_ALPN_MAX]; /* the only ones of a backend's that are chosen here */
	size_t alpn_len;                   /* 0: all of them */
	enum conf_unknown_sni unknown_sni; /* 0: as the `default` block says */
	bool no_demand;                    /* no name comes on demand here */
};

#endif
