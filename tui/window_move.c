/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor of a window, and jumps. */
#include <stdio.h>

#include "tui/window.h"

/* Rows of another place in place of all. */
static void
begin(struct window *w, enum window_part part)
{
	w->wanted = part;
	w->is_refresh = false;
	w->steps = 0;
	w->is_paging = false;
}

bool
window_request(struct window *w, enum request request)
{
	long page = w->screen > 1 ? (long)w->screen - 1 : 1;

	switch (request) {
	case REQUEST_UP:
		w->steps--;
		break;
	case REQUEST_DOWN:
		w->steps++;
		break;
	case REQUEST_PAGE_UP:
	case REQUEST_PAGE_DOWN:
		w->offset = w->is_paging ? w->offset : w->cursor - w->top;
		w->is_paging = true;
		w->steps += request == REQUEST_PAGE_UP ? -page : page;
		break;
	case REQUEST_FIRST:
		if (!w->at_first)
			begin(w, WINDOW_FIRST);
		w->cursor = w->top = 0;
		break;
	case REQUEST_LAST:
		if (!w->at_last)
			begin(w, WINDOW_LAST);
		w->cursor = w->count ? w->count - 1 : 0;
		break;
	default:
		return false;
	}
	window_fit(w, w->screen);
	return true;
}

void
window_go(struct window *w, const char *place)
{
	begin(w, WINDOW_FROM);
	snprintf(w->from, sizeof(w->from), "%s", place);
	window_fit(w, w->screen);
}

bool
window_click(struct window *w, size_t row)
{
	size_t at = w->top + row;

	if (row >= w->screen || at >= w->count || at == w->cursor)
		return row < w->screen && at < w->count;
	w->cursor = at;
	return false;
}

const cJSON *
window_row(const struct window *w)
{
	return w->cursor < w->count ? w->rows[w->cursor] : NULL;
}

bool
window_is_busy(const struct window *w)
{
	return w->asked != WINDOW_NOTHING;
}
