/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/quota.h - how many names may have the same value of a label (`quota`) */
#ifndef DAEMON_QUOTA_H
#define DAEMON_QUOTA_H

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

#endif
