/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/proxy.h - the PROXY protocol header: tells a backend who the client is
 *
 * Version 1 is a line of text with the addresses; version 2 has, behind the addresses, what was
 * agreed with the client: ALPN, AUTHORITY (its SNI), SSL (version, cipher, client certificate), and
 * in a type of its own the whole subject of that certificate.
 */
#ifndef DAEMON_FRONT_PROXY_H
#define DAEMON_FRONT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	PROXY_CN_MAX = 255,
	PROXY_SUBJECT_MAX = 512,
	PROXY_MAX = 1024,         /* of either version; nginx before 1.23.2 has no room for more */
	PROXY_TLV_SUBJECT = 0xe0, /* the first of those that are free for anybody (2.2.7) */
};

struct proxy_facts {
	struct sockaddr_storage client, local;
	const unsigned char *alpn; /* the protocol chosen; NULL: none; at most 255 bytes */
	size_t alpn_len;
	const char *authority;   /* NULL: the client gave no name; at most 255 bytes */
	const char *tls_version; /* "TLSv1.3"; NULL: TLS does not end here */
	const char *cipher;      /* OpenSSL's name for it; both at most 63 bytes */
	bool client_cert;        /* it showed one, now or before it resumed its session */
	bool resumed;
	uint32_t verify_result;    /* X509_V_...; says something with a certificate only */
	char cn[PROXY_CN_MAX + 1]; /* of the certificate's subject, "" for none */
	char subject[PROXY_SUBJECT_MAX + 1]; /* all of it, RFC 2253; left out when no room */
};

/* Each writes the header for a TCP connection and returns its length. Addresses of different or
 * other families give "UNKNOWN" or AF_UNSPEC, without any. */
size_t proxy_v1(const struct proxy_facts *facts, unsigned char dst[PROXY_MAX]);
size_t proxy_v2(const struct proxy_facts *facts, unsigned char dst[PROXY_MAX]);
/* "We speak for ourselves", for health checks: UNKNOWN or LOCAL. */
size_t proxy_local(uint32_t version, unsigned char dst[PROXY_MAX]);

#endif
