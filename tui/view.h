/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/view.h - what a screen is: keys have become requests (tui/keys.h), a view answers them
 */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/draw.h"
#include "tui/keys.h"

struct console;
struct sheet;
struct view;

struct view_ops {
	enum view_kind kind;
	const char *title; /* of the tab, or what the path in the first line begins with */
	size_t size;       /* of its state */
	/* ABOUT: a name, or whatever the view takes; "" = nothing. */
	void (*open)(struct view *v);
	/* Asks certd for what is shown: at the beginning, when something has happened, and now and
	 * then. */
	void (*load)(struct view *v);
	void (*draw)(struct view *v, struct area area);
	/* False: not its own; BACK too, when there is nothing inside it to leave. */
	bool (*request)(struct view *v, enum request request);
	/* What was typed behind "/"; NULL: there is no filter. */
	void (*filter)(struct view *v, const char *text);
	void (*done)(struct view *v);
	/* The rest may be NULL. A click on ROW of the terminal; true: on what the cursor is on
	 * already. */
	bool (*click)(struct view *v, int row);
	/* Writes what is seen to PATH; one that is there only when it may be REPLACED. */
	void (*write)(struct view *v, const char *path, bool replaced);
};

struct view {
	const struct view_ops *ops;
	struct console *console;
	char about[256];
	void *state; /* zeroed before open() */
	/* of a view that is a sheet: its lines; to be filled anew, and for which width it was */
	struct sheet *sheet;
	bool is_old;
	int width;
};

extern const struct view_ops view_names, view_name, view_events, view_ca, view_front, view_store,
	view_pager;

struct view *view_new(struct console *console, const struct view_ops *ops, const char *about);
void view_free(struct view *v);
/* What it shows has changed. */
void view_is_old(struct view *v);

/* tui/view_pager.c: the help for views of KIND, a command line, whose output it shows, a text. */
void view_pager_help(struct view *v, enum view_kind kind);
bool view_pager_run(struct view *v, const char *line);
void view_pager_text(struct view *v, const char *text);
/* Descriptor of what it waits for, -1: nothing; and what is to be done when it has something. */
int view_pager_fd(const struct view *v);
void view_pager_step(struct view *v);

#endif
