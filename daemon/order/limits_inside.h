/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/limits_inside.h - what limits.c (tokens) and limits_block.c (a CA's words) share;
 * nobody else includes it. */
#ifndef DAEMON_ORDER_LIMITS_INSIDE_H
#define DAEMON_ORDER_LIMITS_INSIDE_H

#include "daemon/order/limits.h"

/* Of the order's names: the same ones in any order are the same set. */
MUST_CHECK enum err limits_set_key(const struct limits_order *order, char key[LIMIT_KEY_MAX + 1]);
/* As it is under the order's rules now; what is not there, or damaged, is full and not blocked. */
MUST_CHECK enum err limits_read(struct store_txn *txn, const struct limits_order *order,
                                const struct limit_id *id, int64_t now,
                                struct limit_record *ret_limit);

#endif
