/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/order.h - orders in work (environment private/), keyed by normalized hostname
 *
 * One order per name: the key makes a second one impossible. `state` is the order engine's own
 * snapshot (acme/engine.h), opaque here; it holds the certificate's private key from the step
 * before finalize on. The record is removed when the order has ended.
 */
#ifndef STORE_ORDER_H
#define STORE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hostname.h"
#include "store/domain_window.h"

struct store_txn;

enum { ORDER_STATE_MAX = 1024 * 1024 };

struct order {
	struct hostname name;
	char ca[NAME_WORD_MAX + 1];
	int64_t created_at;
	int64_t updated_at;
	struct buf state; /* wiped by order_done() */
};

void order_init(struct order *order);
void order_done(struct order *order);

/* RET_ORDER has been through order_init(); what it held is released. */
MUST_CHECK enum err order_get(struct store_txn *txn, const struct hostname *name,
                              struct order *ret_order);
MUST_CHECK enum err order_put(struct store_txn *txn, const struct order *order);
/* ERR_OK also when it is gone already. */
MUST_CHECK enum err order_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT names with an order, behind AFTER (NULL: from the first). */
MUST_CHECK enum err order_page(struct store_txn *txn, const struct hostname *after, size_t limit,
                               struct hostname *names, size_t *ret_count);
/* The same from a place on, as store/domain_window.h has it; NAME's len 0: no name. */
MUST_CHECK enum err order_window(struct store_txn *txn, enum window_place place,
                                 const struct hostname *name, size_t limit, struct hostname *names,
                                 size_t *ret_count);

#endif
