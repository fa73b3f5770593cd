/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_backend.h - the part of a struct conf (daemon/conf/conf.h) that says where
 * connections go: backends, their servers, and how those are looked after */
#ifndef DAEMON_CONF_CONF_BACKEND_H
#define DAEMON_CONF_CONF_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/conf/conf_address.h"
#include "store/domain.h"

enum {
	CONF_SERVERS_MAX = 16,       /* of one backend */
	CONF_SERVERS_ALL_MAX = 4096, /* of all together */
};

struct conf_server {
	const char *text;            /* "10.0.0.7:8080", "app.internal:8080": its name for people */
	const char *host;            /* to be looked up; NULL: `address` is all there is */
	uint16_t port;               /* of `host` */
	struct conf_address address; /* `len` 0: see `host` */
};

enum conf_client_cert { CLIENT_CERT_NONE, CLIENT_CERT_OPTIONAL, CLIENT_CERT_REQUIRED };

enum conf_balance { BALANCE_LEAST = 1, BALANCE_FIRST };

enum conf_check_kind {
	CHECK_FAILED, /* only servers that connections could not reach, by connecting */
	CHECK_CONNECT,
	CHECK_HTTP
};

/* How the keeper finds out whether a server does its work. */
struct conf_check {
	enum conf_check_kind kind;
	const char *method; /* HTTP: "GET" */
	const char *path;
	const char *host; /* NULL: the server's text */
	uint32_t expect_min, expect_max;
	uint32_t every_ms; /* default 5 s */
	uint32_t fall;     /* failures in a row, of checks or of connections; default 3 */
	uint32_t rise;     /* checks in a row that went well; default 2 */
};

/* TLS towards the servers. */
struct conf_backend_tls {
	bool on;
	bool unverified;
	const char *name;    /* NULL: the server's own, be it a name or an address */
	const char *ca_file; /* NULL: the system's roots */
	const char *ca_pem;  /* what stands in it, read when the configuration was */
};

struct conf_backend {
	char name[NAME_WORD_MAX + 1];
	struct conf_server servers[CONF_SERVERS_MAX];
	size_t server_count;
	enum conf_balance balance; /* default least connections */
	struct conf_check check;
	struct conf_backend_tls tls;
	uint32_t send_proxy;               /* 0: no, 1 or 2: version of the PROXY protocol */
	bool passthrough;                  /* TLS is the servers' own: bytes go there untouched */
	bool connect_immediately;          /* else at the client's first byte */
	uint32_t connect_timeout_ms;       /* per server; default 5 s */
	unsigned char alpn[CONF_ALPN_MAX]; /* what we may choose, wire format (RFC 7301 3.1) */
	size_t alpn_len;                   /* default: http/1.1 */
	enum conf_client_cert
		client_cert;      /* what clients have to show; daemon/front/client_cert.h */
	const char *client_trust; /* the PEM text of whom to believe */
};

#endif
