/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/mend.h - domains whose record is damaged are made anew, lists and counters made right
 * (environment served/)
 *
 * Nobody can say what a damaged record was counted as and listed under but all the others. So one
 * read transaction looks at every name, list and counter (mend_scan(): some 5 s for a million
 * names, nobody waits), and write transactions of at most MEND_TXN_MS repair what it has found
 * (mend_apply()), each looking again before it believes it. Counters are corrected by their
 * difference, so what was committed in between counts.
 * Threads: one at a time in all processes: who scans while another repairs would repair twice.
 */
#ifndef STORE_MEND_H
#define STORE_MEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct domain;
struct event;
struct mend;
struct store;

enum {
	MEND_TXN_MS = 20,
	MEND_NAMES_MAX = 1024, /* made anew after one scan */
	MEND_FIXES_MAX = 20000,
};

/* GO_ON is asked at each record; false ends it with ERR_AGAIN. The caller frees RET_MEND.
 * ERR_CORRUPT: names are there that a search does not find: pages are damaged, and nothing may be
 * repaired. */
MUST_CHECK enum err mend_scan(struct store *store, bool (*go_on)(void *arg), void *arg,
                              struct mend **ret_mend);
void mend_free(struct mend *mend); /* accepts NULL */
/* Whether there is more than one mend can hold, or something that hides the rest: scan again behind
 * mend_apply(). */
bool mend_has_more(const struct mend *mend);

struct mend_policy {
	int64_t now;
	/* A name is made anew. D->ca is what a list says, "" when none does; make both ca and
	 * backend what they shall be. No transaction is open. */
	void (*choose)(void *arg, struct domain *d);
	/* `store.corrupt` of each name and key, `store.repaired` for the rest: behind its commit.
	 */
	void (*told)(void *arg, const struct event *event);
	/* `store.corrupt` of what cannot be repaired: each scan finds it again. */
	void (*stuck)(void *arg, const struct event *event);
	void *arg;
};

/*  - A record whose key is no name of ours (not a host name, or no list and no certificate knows
 *    it): put aside.
 *  - A name whose record is damaged, or that lists have and no record does: what is there is put
 *    aside; it is FAILING with PROBLEM_STORE_CORRUPT, due at NOW, without labels. Its certificates,
 *    also those of the pool, stay and are served when they open and are the newest; else they are
 *    put aside.
 *  - What the pool has and no name: put aside, when all names are mended.
 *  - Entries that belong to no name go, those that are missing come, counters are corrected.
 * When names are there that a search does not find, only the first: a key that is out of order
 * hides its neighbours. ERR_CORRUPT when that is not it: pages are damaged, and nothing else may be
 * written. After any error the rest is found by the next scan. RET_NAMES: names made anew.
 * RET_DONE: all repairs. */
MUST_CHECK enum err mend_apply(struct store *store, const struct mend *mend,
                               const struct mend_policy *policy, uint64_t *ret_names,
                               uint64_t *ret_done);

#endif
