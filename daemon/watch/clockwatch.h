/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/clockwatch.h - whether the wall clock may be believed
 *
 * A clock that is wrong by months would make all names due at once, or all certificates expired.
 * It is suspect when it
 *   - is before this program was built, or before the time that was stored last;
 *   - is CLOCK_AWAY_S behind that time at a start: certd may have been off for so long, or not;
 *   - jumps by more than CLOCK_STEP_S against the clock that only counts;
 *   - differs from a CA's Date (RFC 9110, 6.6.1) by more than CLOCK_WRONG_S.
 * It is believed again when a CA's Date agrees within CLOCK_STEP_S, when a jump is taken back, or
 * when nothing has spoken against it for CLOCK_DOUBT_S; a clock before the build date is never
 * right but by a CA's word. Meanwhile one order begins every CLOCK_ORDER_MS, which brings a Date,
 * and no expiry is told; CAs are asked for their directories, which have one, too. Threads: any;
 * the mutex is inside.
 */
#ifndef DAEMON_WATCH_CLOCKWATCH_H
#define DAEMON_WATCH_CLOCKWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clockwatch;

enum {
	CLOCK_STEP_S = 300,
	CLOCK_WRONG_S = 3600,
	CLOCK_AWAY_S = 14 * 86400,
	CLOCK_DOUBT_S = 86400,
	CLOCK_ORDER_MS = 15 * 1000,
	CLOCK_WHY_MAX = 200
};

/* NOW and MONO_MS are the two clocks at the call, here and below. STORED_AT: unix seconds that were
 * stored last, 0: never. */
MUST_CHECK enum err clockwatch_new(int64_t stored_at, int64_t now, int64_t mono_ms,
                                   struct clockwatch **ret_watch);
void clockwatch_free(struct clockwatch *watch); /* accepts NULL */

/* To be called each second or so. True: something has changed since the last call; WHY says what,
 * and RET_SUSPECT how it is now. */
bool clockwatch_tick(struct clockwatch *watch, int64_t now, int64_t mono_ms, bool *ret_suspect,
                     char why[CLOCK_WHY_MAX]);
/* A CA named CA has answered, its Date is DATE (0: it had none). */
void clockwatch_ca_says(struct clockwatch *watch, const char *ca, int64_t date, int64_t now,
                        int64_t mono_ms);
bool clockwatch_is_suspect(struct clockwatch *watch);
/* The same, after a look of its own at the clock: a jump is not a second old before it counts. */
bool clockwatch_doubts(struct clockwatch *watch, int64_t now, int64_t mono_ms);
/* Whether it is in doubt and no CA has spoken against it as it is now, so that a CA's Date would
 * settle that. One that is asked for this alone may come from a cache: it is told if it agrees, not
 * if it differs. */
bool clockwatch_wants_date(struct clockwatch *watch);
/* How many of ROOM orders may begin; those that do are to be told. Looks at the clock, too. */
size_t clockwatch_room(struct clockwatch *watch, size_t room, int64_t now, int64_t mono_ms);
void clockwatch_began(struct clockwatch *watch, int64_t mono_ms);
/* Our clock less that of the CA that has spoken last, in seconds. */
int64_t clockwatch_skew(struct clockwatch *watch);

#endif
