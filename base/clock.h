/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/clock.h - wall time for dates, monotonic time for waiting
 *
 * Timers use clock_mono_ms() only, so a stepped wall clock never fires or delays them.
 * Threads: any. clock_set_wall() is for tests, before threads start.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int64_t clock_wall(void);    /* unix seconds */
int64_t clock_wall_ms(void); /* unix milliseconds */
int64_t clock_mono_ms(void); /* milliseconds since some start */
int64_t clock_mono_us(void); /* microseconds since the same */
/* Tests: wall time stands still at UNIX_SECONDS from now on; a negative value lets it run again. */
void clock_set_wall(int64_t unix_seconds);

enum { CLOCK_TEXT_MAX = 32 };
/* "2026-11-22T05:16:19Z" (RFC 3339, UTC); "-" when AT is 0. Returns DST. */
char *clock_format(int64_t at, char dst[CLOCK_TEXT_MAX]);
/* Accepts RFC 3339 in UTC or with an offset, fractions of a second ignored. */
MUST_CHECK enum err clock_parse(const char *text, int64_t *ret_at);
/* HTTP-date, the IMF-fixdate form (RFC 9110, 5.6.7). */
MUST_CHECK enum err clock_parse_http(const char *text, int64_t *ret_at);

#endif
