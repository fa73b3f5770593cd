/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/spark.h"

#include <string.h>

char *
spark_line(const double *values, size_t count, size_t width, bool blocks, char *dst)
{
	static const char ascii[] = " .:-=+*#";
	size_t first = count > width ? count - width : 0, at = 0;
	double most = 0;

	for (size_t i = first; i < count; i++)
		most = values[i] > most ? values[i] : most;
	for (size_t i = first; i < count; i++) {
		/* 0 is the lowest step, alone */
		size_t step = values[i] > 0 ? 1 + (size_t)(values[i] / most * 6.0 + 0.5) : 0;

		if (blocks) { /* U+2581 + STEP */
			memcpy(dst + at, "\xe2\x96\x81", 3);
			dst[at + 2] = (char)(0x81 + step);
			at += 3;
		} else {
			dst[at++] = ascii[step];
		}
	}
	dst[at] = '\0';
	return dst;
}

char *
spark_bar(double value, double most, size_t width, char *dst)
{
	size_t filled = most > 0 && value > 0 ? (size_t)(value / most * (double)width + 0.5) : 0;

	if (filled > width)
		filled = width;
	if (value > 0 && filled == 0 && width)
		filled = 1;
	memset(dst, '#', filled);
	memset(dst + filled, '.', width - filled);
	dst[width] = '\0';
	return dst;
}

int
spark_life_percent(const struct spark_life *life)
{
	int64_t whole = life->until - life->from, over = life->now - life->from;

	if (whole <= 0 || over <= 0)
		return over > 0 ? 100 : 0;
	return over >= whole ? 100 : (int)((double)over * 100.0 / (double)whole);
}

/* The place of AT among WIDTH cells, the first or last one when it is outside. */
static size_t
place(const struct spark_life *life, int64_t at, size_t width)
{
	double whole = (double)(life->until - life->from), over = (double)(at - life->from);

	if (over <= 0 || whole <= 0)
		return 0;
	return over >= whole ? width - 1 : (size_t)(over / whole * (double)width);
}

char *
spark_life(const struct spark_life *life, size_t width, char *dst)
{
	size_t inner = width > 2 ? width - 2 : 0, now;
	char *line = dst + 1;

	if (inner == 0) {
		*dst = '\0';
		return dst;
	}
	now = place(life, life->now, inner);
	memset(line, '.', inner);
	memset(line, '=', now);
	if (life->window_from && life->window_until) {
		size_t from = place(life, life->window_from, inner);

		memset(line + from, 'w', place(life, life->window_until, inner) - from + 1);
	}
	if (life->renewal)
		line[place(life, life->renewal, inner)] = 'R';
	line[now] = life->now >= life->until ? 'X' : '>';
	dst[0] = dst[inner + 1] = '|';
	dst[inner + 2] = '\0';
	return dst;
}
