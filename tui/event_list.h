/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/event_list.h - events that were read, a repeat in place of the row before it
 */
#ifndef TUI_EVENT_LIST_H
#define TUI_EVENT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/event_row.h"

enum { EVENT_LIST_MAX = 5000, EVENT_LIST_FRESH = 1000 };

struct event_list {
	struct event_row *rows; /* oldest first; NULL: no memory */
	size_t count;
	int64_t newest, oldest;  /* ids, of what was looked at: all between them is here */
	struct event_row *fresh; /* older ones that are just coming */
	size_t fresh_count;
};

void event_list_init(struct event_list *l);
void event_list_done(struct event_list *l);
void event_list_clear(struct event_list *l);
/* Takes R over, which is newer than all. */
void event_list_add(struct event_list *l, const struct event_row *r);
/* Puts FRESH before all, or forgets them where there is no room. */
void event_list_take(struct event_list *l);
void event_list_forget(struct event_list *l);

#endif
