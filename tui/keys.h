/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/keys.h - keys become requests
 *
 * One table says which key means what in which views; the help screen and the hints in the last
 * line are made from it. A view sees requests only.
 */
#ifndef TUI_KEYS_H
#define TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum view_kind { VIEW_NAMES, VIEW_NAME, VIEW_EVENTS, VIEW_CA, VIEW_FRONT, VIEW_STORE, VIEW_PAGER };

enum { VIEW_SCREENS = 5 }; /* reached by the keys 1 to 5 */

enum request {
	REQUEST_NONE,
	/* of the console itself; SCREEN_... in the order of the screens */
	REQUEST_NAMES,
	REQUEST_EVENTS,
	REQUEST_CA,
	REQUEST_FRONT,
	REQUEST_STORE,
	REQUEST_HELP,
	REQUEST_COMMAND,
	REQUEST_FREEZE,
	REQUEST_REDRAW,
	REQUEST_FAULTS,
	REQUEST_BACK,
	REQUEST_QUIT,
	/* of the view */
	REQUEST_UP,
	REQUEST_DOWN,
	REQUEST_PAGE_UP,
	REQUEST_PAGE_DOWN,
	REQUEST_FIRST,
	REQUEST_LAST,
	REQUEST_LEFT,
	REQUEST_RIGHT,
	REQUEST_OPEN,
	REQUEST_FILTER,
	REQUEST_NEXT,
	REQUEST_PREVIOUS,
	REQUEST_SORT,
	REQUEST_MARK,
	REQUEST_RENEW,
	REQUEST_RETRY,
	REQUEST_PAUSE,
	REQUEST_RESUME,
	REQUEST_DIAGNOSE,
	REQUEST_EVENTS_OF,
	REQUEST_RAW,
	REQUEST_CHAIN,
	REQUEST_COPY,
	REQUEST_TYPE,
	REQUEST_TIME,
	REQUEST_SEVERITY,
	REQUEST_WRITE,
	REQUEST_ACKNOWLEDGE,
	REQUEST_TEST_CA,
	REQUEST_ROLLOVER,
	REQUEST_DRAIN,
	REQUEST_READY,
	REQUEST_CHECK,
	REQUEST_COUNT
};

/* What KEY (tui/term.h) asks for in a view of KIND. */
enum request keys_request(enum view_kind kind, int key);
/* Whether REQUEST changes something in certd: not with --read-only. */
bool keys_changes(enum request request);

struct key_help {
	const char *keys; /* "j, down" */
	const char *help;
	const char *hint; /* one word for the last line, NULL: not there */
};

/* The AT-th key of a view of KIND; false behind the last one. */
bool keys_help(enum view_kind kind, size_t at, struct key_help *ret_help);

#endif
