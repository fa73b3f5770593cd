/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/window.h - the part of the daemon's list that is near the cursor
 *
 * certd sorts and filters by its own indexes; here are some screens of rows around what is seen,
 * asked for by their places ("after", "before") and forgotten when they are far away. Never more
 * than WINDOW_MAX rows, whatever the number of names.
 */
#ifndef TUI_WINDOW_H
#define TUI_WINDOW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "tui/keys.h"
#include "tui/link.h"

enum { WINDOW_MAX = 640, WINDOW_PLACE_MAX = 300, WINDOW_ROWS_MAX = 200 };

/* What is asked for: rows in place of all there are (from the beginning, from a place on, the last
 * ones), or more of them. */
enum window_part {
	WINDOW_NOTHING,
	WINDOW_FIRST,
	WINDOW_FROM,
	WINDOW_LAST,
	WINDOW_BELOW,
	WINDOW_ABOVE
};

enum window_order { WINDOW_BY_NAME, WINDOW_BY_EXPIRY, WINDOW_BY_NEXT, WINDOW_ORDERS };

struct window {
	struct link *link;
	cJSON *query; /* "list" with its filters, without a place */
	enum window_order order;
	cJSON *rows[WINDOW_MAX];
	size_t count;
	size_t top, cursor; /* rows */
	size_t screen;      /* rows that are seen */
	bool at_first, at_last;
	int64_t matches; /* in all, -1: certd does not count these */
	/* the request that is out, and what has come of it */
	enum window_part asked;
	cJSON *fresh[WINDOW_MAX];
	size_t fresh_count;
	/* what is to be asked for next */
	enum window_part wanted;
	bool is_refresh; /* it is, or what is out: of what is seen, which stays where it is */
	char from[WINDOW_PLACE_MAX];  /* for WINDOW_FROM: any text */
	char below[WINDOW_PLACE_MAX]; /* where certd has said that it goes on, "" = the last row */
	char above[WINDOW_PLACE_MAX];
	/* where the cursor is to be when the rows are there */
	long steps;    /* so many rows on */
	size_t offset; /* of the cursor on the screen, while pages are turned */
	bool is_paging;
	char error[512]; /* of the last request, "" = none */
};

void window_init(struct window *w, struct link *link);
void window_done(struct window *w);
/* From the beginning (FROM NULL), or from the first name that is not before FROM: takes QUERY. */
void window_open(struct window *w, cJSON *query, enum window_order order, const char *from);
/* The rows that are seen may be out of date. */
void window_refresh(struct window *w);
/* ROWS are seen from now on; asks for what is missing. */
void window_fit(struct window *w, size_t rows);
/* Moves the cursor; false: no request of a list's. */
bool window_request(struct window *w, enum request request);
/* ROW of the list, from 0 at the top of the screen; true: the cursor is there already. */
bool window_click(struct window *w, size_t row);
/* The place of ITEM, as "after" and "before" take it; a jump to it. */
void window_place(const struct window *w, const cJSON *item, char ret_place[WINDOW_PLACE_MAX]);
void window_go(struct window *w, const char *place);
/* NULL: there is none. */
const cJSON *window_row(const struct window *w);
bool window_is_busy(const struct window *w);

#endif
