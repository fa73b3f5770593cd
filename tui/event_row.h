/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/event_row.h - an event in a list: what is kept of it, and its line
 */
#ifndef TUI_EVENT_ROW_H
#define TUI_EVENT_ROW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "tui/draw.h"

enum { EVENT_ROW_MAX = 2048 };

struct event_row {
	int64_t id, at, first_at, count;
	bool is_acknowledged;
	char *type, *name, *detail;
	char severity; /* X crit, E err, ! warn, else blank: what is seen of it */
};

/* A copy of what is shown of an "event", for event_row_done(); false: no memory. */
bool event_row_take(struct event_row *r, const cJSON *event);
void event_row_done(struct event_row *r);
enum tone event_row_tone(const struct event_row *r);
/* Columns for WIDTH cells, the detail last. */
void event_row_line(const struct event_row *r, int64_t now, int width, struct buf *out);
char *event_row_titles(int width, char dst[EVENT_ROW_MAX]);

#endif
