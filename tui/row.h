/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/row.h - how a name looks in a list. Pure.
 */
#ifndef TUI_ROW_H
#define TUI_ROW_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "tui/draw.h"

struct row_look {
	char sign; /* the meaning, and TONE only repeats it */
	enum tone tone;
};

/* Of an item of "list". By fractions of a certificate's life, so that one of six days does not glow
 * all the time. */
struct row_look row_look(const cJSON *item, int64_t now);

#endif
