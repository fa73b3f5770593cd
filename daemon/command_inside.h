/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/command_inside.h - what the verbs (command*.c) share among themselves; nobody else
 * includes it. Control thread only. */
#ifndef DAEMON_COMMAND_INSIDE_H
#define DAEMON_COMMAND_INSIDE_H

#include "daemon/command.h"
#include "daemon/control_inside.h"

struct conf;
struct conf_backend;
struct conf_ca;

/* The CAs to ask for a name, best first; 0: not said. */
struct ca_choice {
	const struct conf_ca *cas[DOMAIN_CAS_MAX];
	size_t count;
};

/* command_choice.c: the blocks that the request names, else the default's; false: answered with an
 * error. */
bool choose_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
                   const struct conf_backend **ret_backend);
/* The member "ca" of OBJECT, a text or a list. NULL, or the word of an error that WHY explains. */
const char *choose_cas(const struct conf *conf, const cJSON *object, struct ca_choice *ret_choice,
                       char *why, size_t size);
void choice_put(const struct ca_choice *choice, struct domain *d);
bool choice_is(const struct ca_choice *choice, const struct domain *d);
/* The names, a space between. Returns TEXT. */
const char *choice_text(const struct ca_choice *choice, char text[DOMAIN_CAS_TEXT_MAX + 1]);

/* command_domain.c; private/: what there is of a name that is removed */
MUST_CHECK enum err forget_orders(struct store_txn *txn, const struct hostname *name);
bool ca_may_have_wildcards(const struct conf_ca *ca);

/* command_apply.c: the texts of OBJECT ({"key":"value"}) in place of D's labels. ERR_INVALID: the
 * reason is in WHY. */
MUST_CHECK enum err labels_from_json(const cJSON *object, struct domain *d, char *why, size_t size);
void labels_to_json(const struct domain *d, cJSON *item);

/* command_show.c */
void fill_item(cJSON *item, struct control *c, const struct domain *d);

#endif
