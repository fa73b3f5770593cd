/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/command_inside.h - what the verbs (command*.c) share among themselves; nobody else
 * includes it. Control thread only. */
#ifndef DAEMON_COMMAND_INSIDE_H
#define DAEMON_COMMAND_INSIDE_H

#include "daemon/command.h"
#include "daemon/control_inside.h"

struct conf_backend;
struct conf_ca;

/* command_blocks.c: the blocks that the request names, else the default's; CA NULL: new names are
 * external. False: answered with an error. */
bool choose_blocks(struct control_client *cl, const cJSON *request, const struct conf_ca **ret_ca,
                   const struct conf_backend **ret_backend);
/* The same without defaults: NULL where the request names none. */
bool given_blocks(struct control_client *cl, const cJSON *request, const struct conf_ca **ret_ca,
                  const struct conf_backend **ret_backend);
/* What a request or item says about whether a CA is asked; a "ca" says yes. */
enum external { EXTERNAL_UNSAID, EXTERNAL_NO, EXTERNAL_YES };
enum external external_of(const cJSON *object);
/* Who is asked for a new name with this BACKEND when no CA is given; RET_CA NULL: nobody, it is
 * external. False: there is no default. */
bool default_ca(const struct conf *conf, enum external external, const struct conf_backend *backend,
                const struct conf_ca **ret_ca);
/* False: D is external, has no certificate, and BACKEND (NULL: unknown) needs one. */
bool external_is_served(const struct domain *d, const struct conf_backend *backend);
/* Why not. */
extern const char no_default_ca[], no_default_backend[], ca_or_external[];
extern const char external_needs_certificate[];
bool ca_may_have_wildcards(const struct conf_ca *ca);

/* command_label.c: the texts of OBJECT ({"key":"value"}) in place of D's labels. ERR_INVALID: the
 * reason is in WHY. */
MUST_CHECK enum err labels_from_json(const cJSON *object, struct domain *d, char *why, size_t size);
void labels_to_json(const struct domain *d, cJSON *item);

/* command_show.c */
void fill_item(cJSON *item, struct control *c, const struct domain *d);

#endif
