/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/budget.h - what is left of a CA's orders (environment private/), keyed by the ca block
 *
 * The numbers are the caller's, see daemon/order/budget.h.
 */
#ifndef STORE_BUDGET_H
#define STORE_BUDGET_H

#include <stdint.h>

#include "base/err.h"
#include "store/domain.h"

struct store_txn;

struct budget_record {
	char ca[NAME_WORD_MAX + 1];
	uint32_t orders;
	uint32_t period; /* seconds */
	uint64_t level;
	int64_t at; /* unix seconds */
};

/* ERR_NOTFOUND: nothing was ever spent. */
MUST_CHECK enum err budget_get(struct store_txn *txn, const char *ca,
                               struct budget_record *ret_record);
MUST_CHECK enum err budget_put(struct store_txn *txn, const struct budget_record *record);

#endif
