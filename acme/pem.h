/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/pem.h - the blocks of a PEM text, one after the other (RFC 7468)
 *
 * Whatever stands between blocks (comments, bag attributes) is skipped. OpenSSL's reader takes
 * about 5 us and several copies a block; here a block is decoded once into a buffer that is wiped.
 */
#ifndef ACME_PEM_H
#define ACME_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"

enum { PEM_LABEL_MAX = 40 };

struct pem {
	const char *at; /* borrowed text */
	const char *end;
	char label[PEM_LABEL_MAX + 1]; /* of the block just read: "CERTIFICATE" */
	bool encrypted;                /* it is, by its header lines (RFC 1421) */
};

void pem_init(struct pem *pem, const void *text, size_t len);
/* Appends the next block's bytes to OUT, none when it is encrypted. ERR_NOTFOUND: there are no
 * more; ERR_INVALID: a block without end, with an endless label or with bytes that are not base64.
 */
MUST_CHECK enum err pem_next(struct pem *pem, struct buf *out);

#endif
