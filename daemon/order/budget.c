/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/budget.h"

static uint64_t
full(const struct budget *b)
{
	return (uint64_t)b->orders * b->period;
}

static void
fill(struct budget *b, int64_t now)
{
	uint64_t passed = now > b->at ? (uint64_t)(now - b->at) : 0;

	b->at = now;
	if (b->level > full(b))
		b->level = full(b);
	if (passed >= b->period || b->level + passed * b->orders > full(b))
		b->level = full(b);
	else
		b->level += passed * b->orders;
}

void
budget_set(struct budget *b, uint32_t orders, uint32_t period, int64_t now)
{
	uint64_t spent;

	if (b->orders == orders && b->period == period)
		return;
	fill(b, now);
	spent = b->period ? (full(b) - b->level) / b->period : 0;
	b->orders = orders;
	b->period = period;
	b->level = spent < orders ? (orders - spent) * period : 0;
}

size_t
budget_room(struct budget *b, int64_t now)
{
	if (b->orders == 0)
		return SIZE_MAX;
	fill(b, now);
	return (size_t)(b->level / b->period);
}

void
budget_take(struct budget *b, int64_t now)
{
	if (b->orders == 0)
		return;
	fill(b, now);
	b->level = b->level > b->period ? b->level - b->period : 0;
}

void
budget_return(struct budget *b)
{
	b->level += b->period;
	if (b->level > full(b))
		b->level = full(b);
}

int64_t
budget_next(struct budget *b, int64_t now)
{
	if (budget_room(b, now) > 0)
		return now;
	return now + (int64_t)((b->period - b->level + b->orders - 1) / b->orders);
}
