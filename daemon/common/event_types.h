/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/event_types.h - every type of event that certd writes
 *
 * docs/events.md says of each what it means; a test holds the two, and the code, together. Threads:
 * any.
 */
#ifndef DAEMON_COMMON_EVENT_TYPES_H
#define DAEMON_COMMON_EVENT_TYPES_H

#include <stdbool.h>
#include <stddef.h>

/* Who has to do something about it. */
enum event_actor {
	EVENT_NOBODY,
	EVENT_OPERATOR,
	EVENT_CUSTOMER, /* whose name it is */
	EVENT_CA,
	EVENT_BY_PROBLEM, /* the problem that its detail quotes says who */
};

struct event_type {
	const char *word;
	enum event_actor actor;
};

extern const struct event_type event_types[];
extern const size_t event_type_count;

/* Its place in event_types; event_type_count for a type that an older or newer certd has written.
 */
size_t event_type_find(const char *word);
const char *event_actor_word(enum event_actor actor);
/* PATTERN is a type, "cert.*" for all that begin so, or "*". */
bool event_type_matches(const char *pattern, const char *word);
/* Whether PATTERN matches any type that there is. */
bool event_pattern_is_known(const char *pattern);

#endif
