/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_front.h - what the verbs say about the front (command_front.c,
 * command_recent.c) and about what is due (command_due.c). Control thread only. */
#ifndef DAEMON_CONTROL_COMMAND_FRONT_H
#define DAEMON_CONTROL_COMMAND_FRONT_H

#include <cjson/cJSON.h>

struct control;
struct histogram_counts;

/* command_recent.c: takes down now and then what the front has counted, for rates. */
void recent_on_timer(struct control *c);
void recent_free(struct control *c);
/* "last_minute": what was counted in it; nothing where that is not known yet. */
void add_last_minute(cJSON *object, struct control *c);
/* {"count", "p50", "p99"}, in seconds, as NAME; nothing when there were none. */
void add_durations(cJSON *object, const char *name, const struct histogram_counts *counts);

/* command_front.c */
void add_listeners(cJSON *object, struct control *c);
void add_front(cJSON *object, struct control *c); /* "front" and "last_minute" */

/* command_due.c: goes on counting what was asked for, a part at a time. */
void due_on_timer(struct control *c);
void due_free(struct control *c);

#endif
