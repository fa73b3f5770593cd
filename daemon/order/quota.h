/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/quota.h - how many names may have the same value of a label (`quota`) */
#ifndef DAEMON_ORDER_QUOTA_H
#define DAEMON_ORDER_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct conf;
struct domain;
struct store_txn;

/* served/: whether a name that was BEFORE (NULL: new) may become D. ERR_TOOBIG: its label has as
 * many names as it may, WHY says so. */
MUST_CHECK enum err labels_in_quota(struct store_txn *txn, const struct conf *conf,
                                    const struct domain *before, const struct domain *d, char *why,
                                    size_t size);
/* Whether D counts for a label that BEFORE (NULL: new) does not count for. */
bool labels_count_anew(const struct conf *conf, const struct domain *before,
                       const struct domain *d);
/* As labels_in_quota(), of MORE new names with D's labels. */
MUST_CHECK enum err labels_take_more(struct store_txn *txn, const struct conf *conf,
                                     const struct domain *d, size_t more, char *why, size_t size);

#endif
