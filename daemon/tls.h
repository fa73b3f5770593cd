/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/tls.h - the TLS side of a worker: one SSL_CTX, and what a ClientHello leads to
 *
 * TLS 1.2 and 1.3, AEAD suites with forward secrecy only, no renegotiation, no compression, no
 * 0-RTT; resumption by tickets only (daemon/tickets.h). The decision falls before any cryptography,
 * on the raw hello: server_name        malformed: decode_error. Absent, invalid or unknown:
 * unrecognized_name, or a silent close (`unknown-sni close`). acme-tls/1 offered a live challenge:
 * its certificate, and the connection ends after the handshake; none: no_application_protocol.
 * known name         its credential (daemon/credcache.h), attached when the handshake needs it.
 * Threads: one per struct tls.
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hostname.h"

struct conf;
struct conf_backend;
struct cred;
struct credcache;
struct status_slot;
struct store;
struct tls;

struct tls_config {
	const struct conf *conf; /* all borrowed */
	struct store *store;
	struct status_slot *status;
	struct credcache *creds;
};

/* What the hello of one connection came to; embedded in it, zeroed before, tls_choice_done() after.
 */
struct tls_choice {
	struct tls *tls;
	size_t hello_len;
	struct hostname name;
	struct cred *cred;                  /* owned */
	const struct conf_backend *backend; /* NULL: conf has none of that name */
	bool challenge;                     /* a tls-alpn-01 handshake: no data follows */
};

MUST_CHECK enum err tls_new(const struct tls_config *config, struct tls **ret_tls);
void tls_free(struct tls *tls); /* accepts NULL */
void tls_tick(struct tls *tls); /* a few times a second */

/* A server side on FD, which stays the caller's. CHOICE must outlive RET_SSL. */
MUST_CHECK enum err tls_accept(struct tls *tls, int fd, struct tls_choice *choice, SSL **ret_ssl);
/* One step: ERR_OK: done. ERR_AGAIN: RET_WANT says for what. ERR_REFUSED: over, the alert, if any,
 * is sent. */
MUST_CHECK enum err tls_handshake(SSL *ssl, int *ret_want);
void tls_choice_done(struct tls_choice *choice);

#endif
