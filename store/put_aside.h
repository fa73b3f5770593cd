/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/put_aside.h - (inside store/) what goes into quarantine
 */
#ifndef STORE_PUT_ASIDE_H
#define STORE_PUT_ASIDE_H

#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "store/table.h"

struct event;
struct store_txn;

/* Moves the record as it is from TABLE into the quarantine; ERR_NOTFOUND when there is none, ERR_IO
 * when its page is damaged so that others would be harmed. */
MUST_CHECK enum err put_aside(struct store_txn *txn, enum table table, struct span key,
                              const char *reason, int64_t now);
/* The same of one that does not open as KEY is not its own; there may be another that opens. */
MUST_CHECK enum err put_misplaced_aside(struct store_txn *txn, enum table table, struct span key,
                                        const char *reason, int64_t now);
/* Fills EVENT: `store.corrupt` of NAME, "" when none is concerned. */
void put_aside_tell(struct event *event, const char *name, int64_t now, const char *format, ...)
	PRINTF_LIKE(4, 5);

#endif
