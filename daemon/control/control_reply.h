/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/control_reply.h - lines to a client of the control socket. Control thread only. */
#ifndef DAEMON_CONTROL_CONTROL_REPLY_H
#define DAEMON_CONTROL_CONTROL_REPLY_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/msg.h"

struct buf;
struct control_client;

/* One line each. reply_json() takes LINE over, NULL stands for no memory. */
void reply_json(struct control_client *cl, cJSON *line);
void reply_ok(struct control_client *cl);
void reply_error(struct control_client *cl, enum msg_exit code, const char *word,
                 const char *format, ...) PRINTF_LIKE(4, 5);
void reply_text(struct control_client *cl, const struct buf *text); /* whole lines */
void reply_end(struct control_client *cl, enum msg_exit code);
/* {"member": object}: adds the object to a new line; NULL when there is no memory. */
cJSON *line_with(const char *member, cJSON **ret_object);

#endif
