/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/ocsp.h - what to ask a certificate's OCSP responder, and whether to believe it (RFC 6960)
 *
 * Requests have one certificate and no nonce, as RFC 5019 wants them, so responders may cache.
 * An answer is believed when the issuer has signed it, or a certificate the issuer has made for
 * that (OCSP_basic_verify()), when it is about this certificate and of now. Bytes in, bytes out: no
 * network.
 */
#ifndef ACME_OCSP_H
#define ACME_OCSP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"

struct problem;

enum { OCSP_URL_MAX = 1023, OCSP_CLOCK_SLACK = 300 };

/* A stored certificate; the spans are borrowed. */
struct ocsp_subject {
	struct span leaf;    /* DER */
	struct span issuers; /* DER each behind a u32 length, issuer of the leaf first */
};

/* Whether LEAF names a responder we would ask (http or https), and whether it must be served with
 * an answer (RFC 7633). */
bool ocsp_responder(struct span leaf, char ret_url[OCSP_URL_MAX + 1], bool *ret_must_staple);

/* Appends the request. ERR_INVALID: leaf or issuer cannot be read, or there is no issuer. */
MUST_CHECK enum err ocsp_request(const struct ocsp_subject *subject, struct buf *out);

struct ocsp_answer {
	int64_t this_update; /* unix seconds */
	int64_t next_update;
};
/* ERR_OK: good, from RET_ANSWER->this_update until next_update. ERR_REFUSED: revoked, with since
 * when and why in RET_WHY. ERR_PROTO: anything else, RET_WHY says what. NOW is unix seconds. */
MUST_CHECK enum err ocsp_judge(const struct ocsp_subject *subject, struct span response,
                               int64_t now, struct ocsp_answer *ret_answer,
                               struct problem *ret_why);

#endif
