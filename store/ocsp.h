/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/ocsp.h - what the CA's responder last said of a certificate (environment served/)
 *
 * Key: the name; SECOND: of its second certificate, in a table of its own. There is a record for
 * each stored certificate that names a responder, without an answer at first. It goes with its
 * domain; one of another generation than the domain's says nothing.
 * Ownership: ocsp_get() fills a struct ocsp; release it with ocsp_done().
 */
#ifndef STORE_OCSP_H
#define STORE_OCSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum { OCSP_RESPONSE_MAX = 65535 };

struct ocsp {
	uint64_t generation; /* of the certificate */
	int64_t due_at;      /* when the responder is asked next; unix seconds, as all times here */
	uint32_t failures;   /* in a row */
	/* Of the answer (RFC 6960 4.2.2.1), both 0: none yet. Only this_update, and no answer: when
	 * the responder said that the certificate is revoked. */
	int64_t this_update;
	int64_t next_update;
	struct buf response; /* DER, OCSPResponse */
};

void ocsp_init(struct ocsp *ocsp);
void ocsp_done(struct ocsp *ocsp);

/* RET_OCSP has been through ocsp_init(); what it held is released. */
MUST_CHECK enum err ocsp_get(struct store_txn *txn, const struct hostname *name, bool second,
                             struct ocsp *ret_ocsp);
MUST_CHECK enum err ocsp_put(struct store_txn *txn, const struct hostname *name, bool second,
                             const struct ocsp *ocsp);
/* ERR_OK also when there is none. */
MUST_CHECK enum err ocsp_del(struct store_txn *txn, const struct hostname *name, bool second);

struct ocsp_row {
	struct hostname name;
	bool second;
	int64_t due_at;
};
/* Up to LIMIT rows behind AFTER (NULL: from the first), without the answers: those of first
 * certificates, then those of second ones. One that does not open is due at once. */
MUST_CHECK enum err ocsp_page(struct store_txn *txn, const struct ocsp_row *after, size_t limit,
                              struct ocsp_row *rows, size_t *ret_count);

#endif
