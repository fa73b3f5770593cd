/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/backend_tls.h - TLS towards the backends' servers, as their client
 *
 * TLS 1.2 and 1.3. A server must show a certificate for `tls-name`, or for the name or address that
 * the configuration has of it, from the CA of `tls-ca` or one that the system trusts; with
 * `tls-verify off` any will do. A name is sent as SNI. What the client has agreed on by ALPN is
 * offered to the server, nothing else. The server's latest session is resumed, for an hour at most
 * from the last handshake in which it showed its certificate.
 * Threads: one per struct backend_tls.
 */
#ifndef DAEMON_FRONT_BACKEND_TLS_H
#define DAEMON_FRONT_BACKEND_TLS_H

#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

struct backend_tls;
struct conf;
struct conf_backend;
struct end;

/* For the backends of CONF, which is borrowed. */
MUST_CHECK enum err backend_tls_new(const struct conf *conf, struct backend_tls **ret_tls);
void backend_tls_free(struct backend_tls *tls); /* accepts NULL */

/* Makes END, connected to the N-th server of BACKEND, the client's side of TLS; tls_handshake()
 * (daemon/front/tls.h) goes on from here. ALPN: the one protocol to offer, none when empty. */
MUST_CHECK enum err backend_tls_start(struct backend_tls *tls, const struct conf_backend *backend,
                                      size_t n, struct span alpn, struct end *end);
/* failure_of() a handshake that was refused. */
uint32_t backend_tls_failure(const struct end *end);

#endif
