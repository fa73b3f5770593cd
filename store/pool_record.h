/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/pool_record.h - (inside store/) the records of the pool one by one, for who repairs it
 */
#ifndef STORE_POOL_RECORD_H
#define STORE_POOL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/cert.h"

struct buf;
struct store_txn;

/* The first generation behind *AT; ERR_NOTFOUND: there is none, or keys are out of order there. */
MUST_CHECK enum err cert_pool_next(struct store_txn *txn, uint64_t *at);
/* RET_NAMES is added to: the names of a record, one after the other as text16. */
MUST_CHECK enum err cert_pool_names(struct store_txn *txn, uint64_t generation,
                                    enum cert_key_kind *ret_kind, struct buf *ret_names);
/* Whether a domain of NAMES has it; one that is damaged may have it. */
bool cert_pool_has_holder(struct store_txn *txn, uint64_t generation, const struct buf *names);
/* As change_has_newest(). */
bool cert_pool_is_newest(struct store_txn *txn, uint64_t generation);

#endif
