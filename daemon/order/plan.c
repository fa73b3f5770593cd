/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/plan.h"

#include <stdbool.h>

#include "base/hostname.h"
#include "base/problem.h"

enum {
	SHORT_LIFE = 10 * 86400,
	RETRY_ASKED_MAX = 7 * 86400,
	RETRY_CA_FAULT_MAX = 600,
	RETRY_LEAST = 1,
	STAPLE_LEAST = 60,
	POLL_LEAST = 60,
	POLL_MOST = 86400,
	POLL_USUAL = 6 * 3600,
	EARLY_FIRST = 3600,
	EARLY_MOST = 86400,
	ASK_AGAIN_FIRST = 60,
	ASK_AGAIN_MAX = 6 * 3600,
};

static const int32_t retry_after[] = {60, 600, 6000, 86400};

int64_t
plan_renew_at(int64_t not_before, int64_t not_after, uint32_t random)
{
	int64_t life = not_after - not_before;
	int64_t left = life <= SHORT_LIFE ? life / 2 : life / 3;
	int64_t spread = life / 100;

	return not_after - left - (spread > 0 ? random % spread : 0);
}

int64_t
plan_life_left(int64_t not_before, int64_t not_after, int64_t now)
{
	int64_t life = not_after - not_before;

	if (life <= 0 || now >= not_after)
		return 0;
	return now <= not_before ? 1000 : (not_after - now) * 1000 / life;
}

static bool
is_ca_fault(const struct problem *p)
{
	return p->kind == PROBLEM_CA_UNREACHABLE || p->kind == PROBLEM_CA_ERROR ||
	       p->kind == PROBLEM_CA_TLS || p->kind == PROBLEM_CA_ACCOUNT ||
	       p->kind == PROBLEM_CA_DIRECTORY;
}

int64_t
plan_retry_at(uint32_t failures, int64_t now, int64_t not_after, const struct problem *problem,
              uint32_t random)
{
	uint32_t last = sizeof(retry_after) / sizeof(retry_after[0]);
	int64_t wait = retry_after[failures == 0 ? 0 : failures > last ? last - 1 : failures - 1];
	int64_t asked = problem->retry_at - now, half_left = (not_after - now) / 2;

	if (is_ca_fault(problem) && wait > RETRY_CA_FAULT_MAX)
		wait = RETRY_CA_FAULT_MAX;
	wait += random % (wait / 10);
	if (asked > RETRY_ASKED_MAX)
		asked = RETRY_ASKED_MAX;
	if (asked > wait)
		wait = asked;
	if (half_left > 0 && wait > half_left)
		wait = half_left;
	return now + (wait < RETRY_LEAST ? RETRY_LEAST : wait);
}

int64_t
plan_window_at(int64_t start, int64_t end, int64_t latest, uint32_t random)
{
	int64_t last = end - 1 < latest ? end - 1 : latest;
	uint64_t width = last > start ? (uint64_t)last - (uint64_t)start : 0;

	if (last <= start)
		return last; /* later is too late */
	if (width > UINT32_MAX)
		return start + (int64_t)(width / UINT32_MAX * random);
	return start + (int64_t)(width * random / UINT32_MAX);
}

int64_t
plan_latest_at(int64_t not_before, int64_t not_after)
{
	return not_after - (not_after - not_before) / 10;
}

int64_t
plan_early_wait(uint32_t early)
{
	int64_t wait = early ? EARLY_FIRST : 0;

	for (uint32_t i = 1; i < early && wait < EARLY_MOST; i++)
		wait *= 2;
	return wait < EARLY_MOST ? wait : EARLY_MOST;
}

int64_t
plan_poll_at(int64_t now, int64_t retry_after_ms, uint32_t random)
{
	int64_t wait = retry_after_ms < 0 ? POLL_USUAL : (retry_after_ms + 999) / 1000;

	if (wait < POLL_LEAST)
		wait = POLL_LEAST;
	if (wait > POLL_MOST)
		wait = POLL_MOST;
	wait += random % (wait / 10);
	return now + (wait < POLL_MOST ? wait : POLL_MOST);
}

int64_t
plan_staple_at(int64_t now, int64_t next_update, uint32_t random)
{
	int64_t half = (next_update - now) / 2;

	half -= half >= 10 ? random % (half / 10) : 0;
	return now + (half > STAPLE_LEAST ? half : STAPLE_LEAST);
}

int64_t
plan_ask_again_at(uint32_t failures, int64_t now, uint32_t random)
{
	int64_t wait = ASK_AGAIN_FIRST;

	for (uint32_t i = 1; i < failures && wait < ASK_AGAIN_MAX; i++)
		wait *= 2;
	if (wait > ASK_AGAIN_MAX)
		wait = ASK_AGAIN_MAX;
	return now + wait + random % (wait / 4);
}

uint32_t
plan_spread_of(const struct hostname *name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name->len; i++)
		h = (h ^ (uint8_t)name->name[i]) * 16777619u;
	return h;
}
