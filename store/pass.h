/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/pass.h - (inside store/) going through all sealed records of an environment, in batches
 *
 * Where it has got to is in the caller's struct meta_place, which it stores in the same
 * transaction: so a pass that was killed goes on.
 */
#ifndef STORE_PASS_H
#define STORE_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/meta.h"
#include "store/table.h"

struct store_txn;

enum { PASS_LOOKS = 32 }; /* records looked at for one that may be moved */

/* Moves the record SEALED, if it is to be moved. KEY is a copy. ERR_CORRUPT, ERR_VERSION: it cannot
 * be; it is left as it is. */
typedef enum err pass_move(struct store_txn *txn, enum table table, struct span key,
                           struct span sealed, const struct meta_place *place, bool *ret_moved);
/* Moves up to MAX records. RET_ENDED: there was no further one. */
MUST_CHECK enum err pass_step(struct store_txn *txn, struct meta_place *place, size_t max,
                              pass_move *move, bool *ret_ended);
/* How many sealed records there are. */
MUST_CHECK enum err pass_size(struct store_txn *txn, uint64_t *ret_records);

#endif
