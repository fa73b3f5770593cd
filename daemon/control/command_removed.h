/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_removed.h - what is kept of names that were removed, for the verbs.
 * Control thread only. */
#ifndef DAEMON_CONTROL_COMMAND_REMOVED_H
#define DAEMON_CONTROL_COMMAND_REMOVED_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct control_client;
struct hostname;
struct list_query;
struct store_txn;

/* Whether WHY (NULL: none) may be kept as a reason; else CL is answered. */
bool removed_why_is_good(struct control_client *cl, const char *why);
/* set_remove() for CL, whose VERB it is, with a tombstone. */
MUST_CHECK enum err removed_put(struct store_txn *txn, const struct control_client *cl,
                                const struct hostname *name, const char *verb, const char *why);
/* Answers that NAME is not here, and when it was removed. */
void removed_reply(struct control_client *cl, const struct hostname *name);
/* The verb list, of names that were removed: the page that Q asks for, by name. */
void removed_list(struct control_client *cl, const struct list_query *q);

#endif
