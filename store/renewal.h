/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/renewal.h - when the CA wants a certificate renewed (RFC 9773; environment served/)
 *
 * Key: name | 0 | generation. There is a record for each certificate of a domain, the second one
 * too, but for domains that share another's (domain.lead): domain_put() and domain_del() make and
 * remove it with the certificate, so who has replaced a certificate does not ask about it again.
 * Plain, with a sum over each: ERR_CORRUPT when it differs. The index renewal-due orders them by
 * (ca, due_at), so one CA's silence never hides another's.
 */
#ifndef STORE_RENEWAL_H
#define STORE_RENEWAL_H

#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "store/domain.h"

struct store_txn;

enum {
	RENEWAL_TEXT_MAX = 255, /* a certificate's identifier */
	RENEWAL_LINK_MAX = 511,
	/* No due_at is further ahead: one that is was written by a clock that went wrong. */
	RENEWAL_AHEAD_MAX_S = 2 * 86400,
};

struct renewal {
	struct hostname name;
	uint64_t generation;
	char ca[NAME_WORD_MAX + 1];         /* who is asked */
	char account[RENEWAL_LINK_MAX + 1]; /* URL of the account it was issued to, "": unknown */
	char id[RENEWAL_TEXT_MAX + 1];      /* RFC 9773 4.1, "": not looked up yet */
	int64_t stored_at;                  /* unix seconds, as all times here */
	int64_t due_at;                     /* when the CA is asked next */
	uint32_t failures;                  /* in a row */
	uint8_t early;        /* certificates before it that lasted less than a day, in a row */
	int64_t window_start; /* both 0: the CA has named none */
	int64_t window_end;
	int64_t renew_at;                       /* within the window, chosen once; 0: none */
	char explanation[RENEWAL_LINK_MAX + 1]; /* explanationURL, foreign text; "": none */
};

MUST_CHECK enum err renewal_get(struct store_txn *txn, const struct hostname *name,
                                uint64_t generation, struct renewal *ret_renewal);
MUST_CHECK enum err renewal_put(struct store_txn *txn, const struct renewal *renewal);
/* ERR_OK also when there is none. */
MUST_CHECK enum err renewal_del(struct store_txn *txn, const struct hostname *name,
                                uint64_t generation);
/* When the CA is first asked about the certificate GENERATION of D: at once, by our clock and
 * by that of its dates, whichever is behind the other. */
int64_t renewal_first_at(const struct domain *d, uint64_t generation, int64_t now);
/* Makes and removes records so that AFTER (NULL: gone) has one for each of its certificates; BEFORE
 * (NULL: not known) had its own. What no account is known of is asked for at AFTER's CA. Part of
 * domain_put() and domain_del(). */
MUST_CHECK enum err renewal_follow(struct store_txn *txn, const struct domain *before,
                                   const struct domain *after);

struct renewal_row {
	struct hostname name;
	uint64_t generation;
	int64_t due_at;
};
/* Up to LIMIT certificates of CA that are due at NOW, the longest due first; behind them those that
 * are further ahead than can be. */
MUST_CHECK enum err renewal_due(struct store_txn *txn, const char *ca, int64_t now, size_t limit,
                                struct renewal_row *rows, size_t *ret_count);
/* Removes ROW's entry of the index: its record is gone, or does not open. */
MUST_CHECK enum err renewal_forget(struct store_txn *txn, const char *ca,
                                   const struct renewal_row *row);

#endif
