/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_list.h - what the verb list is asked for, by command_list_query.c, for
 * command_list.c; nobody else includes it. Control thread only. */
#ifndef DAEMON_CONTROL_COMMAND_LIST_H
#define DAEMON_CONTROL_COMMAND_LIST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "store/domain.h"
#include "store/domain_window.h"

struct store_txn;

enum { LIST_PAGE = 100, LIST_CURSOR_MAX = HOSTNAME_MAX + 32 };

struct list_query {
	int64_t now;
	size_t limit;
	const char *state;         /* the request's; NULL: any, as all below */
	const char *ca, *backend;  /* the request's */
	enum problem_kind problem; /* NONE: any */
	char labels[LABELS_MAX][LABEL_TEXT_MAX + 1];
	size_t label_count;
	int64_t ends_before;         /* INT64_MAX: any */
	bool by_expiry;              /* the order: by name, or by expiry and name, or */
	bool by_next;                /* by when it is due and name */
	bool backwards;              /* rows come in reverse */
	bool placed;                 /* there may be rows on the other side of the place */
	struct domain_window window; /* which list, and where to go on */
	char why[96];                /* it is refused */
};

/* NULL, or why REQUEST is none, which may be in Q. */
const char *list_query_read(const cJSON *request, struct list_query *q);
/* Whether D is asked for. */
bool list_query_matches(const struct list_query *q, const struct domain *d);
/* How many names are asked for, as counters have it; ERR_UNSUPPORTED: they do not. */
MUST_CHECK enum err list_query_count(const struct list_query *q, struct store_txn *txn,
                                     uint64_t *ret_count);
/* The time in D's place; by name: none. */
int64_t list_query_at(const struct list_query *q, const struct domain *d);
/* Where D is, for "after", "before" and "from". Returns TEXT. */
const char *list_query_cursor(const struct list_query *q, const struct domain *d,
                              char text[LIST_CURSOR_MAX]);

#endif
