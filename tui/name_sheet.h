/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/name_sheet.h - all about a name, as lines: what is wrong and who must act comes first
 */
#ifndef TUI_NAME_SHEET_H
#define TUI_NAME_SHEET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "tui/sheet.h"

struct name_facts {
	const cJSON *item;     /* of "show", NULL: there is no such name */
	const char *why;       /* there is none, "": certd has not said */
	const cJSON *audit;    /* of "inspect", NULL: not known */
	const cJSON *attempts; /* of "order", and "events": oldest first */
	const cJSON *events;
	bool is_asked; /* certd has answered */
	int64_t now;
	int width;
};

void name_sheet_fill(struct sheet *sheet, const struct name_facts *facts);

#endif
