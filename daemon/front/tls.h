/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/tls.h - the TLS side of a worker: an SSL_CTX a listener, and handshakes with what
 * was chosen
 *
 * Unless a listener says otherwise: TLS 1.2 and 1.3, AEAD suites with forward secrecy only, AES-128
 * and X25519 first. Never: renegotiation, compression, 0-RTT; resumption by tickets only
 * (daemon/front/sessions.h). What a ClientHello leads to was decided before
 * (daemon/front/choice.h); here it is attached when the handshake needs it. Threads: one per struct
 * tls.
 */
#ifndef DAEMON_FRONT_TLS_H
#define DAEMON_FRONT_TLS_H

#include <openssl/types.h>

#include "base/err.h"

struct choice;
struct conf;
struct conf_listen;
struct end;
struct sessions;
struct tls;

/* Both are borrowed. */
MUST_CHECK enum err tls_new(const struct conf *conf, struct sessions *sessions,
                            struct tls **ret_tls);
void tls_free(struct tls *tls); /* accepts NULL */

/* Makes END, whose bio_input() is the ClientHello, the server's side of TLS as LISTEN, one of
 * CONF's, wants it. CHOICE must outlive END->tls. */
MUST_CHECK enum err tls_accept(struct tls *tls, const struct conf_listen *listen,
                               const struct choice *choice, struct end *end);
/* One step: ERR_OK: done. ERR_AGAIN: END->want says for what. ERR_REFUSED: over; the alert, if any,
 * is written. */
MUST_CHECK enum err tls_handshake(struct end *end);
/* END becomes its socket alone. */
void tls_drop(struct end *end);

#endif
