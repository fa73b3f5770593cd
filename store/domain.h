/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain.h - what we were asked to serve, and how each name is doing (environment served/)
 *
 * Key: the normalized hostname. A put or del removes the certificates that nobody has any more, and
 * keeps, in the same transaction:
 *   - the due index: store/domain_due.h;
 *   - the lists and counters of store/domain_list.h.
 * Nothing here scans all names: lists are pages from a key on.
 */
#ifndef STORE_DOMAIN_H
#define STORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "base/problem.h"

struct cert;
struct store_txn;

enum {
	NAME_WORD_MAX = 31, /* names of ca and backend blocks, without the terminator */
	DOMAIN_CAS_MAX = 4, /* CAs that are asked for a name, one after the other */
	DOMAIN_CAS_TEXT_MAX = DOMAIN_CAS_MAX * (NAME_WORD_MAX + 1) - 1,
	LABELS_MAX = 8, /* of a domain */
	LABEL_KEY_MAX = 32,
	LABEL_VALUE_MAX = 64,
	LABEL_TEXT_MAX = LABEL_KEY_MAX + 1 + LABEL_VALUE_MAX, /* "key=value" */
	LABELS_TEXT_MAX = LABELS_MAX * (LABEL_TEXT_MAX + 1),
};

enum domain_state {
	DOMAIN_PENDING = 1, /* wanted, no attempt has ended yet, no certificate */
	DOMAIN_VALID,       /* has a certificate, the last attempt went well */
	DOMAIN_FAILING,     /* the last attempt failed; it may still have a certificate */
	DOMAIN_EXTERNAL,    /* we are not asked for a certificate: its ca is "", its due_at 0 */
	DOMAIN_PAUSED,      /* an operator wants no orders for it: not in the due index */
	DOMAIN_MOVED,       /* its DNS leads elsewhere, and its orders failed: the same */
	DOMAIN_STATE_END
};

struct domain {
	struct hostname name;
	enum domain_state state;
	char ca[NAME_WORD_MAX + 1]; /* which is asked next: the one whose queue it stands in */
	char backend[NAME_WORD_MAX + 1];
	int64_t created_at;   /* unix seconds, as all times here */
	int64_t due_at;       /* when the plan looks at it next; 0: never, not in the due index */
	int64_t attempted_at; /* start of the last attempt, 0 = none */
	uint32_t failures;    /* in a row */
	uint64_t generation;  /* of the stored certificate, grows with each; 0 = has none */
	int64_t not_before;   /* of the stored certificate */
	int64_t not_after;
	bool pooled; /* it is in the pool, not under the name as in a store from before */
	struct domain_second {
		uint64_t generation; /* of a second certificate, always in the pool; 0 = has none */
		int64_t not_before;
		int64_t not_after;
	} second; /* with another type of key, for clients that cannot use the first */
	/* Whose certificate and orders it shares: itself not in the due index. len 0: its own. */
	struct hostname lead;
	/* the CAs to ask, best first, a space between; "": `ca` alone */
	char cas[DOMAIN_CAS_TEXT_MAX + 1];
	struct problem problem; /* of the last failed attempt; kind NONE after a success */
	/* Of a name that a handshake has asked for (daemon/watch/demander.h): when it was last
	 * served, to a day or so, at first when it was asked for. 0: somebody has added it. */
	int64_t used_at;
	/* "key=value" lines, each ended by '\n', in the order of keys; see store/label.h */
	char labels[LABELS_TEXT_MAX + 1];
};

const char *domain_state_word(enum domain_state state);
/* What DOMAIN is when nobody holds it up. */
enum domain_state domain_unpaused(const struct domain *domain);
/* PAUSED or MOVED: not in the due index, whatever its due_at. */
bool domain_is_held(const struct domain *domain);

MUST_CHECK enum err domain_get(struct store_txn *txn, const struct hostname *name,
                               struct domain *ret_domain);
/* Writes DOMAIN, new or not, with its indexes and counters. ERR_CORRUPT when the record it replaces
 * does not open: what it was counted as is unknown, see store/quarantine.h. */
MUST_CHECK enum err domain_put(struct store_txn *txn, const struct domain *domain);
/* Makes CERT DOMAIN's first certificate, which is stored in the pool, or not POOLED: under its
 * name. */
void domain_take_cert(struct domain *domain, const struct cert *cert, bool pooled);
/* Whether its renewal was put off to its certificate's end, as nobody uses it. */
bool domain_is_put_off(const struct domain *domain);
/* From now on nobody is asked for DOMAIN's certificate; one that it has stays. */
void domain_make_external(struct domain *domain);
/* Removes the domain with its certificates; ERR_NOTFOUND when there is none. */
MUST_CHECK enum err domain_del(struct store_txn *txn, const struct hostname *name);

/* Up to LIMIT domains behind AFTER (NULL: from the first) in key order, into DOMAINS. One whose
 * record does not open is there as FAILING with a problem that says so; do not put it back. */
MUST_CHECK enum err domain_page(struct store_txn *txn, const struct hostname *after, size_t limit,
                                struct domain *domains, size_t *ret_count);
/* Recounts everything by a full scan and compares with counters and indexes: for checks and tests,
 * never for the daemon's own work. ERR_CORRUPT when anything differs. */
MUST_CHECK enum err domain_verify(struct store_txn *txn);

#endif
