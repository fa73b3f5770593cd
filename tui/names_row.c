/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/names_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "ctl/print.h"
#include "tui/columns.h"
#include "tui/row.h"
#include "tui/text.h"

enum { CELL_MAX = 512, REASON_LEAST = 12, REASON_WIDTH = 80 };

static const struct column columns[NAMES_COLUMNS] = {
	{"NAME", 20, 0, 0}, {"STATE", 8, 8, 1}, {"EXPIRES", 11, 11, 6},         {"LEFT", 7, 7, 2},
	{"CA", 4, 12, 5},   {"NEXT", 7, 7, 4},  {"REASON", REASON_LEAST, 0, 3},
};

/* Why a name fails is worth more than the date, where there is room for one of them. */
void
names_row_fit(int width, size_t widths[NAMES_COLUMNS])
{
	struct column fit[NAMES_COLUMNS];

	memcpy(fit, columns, sizeof(fit));
	if (width >= REASON_WIDTH)
		fit[NAMES_COLUMNS - 1].least = 2 * REASON_LEAST;
	columns_fit(fit, NAMES_COLUMNS, (size_t)(width - NAMES_SIGNS), widths);
}

void
names_row_titles(int row, int width, const size_t *widths)
{
	int column = NAMES_SIGNS;

	draw_text(row, 0, width, TONE_TITLE, "");
	for (size_t i = 0; i < NAMES_COLUMNS; i++) {
		if (!widths[i])
			continue;
		draw_text(row, column, (int)widths[i], TONE_TITLE, columns[i].title);
		column += (int)widths[i] + COLUMNS_GAP;
	}
}

static const char *
or_dash(const char *text)
{
	return text && *text ? text : "-";
}

struct cells {
	char text[NAMES_COLUMNS][CELL_MAX];
};

/* Why it fails; of one that was removed when, by whom and why. */
static void
fill_reason(const cJSON *item, int64_t now, char *text, size_t size)
{
	const cJSON *error = json_object(item, "error"), *removed = json_object(item, "removed");
	const char *code = json_text(error, "code"), *detail = json_text(error, "detail");
	const char *why = json_text(removed, "reason");
	char day[TEXT_NUMBER_MAX];

	if (removed)
		snprintf(text, size, "%s by uid %" PRId64 "%s%s",
		         text_day(print_time_of(removed, "at"), now, day),
		         json_int(removed, "uid", -1), why ? ": " : "", why ? why : "");
	else
		snprintf(text, size, "%s%s%s", or_dash(code), detail ? " " : "",
		         detail ? detail : "");
}

static void
fill_cells(const cJSON *item, int64_t now, struct cells *c)
{
	int64_t until = print_time_of(item, "not_after"), next = print_time_of(item, "next");
	char time[TEXT_NUMBER_MAX];
	size_t room = sizeof(c->text[0]);

	snprintf(c->text[0], room, "%s", or_dash(json_text(item, "name")));
	snprintf(c->text[1], room, "%s", or_dash(json_text(item, "state")));
	snprintf(c->text[2], room, "%s", text_day(until, now, time));
	snprintf(c->text[3], room, "%s", text_left(until, now, time));
	snprintf(c->text[4], room, "%s", or_dash(json_text(item, "ca")));
	snprintf(c->text[5], room, "%s", next && next <= now ? "now" : text_left(next, now, time));
	fill_reason(item, now, c->text[6], room);
}

void
names_row_draw(const struct names_row *r, int row, int width, const size_t *widths)
{
	struct row_look look = row_look(r->item, r->now);
	struct cells cells;
	int column = NAMES_SIGNS;

	fill_cells(r->item, r->now, &cells);
	draw_row_text(row, 0, width, look.tone, r->is_here, "");
	draw_row_text(row, 0, 1, TONE_PLAIN, r->is_here, r->is_here ? ">" : " ");
	draw_row_text(row, 1, 1, look.tone, r->is_here, (char[]){look.sign, '\0'});
	draw_row_text(row, 2, 1, TONE_TITLE, r->is_here, r->is_marked ? "*" : " ");
	for (size_t i = 0; i < NAMES_COLUMNS; i++) {
		if (!widths[i])
			continue;
		draw_row_text(row, column, (int)widths[i], look.tone, r->is_here, cells.text[i]);
		column += (int)widths[i] + COLUMNS_GAP;
	}
}
