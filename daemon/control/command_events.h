/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_events.h - clients of the verb "events": which they want. Control thread
 * only. */
#ifndef DAEMON_CONTROL_COMMAND_EVENTS_H
#define DAEMON_CONTROL_COMMAND_EVENTS_H

#include <stddef.h>

#include "base/hostname.h"
#include "daemon/common/event_severity.h"
#include "store/event.h"

struct control_client;

struct event_filter {
	struct hostname name; /* of this name only, when len > 0 */
	char (*types)[EVENT_TYPE_MAX +
	              1]; /* patterns, see daemon/common/event_types.h; NULL: all */
	size_t type_count;
	enum event_severity mildest; /* of those that are sent */
};

/* Sends a client that follows what is new. */
void events_follow(struct control_client *cl);
/* Releases what CL wanted. */
void events_done(struct control_client *cl);

#endif
