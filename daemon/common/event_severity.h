/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/event_severity.h - how bad it is what an event tells
 *
 * docs/events.md has the same table; a test holds the two together. Threads: any.
 */
#ifndef DAEMON_COMMON_EVENT_SEVERITY_H
#define DAEMON_COMMON_EVENT_SEVERITY_H

#include "base/err.h"

/* The worst first. */
enum event_severity { SEVERITY_CRIT, SEVERITY_ERR, SEVERITY_WARN, SEVERITY_INFO, SEVERITIES };

/* Of a TYPE of event; INFO for one that nobody knows. */
enum event_severity event_severity_of(const char *type);
const char *event_severity_word(enum event_severity severity);
/* ERR_INVALID: WORD is none. */
MUST_CHECK enum err event_severity_parse(const char *word, enum event_severity *ret_severity);

#endif
