/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/certview.h - the fields of a certificate, as spans into its DER (RFC 5280, 4.1)
 *
 * For importing many: d2i_X509() takes 170 us on OpenSSL 3.0 (and its purpose check 80 more), this
 * takes about one. What certview_read() lets through OpenSSL reads, too (tests/fuzz/fuzz_bundle.c
 * holds that); trust comes from the checks of acme/bundle.h, not from here.
 */
#ifndef ACME_CERTVIEW_H
#define ACME_CERTVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "acme/der.h"
#include "base/cursor.h"
#include "base/err.h"

enum { CERTVIEW_POINT_LEN = 65 };

struct certview {
	struct span whole;
	struct span tbs;       /* what is signed */
	struct span serial;    /* content octets, a leading 00 with them */
	struct span algorithm; /* of the signature: OID and parameters */
	struct span signature;
	struct span issuer; /* names, whole */
	struct span subject;
	struct span public_key; /* SubjectPublicKeyInfo, whole */
	struct span p256_point; /* uncompressed; data NULL: another kind of key */
	int64_t not_before;
	int64_t not_after;
	struct span ocsp;          /* URL of the first OCSP responder (4.2.2.1); data NULL: none */
	bool must_staple;          /* RFC 7633 */
	struct span authority_key; /* its keyIdentifier (4.2.1.1); data NULL: none */
	struct span san;           /* GeneralNames, the items; data NULL: none */
	bool is_ca;
	bool is_for_servers; /* by key usage and extended key usage */
	bool is_odd;         /* names in old encodings: ask OpenSSL whether it reads them */
};

/* ERR_INVALID: no certificate of version 3 in strict DER. The spans live as long as DER. */
MUST_CHECK enum err certview_read(struct span der, struct certview *ret_view);
/* The type of its key: RSA, or else ECDSA, as far as certd takes any. */
bool certview_is_rsa(const struct certview *view);
/* The common name of a name (RFC 5280, 4.1.2.4), else its last attribute. Foreign text; DST is
 * terminated and cut. */
void certview_common_name(struct span name, char *dst, size_t size);

#endif
