/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/seek.h - the next name that fails, however far away: certd's index finds it
 */
#ifndef TUI_SEEK_H
#define TUI_SEEK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "tui/window.h"

struct view;

struct seek {
	struct view *view;
	struct window *window;
	cJSON *query; /* of what is out, NULL: nothing */
	bool is_backwards;
	unsigned pages;               /* asked for */
	char place[WINDOW_PLACE_MAX]; /* that was found, "" = none yet */
};

/* Moves WINDOW, in VIEW, to the next failing row of its list, or says that there is none. */
void seek_failing(struct seek *seek, struct view *view, struct window *window, bool backwards);
void seek_done(struct seek *seek);

#endif
