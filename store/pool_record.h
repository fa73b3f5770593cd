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
#include "store/walk.h"

struct buf;

/* Whether KEY is one of the pool's. */
bool cert_pool_generation(struct span key, uint64_t *ret_generation);
/* The record under WALK. RET_NAMES is added to: its names, one after the other as text16. */
MUST_CHECK enum err cert_pool_read(struct walk *walk, enum cert_key_kind *ret_kind,
                                   struct buf *ret_names);
/* Whether a domain of NAMES has it; one that is damaged may have it. */
bool cert_pool_has_holder(struct store_txn *txn, uint64_t generation, const struct buf *names);
/* As change_has_newest(). */
bool cert_pool_is_newest(struct store_txn *txn, uint64_t generation);

#endif
