/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/alpn01.h - the certificate that answers a tls-alpn-01 challenge (RFC 8737, 3)
 *
 * Self-signed, made for one handshake with a key of the worker's own, so nothing of it is stored.
 * It never appears in any handshake but one that offers ALPN01_PROTOCOL for a name with a live
 * challenge.
 */
#ifndef DAEMON_ALPN01_H
#define DAEMON_ALPN01_H

#include <openssl/types.h>

#include "base/err.h"

struct challenge;

#define ALPN01_PROTOCOL "acme-tls/1"

MUST_CHECK enum err alpn01_cert(const struct challenge *challenge, EVP_PKEY *key, X509 **ret_cert);

#endif
