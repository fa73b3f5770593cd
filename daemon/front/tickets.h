/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/tickets.h - session tickets of a worker: resumption without a session kept anywhere
 *
 * The keys are the store's ring (store/ticket.h), looked at once a second and when a ticket has a
 * key that is not known, so every worker opens what any of them, or the one before a restart, has
 * sealed: AES-256-CBC and HMAC-SHA256 around OpenSSL's session, as RFC 5077 4 has it. One ticket a
 * handshake. A ticket of TLS 1.3 leaves with the first bytes for the client (end.h), so it costs no
 * packet and no system call of its own.
 *
 * A ticket is good for the host it was made for and no other: tickets_bind() makes the session id
 * context out of the host's name, and OpenSSL takes a session of another context for none, as it
 * does one that was forged, is older than TICKET_EVERY_S, or whose key has left the ring: the
 * handshake is a full one. So it is at a listener with other TLS 1.2 ciphers, as OpenSSL would go
 * on with the session's.
 * Threads: one per struct tickets.
 */
#ifndef DAEMON_FRONT_TICKETS_H
#define DAEMON_FRONT_TICKETS_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/err.h"

struct hostname;
struct store;
struct tickets;

MUST_CHECK enum err tickets_new(struct store *store, struct tickets **ret_tickets);
void tickets_free(struct tickets *tickets); /* after all SSL_CTXs; accepts NULL */
/* CTX gives and takes tickets from now on; TICKETS becomes its app data. */
void tickets_serve(struct tickets *tickets, SSL_CTX *ctx);
/* Takes up the keeper's new keys; to be called a few times a second. */
void tickets_tick(struct tickets *tickets);

/* When the host is known and before a ticket is looked at. NAME NULL: no tickets in this one.
 * CIPHERS: the listener's, NULL for the usual ones. ERR_CRYPTO: the handshake must not go on. */
MUST_CHECK enum err tickets_bind(struct tickets *tickets, SSL *ssl, const struct hostname *name,
                                 const char *ciphers);
/* After the handshake: whether a ticket is still to be sent (SSL_new_session_ticket()). */
bool tickets_is_owed(const SSL *ssl);

#endif
