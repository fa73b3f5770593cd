/* SPDX-License-Identifier: Apache-2.0 */
/* acme/chain_link.h - one link of a chain, for its judges: chain.c and the files bundle*.c */
#ifndef ACME_CHAIN_LINK_H
#define ACME_CHAIN_LINK_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "acme/chain.h"

/* By name and signature. */
bool chain_has_signed(X509 *issuer, X509 *cert);
/* CN of who issued CERT, else its first attribute. */
void chain_issuer_name(X509 *cert, char issuer[CHAIN_ISSUER_MAX + 1]);
bool chain_read_time(const ASN1_TIME *t, int64_t *ret_at);

#endif
