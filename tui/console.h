/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/console.h - the console: its views, its connections, its last line
 *
 * One thread. main.c waits for keys, lines of certd and the next second, and calls console_key(),
 * console_step() and console_tick(); each ends with what is to be drawn. The model and the rows of
 * the lists come over `ask`; what people want done over `act`, since it may take long; over `watch`
 * certd says that something has changed.
 */
#ifndef TUI_CONSOLE_H
#define TUI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ctl/names.h"
#include "tui/draw.h"
#include "tui/keys.h"
#include "tui/link.h"
#include "tui/model.h"
#include "tui/prompt.h"
#include "tui/view.h"

enum { CONSOLE_DEPTH = 8, CONSOLE_MESSAGE_MAX = 512 };

struct console {
	const char *socket;
	char host[64];
	bool read_only; /* --read-only, or certd says that we may only look */
	struct link ask, act, watch;
	struct model model;
	struct view *screens[VIEW_SCREENS]; /* kept with their places, NULL: not opened yet */
	struct view *stack[CONSOLE_DEPTH];  /* stack[0] is one of them */
	size_t depth;
	struct prompt prompt;
	char message[CONSOLE_MESSAGE_MAX];
	enum tone message_tone;
	cJSON *pending;           /* what is sent after "y" */
	char command[PROMPT_MAX]; /* or what is run, */
	char path[PROMPT_MAX];    /* or, unless "", the file that is overwritten */
	struct {
		char what[64]; /* "renew" */
		size_t done, failed;
		unsigned ended;                    /* actions, since the console runs */
		char why[CONSOLE_MESSAGE_MAX / 2]; /* the first that failed */
	} action;
	char origin[CONSOLE_MESSAGE_MAX]; /* a name whose events are looked at, */
	bool has_origin, was_open;        /* and whether it was open: q goes back there */
	int tab_ends[VIEW_SCREENS];       /* columns; 0: not seen */
	bool is_pasting;                  /* what comes as keys was not typed */
	bool is_frozen, wants_quit, is_dirty;
	unsigned ticks, paste_ticks; /* seconds; at the beginning of what is pasted */
};

void console_init(struct console *c, const char *socket, bool read_only);
void console_done(struct console *c);
/* Opens the first screen. */
void console_start(struct console *c, const char *name);

void console_key(struct console *c, int key);
void console_step(struct console *c);
void console_tick(struct console *c);
void console_draw(struct console *c);
struct view *console_view(const struct console *c); /* the one that is seen */

/* ---- for views ---- */

void console_say(struct console *c, enum tone tone, const char *format, ...) PRINTF_LIKE(3, 4);
/* Opens a view on top of this one; the screens instead of all. */
struct view *console_push(struct console *c, const struct view_ops *ops, const char *about);
struct view *console_screen(struct console *c, enum request screen);
void console_pop(struct console *c);
/* The events of NAME, which may be the view's that is freed with this; q comes back. */
void console_events_of(struct console *c, const char *name);
/* Asks for a filter, the one that is there to be changed. */
void console_ask_filter(struct console *c, const char *now);
/* Asks for a file's name, for the view's write(). */
void console_ask_path(struct console *c);
/* PATH is there: the view's write() is called again after a yes. */
void console_ask_overwrite(struct console *c, const char *path);
/* To the terminal's clipboard, or says NAME when there is none. */
void console_copy(struct console *c, const char *name);
/* {"verb":VERB,"names":[...]} of the names, or of the one NAME, after a question. */
void console_do_names(struct console *c, const char *verb, const struct names *names,
                      const char *name);
/* Sends REQUEST (taken over) after the QUESTION was answered with yes. */
void console_do(struct console *c, cJSON *request, const char *question);
/* Runs a command of certctl in a pager; asks before when it changes something. */
void console_run(struct console *c, const char *line);
/* A request with its verb. */
cJSON *console_request(const char *verb);
/* To tell of an answer: a failed request says so in the last line. */
void console_on_end(void *owner, const cJSON *end, enum err err);

#endif
