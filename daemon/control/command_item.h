/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_item.h - an item of the verb apply: what is wanted of one name */
#ifndef DAEMON_CONTROL_COMMAND_ITEM_H
#define DAEMON_CONTROL_COMMAND_ITEM_H

#include "daemon/control/command_inside.h"
#include "daemon/control/command_set.h"
#include "store/domain.h"

enum change { UNCHANGED, CREATED, UPDATED, REMOVED };

/* What one item wants and what became of it. */
struct wish {
	const char *given;
	struct hostname name;
	bool absent;
	struct ca_choice cas; /* none: the request's for a new name, its own for an old one */
	const struct conf_backend *backend;
	enum external external;
	bool relabel;
	struct domain labels; /* its labels only */
	struct set_wish with;
	enum change change;
	bool ordered;                    /* not external */
	const char *word;                /* of an error, static; NULL: good */
	char detail[PROBLEM_DETAIL_MAX]; /* of the error; else of the event */
};

/* Fills in W, zeroed; what is wrong with ITEM is refused. */
void wish_read(const struct conf *conf, const cJSON *item, struct wish *w);
void wish_refuse(struct wish *w, const char *word, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
