/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/tmpcert.h - certificates of a test CA, made and stored with their domain */
#ifndef TESTS_SUPPORT_TMPCERT_H
#define TESTS_SUPPORT_TMPCERT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/support/tmpstore.h"

struct tmpcert {
	const char *name;    /* host name, may be a wildcard: key of the record and SAN */
	const char *backend; /* NULL: "echo" */
	uint64_t generation; /* also the serial number; 0: 1 */
	int64_t not_before;  /* 0: an hour ago */
	int64_t not_after;   /* 0: in a day */
	bool rsa;            /* RSA-2048 instead of P-256 */
	bool damaged;        /* a leaf that is no certificate */
};

/* Makes it and stores it in one transaction. Fails the running test on errors. */
void tmpcert_store(struct tmpstore *t, const struct tmpcert *spec);
/* The CA's certificate, for a client's trust store; borrowed. */
X509 *tmpcert_ca(void);
/* Frees the CA. */
void tmpcert_done(void);

#endif
