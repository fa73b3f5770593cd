/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/command_inside.h - what the verbs (command*.c) share among themselves; nobody else
 * includes it. Control thread only. */
#ifndef DAEMON_COMMAND_INSIDE_H
#define DAEMON_COMMAND_INSIDE_H

#include "daemon/command.h"
#include "daemon/control_inside.h"

struct conf_backend;
struct conf_ca;

/* command_domain.c: the blocks that the request names, else the default's; false: answered with an
 * error. */
bool choose_blocks(struct control_client *cl, const cJSON *request, const struct conf_ca **ret_ca,
                   const struct conf_backend **ret_backend);
bool ca_may_have_wildcards(const struct conf_ca *ca);

/* command_apply.c: the texts of OBJECT ({"key":"value"}) in place of D's labels. ERR_INVALID: the
 * reason is in WHY. */
MUST_CHECK enum err labels_from_json(const cJSON *object, struct domain *d, char *why, size_t size);
void labels_to_json(const struct domain *d, cJSON *item);

/* command_audit.c: who asked for what, as an event before it is done. */
void audit_change(struct control_client *cl, const char *verb, const cJSON *request);
void audit_refused(struct control_client *cl, const char *verb);

/* command_show.c */
void fill_item(cJSON *item, struct control *c, const struct domain *d);

#endif
