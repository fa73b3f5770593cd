/* SPDX-License-Identifier: Apache-2.0 */
/* acme/csr.h - certificate signing requests (RFC 2986) with names in the SAN only */
#ifndef ACME_CSR_H
#define ACME_CSR_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/err.h"

struct buf;
struct hostname;

/* DER of a request for NAMES, empty subject, signed by KEY; replaces OUT. */
MUST_CHECK enum err csr_new(EVP_PKEY *key, const struct hostname *names, size_t count,
                            struct buf *out);

#endif
