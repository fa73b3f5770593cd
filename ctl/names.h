/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/names.h - the names that a verb is for: from its arguments and, for "-", from stdin
 *
 * As typed: what a name is and how it is written, certd alone knows.
 */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

struct names {
	char **list; /* of copies */
	size_t count;
	size_t room;
};

void names_done(struct names *names);
bool names_add(struct names *names, const char *name);
/* False: complained. "-" stands for the lines of stdin; empty ones and "# ..." do not count. */
bool names_read(struct names *names, char **args, size_t count);
/* How many names from FROM on fit into one request. */
size_t names_batch(const struct names *names, size_t from);
/* Adds COUNT names from FROM on to REQUEST, as "names". */
void names_to_json(const struct names *names, size_t from, size_t count, cJSON *request);

#endif
