/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/alpn01.h - the certificate that answers a tls-alpn-01 challenge (RFC 8737, 3)
 *
 * Self-signed, made for one handshake with a key of the worker's own, so nothing of it is stored.
 * It never appears in any handshake but one that offers ALPN01_PROTOCOL for a name with a live
 * challenge.
 */
#ifndef DAEMON_FRONT_ALPN01_H
#define DAEMON_FRONT_ALPN01_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/hostname.h"

struct challenge;

#define ALPN01_PROTOCOL "acme-tls/1"

MUST_CHECK enum err alpn01_cert(const struct challenge *challenge, EVP_PKEY *key, X509 **ret_cert);
/* Whether CERT is one of CHALLENGE, as a CA would judge it. */
bool alpn01_is_for(const X509 *cert, const struct challenge *challenge);

/* What is asked for by SNI to prove IDENTIFIER, which for an address is its reverse name (RFC 8738
 * 6): "1.2.0.192.in-addr.arpa"; and back, what is no such name as it is. */
void alpn01_server_name(const struct hostname *identifier, struct hostname *ret_server_name);
void alpn01_identifier(const struct hostname *server_name, struct hostname *ret_identifier);

#endif
