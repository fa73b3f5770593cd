/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/msg.h"
#include "ctl/print.h"

/* In screens: rows kept on each side of what is seen; rows of a request. */
enum { KEEP_SCREENS = 2, ASK_SCREENS = 2 };

static void
drop_rows(cJSON **rows, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		cJSON_Delete(rows[i]);
	*count = 0;
}

void
window_init(struct window *w, struct link *link)
{
	*w = (struct window){.link = link, .screen = 1};
}

void
window_done(struct window *w)
{
	if (w->link)
		link_forget(w->link, w);
	drop_rows(w->rows, &w->count);
	drop_rows(w->fresh, &w->fresh_count);
	cJSON_Delete(w->query);
	w->query = NULL;
}

static const char *
name_at(const struct window *w, size_t at)
{
	const char *name = at < w->count ? json_text(w->rows[at], "name") : NULL;

	return name ? name : "";
}

void
window_place(const struct window *w, const cJSON *item, char ret_place[WINDOW_PLACE_MAX])
{
	const char *name = json_text(item, "name");

	if (w->order != WINDOW_BY_NAME && item)
		snprintf(ret_place, WINDOW_PLACE_MAX, "%" PRId64 "/%s",
		         print_time_of(item, w->order == WINDOW_BY_NEXT ? "next" : "not_after"),
		         name ? name : "");
	else
		snprintf(ret_place, WINDOW_PLACE_MAX, "%s", name ? name : "");
}

static void
place_of(const struct window *w, size_t at, char ret_place[WINDOW_PLACE_MAX])
{
	window_place(w, at < w->count ? w->rows[at] : NULL, ret_place);
}

/* ---- what has come -------------------------------------------------------------------------- */

/* Forgets rows that are far from what is seen. */
static void
trim(struct window *w)
{
	size_t keep = KEEP_SCREENS * w->screen, bottom = w->top + w->screen + keep;

	if (w->count > bottom) {
		for (size_t i = bottom; i < w->count; i++)
			cJSON_Delete(w->rows[i]);
		w->count = bottom;
		w->at_last = false;
		w->below[0] = '\0';
	}
	if (w->top > keep) {
		size_t drop = w->top - keep;

		for (size_t i = 0; i < drop; i++)
			cJSON_Delete(w->rows[i]);
		w->count -= drop;
		w->top -= drop;
		w->cursor -= drop;
		memmove(w->rows, w->rows + drop, w->count * sizeof(w->rows[0]));
		w->at_first = false;
		w->above[0] = '\0';
	}
}

/* As far as there are rows; the screen follows the cursor. */
static void
move_cursor(struct window *w)
{
	size_t last = w->count ? w->count - 1 : 0;

	for (; w->steps > 0 && w->cursor < last; w->steps--)
		w->cursor++;
	for (; w->steps < 0 && w->cursor > 0; w->steps++)
		w->cursor--;
	if ((w->steps > 0 && w->at_last) || (w->steps < 0 && w->at_first))
		w->steps = 0;
	if (w->is_paging)
		w->top = w->cursor > w->offset ? w->cursor - w->offset : 0;
	if (w->steps == 0)
		w->is_paging = false;
	if (w->cursor < w->top)
		w->top = w->cursor;
	if (w->cursor >= w->top + w->screen)
		w->top = w->cursor - w->screen + 1;
	if (w->at_last && w->top + w->screen > w->count)
		w->top = w->count > w->screen ? w->count - w->screen : 0;
}

static void
find_name(struct window *w, const char *name)
{
	for (size_t i = 0; *name && i < w->count; i++)
		if (strcmp(name_at(w, i), name) == 0)
			w->cursor = i;
	if (w->cursor >= w->count)
		w->cursor = w->count ? w->count - 1 : 0;
}

static void
replace(struct window *w)
{
	char name[WINDOW_PLACE_MAX];

	snprintf(name, sizeof(name), "%s", name_at(w, w->cursor));
	w->cursor -= w->cursor < w->top ? w->cursor : w->top;
	drop_rows(w->rows, &w->count);
	memcpy(w->rows, w->fresh, w->fresh_count * sizeof(w->rows[0]));
	w->count = w->fresh_count;
	w->top = 0;
	find_name(w, name);
}

static void
put_below(struct window *w)
{
	for (size_t i = 0; i < w->fresh_count; i++) {
		if (w->count < WINDOW_MAX)
			w->rows[w->count++] = w->fresh[i];
		else
			cJSON_Delete(w->fresh[i]);
	}
}

static void
put_above(struct window *w)
{
	size_t more = w->fresh_count;

	while (w->count + more > WINDOW_MAX) {
		cJSON_Delete(w->rows[--w->count]);
		w->at_last = false;
		w->below[0] = '\0';
	}
	memmove(w->rows + more, w->rows, w->count * sizeof(w->rows[0]));
	memcpy(w->rows, w->fresh, more * sizeof(w->rows[0]));
	w->count += more;
	w->top += more;
	w->cursor += more;
}

/* NULL: nothing goes on in this direction. */
static void
go_on(char place[WINDOW_PLACE_MAX], bool *at_end, const char *where)
{
	snprintf(place, WINDOW_PLACE_MAX, "%s", where ? where : "");
	*at_end = !where;
}

/* Asks for what is seen, and what is above it is asked for after that. */
static void
want_refresh(struct window *w)
{
	if (w->count == 0 || (w->at_first && w->top == 0)) {
		w->wanted = WINDOW_FIRST;
	} else {
		w->wanted = WINDOW_FROM;
		place_of(w, w->top, w->from);
	}
	w->is_refresh = w->count > 0;
}

/* Since a refresh was asked for. */
static bool
has_moved(const struct window *w)
{
	char place[WINDOW_PLACE_MAX];

	place_of(w, w->top, place);
	return w->asked == WINDOW_FIRST ? w->top != 0
	                                : w->asked == WINDOW_FROM && strcmp(place, w->from) != 0;
}

static void
take(struct window *w, const cJSON *end)
{
	const char *after = json_text(end, "after"), *before = json_text(end, "before");

	w->matches = json_int(end, "matches", -1);
	if (w->is_refresh && has_moved(w)) { /* what has come is not what is seen by now */
		drop_rows(w->fresh, &w->fresh_count);
		want_refresh(w);
		return;
	}
	switch (w->asked) {
	case WINDOW_FIRST:
	case WINDOW_FROM:
		replace(w);
		w->cursor = w->is_refresh ? w->cursor : 0;
		go_on(w->above, &w->at_first, before);
		go_on(w->below, &w->at_last, after);
		if (w->asked == WINDOW_FROM && w->count == 0 && w->at_last)
			w->wanted = WINDOW_LAST; /* all names are before it */
		break;
	case WINDOW_LAST:
		replace(w);
		w->at_last = true;
		go_on(w->above, &w->at_first, before);
		w->cursor = w->count ? w->count - 1 : 0;
		break;
	case WINDOW_BELOW:
		put_below(w);
		go_on(w->below, &w->at_last, after);
		break;
	case WINDOW_ABOVE:
		put_above(w);
		go_on(w->above, &w->at_first, before);
		break;
	case WINDOW_NOTHING:
		break;
	}
	w->fresh_count = 0;
}

static void
on_line(void *owner, const cJSON *line)
{
	struct window *w = owner;
	const cJSON *item = json_object(line, "item");
	cJSON *copy = item && w->fresh_count < WINDOW_MAX ? cJSON_Duplicate(item, true) : NULL;

	if (copy)
		w->fresh[w->fresh_count++] = copy;
}

static void
on_end(void *owner, const cJSON *end, enum err err)
{
	struct window *w = owner;
	const char *detail = json_text(json_object(end, "error"), "detail");

	snprintf(w->error, sizeof(w->error), "%s", detail ? detail : "");
	if (err || detail)
		drop_rows(w->fresh, &w->fresh_count);
	else
		take(w, end);
	if (detail) /* asked again, it would be said again */
		w->at_first = w->at_last = true;
	else if (err)
		want_refresh(w);
	w->asked = WINDOW_NOTHING;
	move_cursor(w);
	trim(w);
	window_fit(w, w->screen);
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static void
ask(struct window *w, enum window_part part)
{
	static const struct link_asker asker = {on_line, on_end};
	cJSON *request = cJSON_Duplicate(w->query, true);
	char place[WINDOW_PLACE_MAX];
	size_t rows = ASK_SCREENS * w->screen;

	cJSON_AddNumberToObject(request, "limit", (double)rows);
	if (part == WINDOW_FROM)
		cJSON_AddStringToObject(request, "from", w->from);
	if (part == WINDOW_LAST)
		cJSON_AddStringToObject(request, "before", "");
	if (part == WINDOW_BELOW) {
		place_of(w, w->count - 1, place);
		cJSON_AddStringToObject(request, "after", w->below[0] ? w->below : place);
	}
	if (part == WINDOW_ABOVE) {
		place_of(w, 0, place);
		cJSON_AddStringToObject(request, "before", w->above[0] ? w->above : place);
	}
	if (link_ask(w->link, request, &asker, w))
		w->asked = part;
}

void
window_fit(struct window *w, size_t rows)
{
	w->screen = rows < 1 ? 1 : rows > WINDOW_ROWS_MAX ? WINDOW_ROWS_MAX : rows;
	move_cursor(w);
	if (w->asked != WINDOW_NOTHING || !w->query)
		return;
	if (w->wanted != WINDOW_NOTHING) {
		ask(w, w->wanted);
		w->wanted = WINDOW_NOTHING;
	} else if (!w->at_last && w->count < w->top + 2 * w->screen && (w->count || w->below[0])) {
		ask(w, WINDOW_BELOW);
	} else if (!w->at_first && w->top < w->screen && (w->count || w->above[0])) {
		ask(w, WINDOW_ABOVE);
	}
}

void
window_open(struct window *w, cJSON *query, enum window_order order, const char *from)
{
	link_forget(w->link, w);
	drop_rows(w->fresh, &w->fresh_count);
	drop_rows(w->rows, &w->count);
	cJSON_Delete(w->query);
	w->query = query;
	w->order = order;
	w->top = w->cursor = 0;
	w->steps = 0;
	w->asked = WINDOW_NOTHING;
	w->at_first = w->at_last = false;
	w->wanted = from ? WINDOW_FROM : WINDOW_FIRST;
	w->is_refresh = false;
	snprintf(w->from, sizeof(w->from), "%s", from ? from : "");
	window_fit(w, w->screen);
}

void
window_refresh(struct window *w)
{
	bool comes_anew = w->asked >= WINDOW_FIRST && w->asked <= WINDOW_LAST;

	if (w->wanted == WINDOW_NOTHING && !comes_anew)
		want_refresh(w);
	window_fit(w, w->screen);
}
