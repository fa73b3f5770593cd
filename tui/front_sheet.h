/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/front_sheet.h - what the front does just now, as lines
 */
#ifndef TUI_FRONT_SHEET_H
#define TUI_FRONT_SHEET_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/model.h"
#include "tui/sheet.h"

enum { FRONT_LISTENERS_MAX = 32, FRONT_ADDRESS_MAX = 64 };

/* What each listener accepts in a second, of two answers. */
struct front_rates {
	struct {
		char address[FRONT_ADDRESS_MAX];
		double accepted, rate;
	} of[FRONT_LISTENERS_MAX];
	size_t count;
	int64_t at_ms; /* mono */
	int64_t at;    /* unix seconds, of the answer */
};

struct front_facts {
	const struct model *model;
	const cJSON *front;    /* of "frontend", NULL: not known */
	const cJSON *backends; /* of "backend.list" */
	const struct front_rates *rates;
	int64_t now;
	int width;
};

/* From an answer to "frontend", NULL: none; the same one again changes nothing. */
void front_rates_take(struct front_rates *rates, const cJSON *front, int64_t now_ms);
void front_sheet_fill(struct sheet *sheet, const struct front_facts *facts);

#endif
