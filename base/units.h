/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/units.h - spans of time as people write them: 500ms 10s 5m 2h 1d
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

#include "base/err.h"

/* A whole number and its unit, without a blank or sign. ERR_INVALID for anything else, ERR_TOOBIG
 * beyond 2^53 ms. */
MUST_CHECK enum err units_parse_ms(const char *text, uint64_t *ret_ms);
/* Digits only, no sign, no leading blank; the same errors. */
MUST_CHECK enum err units_parse_number(const char *text, uint64_t *ret_number);

enum { UNITS_TEXT_MAX = 32 };
/* The inverse: the largest unit that gives a whole number, "90s", "5m". Returns DST. */
char *units_format_ms(uint64_t ms, char dst[UNITS_TEXT_MAX]);

#endif
