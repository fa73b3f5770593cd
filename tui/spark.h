/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/spark.h - small pictures in a line of text: rates, bars, the life of a certificate
 *
 * Pure functions. WIDTH is cells; DST gets UTF-8 and needs SPARK_ROOM(WIDTH) bytes; all return DST.
 */
#ifndef TUI_SPARK_H
#define TUI_SPARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPARK_WIDTH_MAX = 240 };
#define SPARK_ROOM(width) ((width)*3 + 1)

/* The last WIDTH of COUNT values, none negative, oldest first, as high as their highest one allows.
 * BLOCKS: the terminal shows U+2581 to U+2588. */
char *spark_line(const double *values, size_t count, size_t width, bool blocks, char *dst);
/* "###.." : at least one # when VALUE is more than 0. */
char *spark_bar(double value, double most, size_t width, char *dst);

struct spark_life {
	int64_t from, until;               /* of the certificate */
	int64_t window_from, window_until; /* in which the CA would see it renewed; 0: none */
	int64_t renewal;                   /* planned; 0: not */
	int64_t now;
};

/* "|======>...wwRw......|": what is over, now, the CA's window, the renewal; X behind the end. */
char *spark_life(const struct spark_life *life, size_t width, char *dst);
/* How much of the life is over, 0 to 100. */
int spark_life_percent(const struct spark_life *life);

#endif
