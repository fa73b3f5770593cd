/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/due_window.h - a window on all names that are planned, the first to be due in front
 *
 * The due index (store/domain_due.h) has a queue for each CA and lane; here they are one list, in
 * the order of (due_at, name), that is read from as many places as there are queues. A row costs
 * one domain_get(), a page a look into each queue besides. Rows are as in store/domain_window.h.
 */
#ifndef STORE_DUE_WINDOW_H
#define STORE_DUE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct domain;
struct domain_window;
struct store_txn;

/* Up to LIMIT rows from WINDOW's place on, whose time is a due_at; its list says nothing. */
MUST_CHECK enum err due_window(struct store_txn *txn, const struct domain_window *window,
                               size_t limit, struct domain *domains, size_t *ret_count);
/* How many names are planned. */
MUST_CHECK enum err due_count_all(struct store_txn *txn, uint64_t *ret_count);

#endif
