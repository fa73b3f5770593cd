/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_inside.h - what the verbs (command*.c) share among themselves; nobody else
 * includes it. Control thread only. */
#ifndef DAEMON_CONTROL_COMMAND_INSIDE_H
#define DAEMON_CONTROL_COMMAND_INSIDE_H

#include "daemon/control/command.h"
#include "daemon/control/control_inside.h"
#include "daemon/order/quota.h"

struct buf;
struct cert;
struct conf;
struct conf_backend;
struct conf_ca;

/* The CAs to ask for a name, best first; 0: not said, or nobody is asked. */
struct ca_choice {
	const struct conf_ca *cas[DOMAIN_CAS_MAX];
	size_t count;
};

/* command_blocks.c: the blocks that the request names, else the default's; no CA: new names are
 * external. False: answered with an error. */
bool choose_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
                   const struct conf_backend **ret_backend);
/* The same without defaults: no CA, NULL, where the request names none. */
bool given_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
                  const struct conf_backend **ret_backend);
/* What a request or item says about whether a CA is asked; a "ca" says yes. */
enum external { EXTERNAL_UNSAID, EXTERNAL_NO, EXTERNAL_YES };
enum external external_of(const cJSON *object);
/* Who is asked for a new name with this BACKEND when no CA is given; none: it is external. False:
 * there is no default. */
bool default_cas(const struct conf *conf, enum external external,
                 const struct conf_backend *backend, struct ca_choice *ret_cas);
/* False: D is external, has no certificate, and BACKEND (NULL: unknown) needs one. */
bool external_is_served(const struct domain *d, const struct conf_backend *backend);
/* That CONF has no such block, and which one may have been meant. Returns WHY. */
enum { NO_BLOCK_MAX = 256 };
const char *no_ca(const struct conf *conf, const char *name, char why[NO_BLOCK_MAX]);
const char *no_backend(const struct conf *conf, const char *name, char why[NO_BLOCK_MAX]);
/* Why not. */
extern const char no_default_ca[], no_default_backend[], ca_or_external[];
extern const char external_needs_certificate[];

/* command_choice.c: the member "ca" of OBJECT, a text or a list. NULL, or the word of an error that
 * WHY explains. */
const char *choose_cas(const struct conf *conf, const cJSON *object, struct ca_choice *ret_choice,
                       char *why, size_t size);
/* D asks these CAs; none: D is external. */
void choice_put(const struct ca_choice *choice, struct domain *d);
bool choice_is(const struct ca_choice *choice, const struct domain *d);
/* The names, a space between. Returns TEXT. */
const char *choice_text(const struct ca_choice *choice, char text[DOMAIN_CAS_TEXT_MAX + 1]);

/* command_domain.c; private/: what there is of a name that is removed */
MUST_CHECK enum err forget_orders(struct store_txn *txn, const struct hostname *name);

/* command_blocks.c */
bool ca_may_have_wildcards(const struct conf_ca *ca);

/* command_label.c: the texts of OBJECT ({"key":"value"}) in place of D's labels. ERR_INVALID: the
 * reason is in WHY. */
MUST_CHECK enum err labels_from_json(const cJSON *object, struct domain *d, char *why, size_t size);
void labels_to_json(const struct domain *d, cJSON *item);

/* command_owner.c: what the owner of NAME is to show, as the member "ownership" of RESULT. */
void owner_to_json(struct control *c, const struct hostname *name, cJSON *result);

/* command_audit.c: who asked for what, as an event before it is done. */
void audit_change(struct control_client *cl, const char *verb, const cJSON *request);
void audit_refused(struct control_client *cl, const char *verb);

/* command_export.c: what is stored for NAME; ISSUERS as cert_chain_get() has them. */
MUST_CHECK enum err command_read_cert(struct control *c, const struct hostname *name,
                                      struct cert *cert, struct buf *issuers);

/* command_show.c */
void fill_item(cJSON *item, struct control *c, const struct domain *d);

#endif
