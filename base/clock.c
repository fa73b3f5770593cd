/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t fixed_wall = -1;

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	return fixed_wall >= 0 ? fixed_wall * 1000 : read_ms(CLOCK_REALTIME);
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

int64_t
clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
clock_set_wall(int64_t unix_seconds)
{
	fixed_wall = unix_seconds;
}

char *
clock_format(int64_t at, char dst[CLOCK_TEXT_MAX])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (at == 0 || !gmtime_r(&t, &tm) || tm.tm_year < 0 || tm.tm_year > 8099)
		snprintf(dst, CLOCK_TEXT_MAX, "-");
	else
		strftime(dst, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return dst;
}

/* "Z" or "+hh:mm" behind the seconds: its distance from UTC in seconds. */
static enum err
parse_zone(const char *p, int *ret_offset)
{
	unsigned hh, mm;
	int used = 0;

	if ((*p == 'Z' || *p == 'z') && !p[1]) {
		*ret_offset = 0;
		return ERR_OK;
	}
	if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2u:%2u%n", &hh, &mm, &used) != 2 ||
	    used != 5 || p[6] || hh > 23 || mm > 59)
		return ERR_INVALID;
	*ret_offset = (int)(hh * 3600 + mm * 60) * (*p == '-' ? -1 : 1);
	return ERR_OK;
}

enum err
clock_parse(const char *text, int64_t *ret_at)
{
	struct tm tm = {0};
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int offset;

	if (!p)
		return ERR_INVALID;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (parse_zone(p, &offset))
		return ERR_INVALID;
	*ret_at = (int64_t)timegm(&tm) - offset;
	return ERR_OK;
}

enum err
clock_parse_http(const char *text, int64_t *ret_at)
{
	struct tm tm = {0};
	const char *p = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!p || *p)
		return ERR_INVALID;
	*ret_at = (int64_t)timegm(&tm);
	return ERR_OK;
}
