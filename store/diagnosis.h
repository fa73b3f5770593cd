/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/diagnosis.h - what is wrong with a name's DNS, and who must act (environment private/)
 *
 * There is a record for each name that fails or has moved, and was looked at
 * (daemon/dns/diagnose.h): what was found last. It goes when the name has a certificate again or is
 * removed. served/ is another environment, so who reads the list holds each against its domain.
 */
#ifndef STORE_DIAGNOSIS_H
#define STORE_DIAGNOSIS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum {
	DIAGNOSIS_CODE_MAX = 31,
	DIAGNOSIS_TEXT_MAX = 479,
	DIAGNOSIS_RECORD_MAX = 767,
	DIAGNOSIS_FINDINGS_MAX = 1999,
	DIAGNOSIS_OWNED_MAX = 63,
};

/* A plain value. Texts may quote DNS and other servers: foreign, escaped where they are shown. */
struct diagnosis {
	struct hostname name;
	char code[DIAGNOSIS_CODE_MAX + 1];         /* "dns/elsewhere", "ok"; never "" */
	char text[DIAGNOSIS_TEXT_MAX + 1];         /* a sentence for whose name it is */
	char record[DIAGNOSIS_RECORD_MAX + 1];     /* to be set, a line each; "": none */
	char findings[DIAGNOSIS_FINDINGS_MAX + 1]; /* what was seen, each ended by '\n' */
	int64_t at;                                /* unix seconds, and so below: of the look */
	int64_t since;                             /* of the first look with this code */
	int64_t attempted_at;                      /* the failed attempt that it is about */
	int64_t next_at;                           /* of the next look */
	int64_t woken_at;   /* the name's next try was made now because it was fixed; 0: never */
	int64_t away_since; /* since when every look that told it said that no address is ours; 0 */
	/* the token that its owner has shown (daemon/dns/ownership.h), "": none yet */
	char owned[DIAGNOSIS_OWNED_MAX + 1];
	uint32_t looks; /* with this code, in a row */
};

MUST_CHECK enum err diagnosis_put(struct store_txn *txn, const struct diagnosis *diagnosis);
/* ERR_NOTFOUND; ERR_CORRUPT: as good as that, the next look writes it anew. */
MUST_CHECK enum err diagnosis_get(struct store_txn *txn, const struct hostname *name,
                                  struct diagnosis *ret_diagnosis);
/* ERR_OK also when there is none. */
MUST_CHECK enum err diagnosis_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT names that have one behind AFTER (NULL: from the first), in their order. */
MUST_CHECK enum err diagnosis_names(struct store_txn *txn, const struct hostname *after,
                                    size_t limit, struct hostname *names, size_t *ret_count);

#endif
