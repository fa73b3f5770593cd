/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/quarantine.h - records that do not open, put aside as they are (environment served/)
 *
 * The front only reads and reports; the keeper calls domain_quarantine(). At most QUARANTINE_KEEP
 * entries are kept, the oldest goes.
 */
#ifndef STORE_QUARANTINE_H
#define STORE_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct event;
struct store_txn;

enum { QUARANTINE_KEEP = 1000, QUARANTINE_TABLE_MAX = 15, QUARANTINE_REASON_MAX = 255 };

struct quarantine {
	uint64_t id; /* set by quarantine_put(), grows by one */
	int64_t at;
	char table[QUARANTINE_TABLE_MAX + 1];   /* "domain", "cert" */
	char name[HOSTNAME_MAX + 1];            /* of the record; its key, escaped, if it is none */
	char reason[QUARANTINE_REASON_MAX + 1]; /* for the operator */
	size_t size;                            /* bytes of the record */
};

/* Whether all that is stored of NAME opens and agrees: the domain's record, the certificates', and
 * their generation. ERR_CORRUPT or ERR_VERSION when not, ERR_NOTFOUND when there is no NAME. */
MUST_CHECK enum err domain_check(struct store_txn *txn, const struct hostname *name);
/* Puts NAME's certificate aside, or the second one if only that does not open, whole or not: ask
 * domain_check() first, in the same transaction, or know better (a leaf without its key). The
 * domain is FAILING with PROBLEM_STORE_CORRUPT, generation 0, due at NOW (at 0 still, when an order
 * is in work). RET_EVENT is to be put (private/) behind the commit; it says what is lost.
 * ERR_CORRUPT, ERR_VERSION: the domain's own record does not open, see store/mend.h, which is also
 * for certificates without a domain. ERR_IO: its page is damaged, and the certificates beside it
 * would be harmed. ERR_NOTFOUND: no such name.
 */
MUST_CHECK enum err domain_quarantine(struct store_txn *txn, const struct hostname *name,
                                      const char *reason, int64_t now, struct event *ret_event);
/* The same for the second certificate, whatever is the matter with the first one, which serves on.
 * ERR_NOTFOUND: there is none. */
MUST_CHECK enum err domain_quarantine_second(struct store_txn *txn, const struct hostname *name,
                                             const char *reason, int64_t now,
                                             struct event *ret_event);

/* Up to LIMIT entries with id > AFTER, oldest first. */
MUST_CHECK enum err quarantine_page(struct store_txn *txn, uint64_t after, size_t limit,
                                    struct quarantine *entries, size_t *ret_count);
MUST_CHECK enum err quarantine_count(struct store_txn *txn, uint64_t *ret_count);
/* Removes one; ERR_NOTFOUND when it is not there. */
MUST_CHECK enum err quarantine_del(struct store_txn *txn, uint64_t id);

#endif
