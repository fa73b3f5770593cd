/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/filter.h - what is typed behind "/" as members of a request: certd does the filtering
 */
#ifndef TUI_FILTER_H
#define TUI_FILTER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter {
	bool by_expiry;   /* of names: the soonest first */
	bool by_name;     /* of names: there is no other order of these */
	char from[256];   /* of names: begin at this one, "" = the first */
	const char *near; /* the state that `from` may be meant for; NULL: none, static */
};

/* For "list": "failing", "state:failing", "expires<14d", "error:CODE", "ca:NAME", "backend:NAME",
 * "label:k=v" or "k=v"; any other word is where to begin. False, with a sentence in WHY (of SIZE).
 */
bool filter_names(const char *text, cJSON *request, struct filter *ret_filter, char *why,
                  size_t size);
/* For "events": "mismatch.*", "cert.expired", "type:T", "name:NAME", "since:2h"; NOW for that. */
bool filter_events(const char *text, int64_t now, cJSON *request, char *why, size_t size);
/* Takes the words that begin with PREFIX out of TEXT (of SIZE), the value of the last of them to
 * RET_WAS (of SIZE; as it is, when there is none), and puts PREFIX with VALUE in, unless NULL. */
void filter_set(char *text, size_t size, const char *prefix, const char *value, char *ret_was);

#endif
