/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/renewal.h - what a CA says about renewal, and what becomes of a name's plan (RFC
 * 9773)
 *
 * A window that was not there before gets one random moment, which stands as long as the window
 * does; the domain's due_at follows it, but for a name that is due, in work or failing: those have
 * their own plan. Without a window the plan is plan_renew_at()'s. Asking is
 * daemon/watch/renewer.h's. Threads: any of the keeper's, in transactions of theirs.
 */
#ifndef DAEMON_WATCH_RENEWAL_H
#define DAEMON_WATCH_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "acme/renewal_info.h"
#include "base/err.h"
#include "store/renewal.h"

struct client;
struct domain;
struct store;
struct store_txn;

enum renewal_word {
	RENEWAL_WINDOW,    /* the CA has named one */
	RENEWAL_FAILED,    /* it did not answer, or not well: asked again, then as NONE */
	RENEWAL_SENSELESS, /* its window is none */
	RENEWAL_NONE,      /* it has nothing to say about this certificate */
	RENEWAL_LATER,     /* it was not asked */
	RENEWAL_DOUBTED,   /* our clock is in doubt: nothing is stored, not even when to ask next */
};

enum { RENEWAL_FAILURES_MAX = 10 }; /* in a row, in some 9 hours; then the window is forgotten */

struct renewal_answer {
	enum renewal_word word;
	struct renewal_info info;         /* WINDOW only */
	int64_t again_at;                 /* not asked before, unix seconds */
	char id[RENEWAL_INFO_ID_MAX + 1]; /* the certificate's, "": not known */
};

struct renewal_change {
	bool window;    /* another one than before, or none any more */
	bool is_first;  /* there was none before */
	bool explained; /* the CA's explanation is another one, and there is one */
	bool moved;     /* the domain's plan followed */
};

/* A certificate's life, unix seconds. */
struct renewal_life {
	int64_t not_before;
	int64_t not_after;
};
/* What ANSWER makes of R. Pure; RANDOM is any number. */
void renewal_apply(struct renewal *r, const struct renewal_answer *answer,
                   const struct renewal_life *life, int64_t now, uint32_t random,
                   struct renewal_change *ret_change);

/* Who was asked about which certificate. */
struct renewal_subject {
	const char *ca;
	struct renewal_row row;
	bool pairs; /* names have two certificates, and both are renewed (`key both`) */
};
/* Applies ANSWER to SUBJECT's record, in served/, and its domain. ERR_NOTFOUND: there is no such
 * certificate any more, and no record of it either. RET_RENEWAL is as stored. */
MUST_CHECK enum err renewal_settle(struct store_txn *txn, const struct renewal_subject *subject,
                                   const struct renewal_answer *answer, struct renewal *ret_renewal,
                                   struct renewal_change *ret_change);

/* When D's first certificate, or its second one, is to be renewed: the moment within the CA's
 * window, or the usual one. */
int64_t renewal_moment(struct store_txn *txn, const struct domain *d, bool second, uint32_t random);
/* When D is: the sooner of both if it has PAIRS. */
int64_t renewal_plan(struct store_txn *txn, const struct domain *d, bool pairs, uint32_t random);
/* All that D has was revoked: renewed now, whatever the CA says of it in the next hour. */
MUST_CHECK enum err renewal_revoked(struct store_txn *txn, const struct domain *d);

/* What D had before it got a new certificate. */
struct renewal_before {
	uint64_t generations[2]; /* first and second, 0: none */
	int64_t stored_at[2];    /* 0: not known */
	uint8_t early[2];
};
void renewal_remember(struct store_txn *txn, const struct domain *d,
                      struct renewal_before *ret_before);
/* After domain_put() of D with one new certificate, which CA has issued to CLIENT's account. */
MUST_CHECK enum err renewal_issued(struct store_txn *txn, const struct domain *d, const char *ca,
                                   const struct client *client,
                                   const struct renewal_before *before);
/* For `replaces` (5): whether CA issued R's certificate to CLIENT's account, has named a window for
 * it, and has not dropped renewalInfo since. CLIENT may be NULL. */
bool renewal_is_replaceable(const struct renewal *r, const char *ca, const struct client *client);

#endif
