/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/sessions.h - what a handshake has beside its certificate: resumption
 * (daemon/front/tickets.h), the client's certificate (daemon/front/client_cert.h), an OCSP answer
 * (daemon/front/staple.h)
 *
 * One for all SSL_CTXs of a worker. Threads: one.
 */
#ifndef DAEMON_FRONT_SESSIONS_H
#define DAEMON_FRONT_SESSIONS_H

#include <openssl/types.h>

#include "base/err.h"

struct choice;
struct conf;
struct conf_listen;
struct sessions;
struct status_slot;
struct store;

struct sessions_config {
	const struct conf *conf; /* all borrowed */
	struct store *store;
	struct status_slot *status;
};

MUST_CHECK enum err sessions_new(const struct sessions_config *config,
                                 struct sessions **ret_sessions);
void sessions_free(struct sessions *sessions); /* after all SSL_CTXs; accepts NULL */
void sessions_tick(struct sessions *sessions); /* a few times a second */

/* CTX serves them from now on; its SSLs have their struct choice as app data. */
void sessions_serve(struct sessions *sessions, SSL_CTX *ctx);
/* SSL, which has not seen the hello yet, will do as CHOICE and LISTEN want. */
MUST_CHECK enum err sessions_begin(struct sessions *sessions, SSL *ssl,
                                   const struct conf_listen *listen, const struct choice *choice);

#endif
