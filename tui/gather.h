/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/gather.h - the objects of one reply, whole before they are shown
 */
#ifndef TUI_GATHER_H
#define TUI_GATHER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct view;

struct gather {
	struct view *view;
	const char *member; /* of the lines, as "backend" */
	cJSON *list;        /* of the last whole reply, NULL: none yet */
	cJSON *fresh;       /* that is just coming */
	bool is_asked;
	bool has_failed; /* the last reply said so; LIST is empty then */
	char why[512];   /* its words, else "" */
};

/* Asks over the console's `ask`, unless the last reply is still to come; takes REQUEST over. */
void gather_ask(struct gather *g, struct view *view, cJSON *request, const char *member);
/* The first object, NULL: none. */
const cJSON *gather_one(const struct gather *g);
void gather_done(struct gather *g);

#endif
