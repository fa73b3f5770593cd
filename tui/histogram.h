/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/histogram.h - how many certificates end when, from the counters certd keeps
 */
#ifndef TUI_HISTOGRAM_H
#define TUI_HISTOGRAM_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_SPANS = 8, HISTOGRAM_TEXT_MAX = 512 };

struct link;
struct view;

struct histogram {
	int64_t expired;
	int64_t counts[HISTOGRAM_SPANS]; /* within 1, 3, 7, 14, 30, 60, 90 days, not sooner; later
	                                  */
};

/* From the answer of certd: pure. */
void histogram_take(struct histogram *h, const cJSON *expiry);
/* "expiry 1d # 3  7d ## 41 ...", in WIDTH cells, what is furthest left out first: pure. */
void histogram_text(const struct histogram *h, size_t width, char text[HISTOGRAM_TEXT_MAX]);

#endif
