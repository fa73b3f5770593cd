/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/budget.h - how many orders a CA still gets from us: a token bucket
 *
 * "300/3h": 300 may go at once, then one each 36 s. The level is in order-seconds (an order costs
 * PERIOD, each second brings ORDERS), so nothing is rounded. It counts wall time, to go on over a
 * restart; a clock that is set back costs nothing but waiting. Pure arithmetic.
 */
#ifndef DAEMON_ORDER_BUDGET_H
#define DAEMON_ORDER_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct budget {
	uint32_t orders; /* 0: no limit */
	uint32_t period; /* seconds */
	uint64_t level;
	int64_t at; /* unix seconds of `level` */
};

/* ORDERS each PERIOD seconds, all of them unused; what BUDGET has spent stays spent. */
void budget_set(struct budget *budget, uint32_t orders, uint32_t period, int64_t now);
/* How many orders may go at NOW; SIZE_MAX without a limit. */
size_t budget_room(struct budget *budget, int64_t now);
/* One goes, room or not. */
void budget_take(struct budget *budget, int64_t now);
/* One that was taken has not gone. */
void budget_return(struct budget *budget);
/* When there is room for one, NOW when there is. */
int64_t budget_next(struct budget *budget, int64_t now);

#endif
