/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const uint64_t number_max = UINT64_C(1) << 53; /* what JSON carries exactly */

static const struct {
	const char *unit;
	uint64_t ms;
} units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

/* Leaves *TEXT behind the digits. */
static enum err
read_digits(const char **text, uint64_t *ret_number)
{
	uint64_t n = 0;
	const char *p = *text;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > number_max)
			return ERR_TOOBIG;
	}
	if (p == *text)
		return ERR_INVALID;
	*text = p;
	*ret_number = n;
	return ERR_OK;
}

enum err
units_parse_number(const char *text, uint64_t *ret_number)
{
	uint64_t n;
	enum err err = read_digits(&text, &n);

	if (err || *text)
		return err ? err : ERR_INVALID;
	*ret_number = n;
	return ERR_OK;
}

enum err
units_parse_ms(const char *text, uint64_t *ret_ms)
{
	uint64_t n;
	enum err err = read_digits(&text, &n);

	if (err)
		return err;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (n > number_max / units[i].ms)
			return ERR_TOOBIG;
		*ret_ms = n * units[i].ms;
		return ERR_OK;
	}
	return ERR_INVALID;
}

char *
units_format_ms(uint64_t ms, char dst[UNITS_TEXT_MAX])
{
	size_t i = 0;

	while (i < UNIT_COUNT - 1 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	snprintf(dst, UNITS_TEXT_MAX, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
	return dst;
}
