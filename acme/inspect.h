/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/inspect.h - what is wrong with a certificate that is there already
 *
 * chain_check() and bundle_read() let in what is good then; this looks again later, at all of it,
 * and says everything that is wrong instead of the first thing.
 */
#ifndef ACME_INSPECT_H
#define ACME_INSPECT_H

#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

struct hostname;
struct secret;

enum inspect_fault {
	INSPECT_KEY,     /* the key is not the certificate's */
	INSPECT_NAME,    /* it does not cover the name */
	INSPECT_CHAIN,   /* out of order, incomplete, or an issuer has expired or is none */
	INSPECT_NOT_YET, /* it is not valid yet */
	INSPECT_EXPIRED,
	INSPECT_END
};

enum { INSPECT_WHY_MAX = 200 };

/* All borrowed. Without a name or a key (both) these are not judged. */
struct inspect_subject {
	const struct hostname *name;
	struct span leaf;         /* DER */
	struct span issuers;      /* DER each behind a u32 length, issuer of the leaf first */
	const struct secret *key; /* as key_save() makes it; or */
	struct span key_der;      /* PKCS #8, PKCS #1 or RFC 5915 */
};

struct inspection {
	unsigned faults;                        /* 1u << INSPECT_... */
	char why[INSPECT_END][INSPECT_WHY_MAX]; /* a sentence for each; may quote foreign text */
	int64_t not_before;                     /* the certificate's, unix seconds */
	int64_t not_after;
};

/* ERR_CORRUPT: something of it cannot be read at all. NOW is unix seconds. Some 500 us. */
MUST_CHECK enum err inspect(const struct inspect_subject *subject, int64_t now,
                            struct inspection *ret_inspection);

#endif
