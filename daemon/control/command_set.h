/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_set.h - which names share a certificate, as operators ask for it
 * (store/set.h) */
#ifndef DAEMON_CONTROL_COMMAND_SET_H
#define DAEMON_CONTROL_COMMAND_SET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/set.h"

struct conf;
struct domain;
struct store_txn;

/* "with" of an item: the other names of its certificate. */
struct set_wish {
	bool given;
	struct hostname *names; /* NULL: none */
	size_t count;
	const struct conf *conf; /* whose quota new ones are held against; borrowed */
};

enum { SET_WHY_MAX = 400 };

/* ERR_INVALID with a sentence in WHY. */
MUST_CHECK enum err set_wish_read(const cJSON *item, const struct hostname *name,
                                  struct set_wish *ret_wish, char why[SET_WHY_MAX]);
void set_wish_done(struct set_wish *wish);
/* Whether DOMAIN shares its certificate with none. */
MUST_CHECK enum err set_is_alone(struct store_txn *txn, const struct domain *domain,
                                 bool *ret_alone);
/* Makes LEAD, which is in the store (or would be, DRY_RUN), lead WISH's names and no others; new
 * ones are as LEAD is. RET_CHANGED: something is to change, and LEAD is due then. ERR_EXISTS,
 * ERR_TOOBIG with a sentence in WHY: one of them is not free, there is a quota; nothing was
 * written. */
MUST_CHECK enum err set_wish_apply(struct store_txn *txn, struct domain *lead,
                                   const struct set_wish *wish, bool dry_run, bool *ret_changed,
                                   char why[SET_WHY_MAX]);

/* Whether D may be made external, or get another CA: not while it shares a certificate. False with
 * a sentence in WHY. */
bool set_is_free(struct store_txn *txn, const struct domain *d, bool external,
                 char why[SET_WHY_MAX]);

/* "lead" of a name that is led. */
void set_lead_to_json(const struct domain *d, cJSON *item);
/* "with" of one that leads. */
void set_members_to_json(struct store_txn *txn, const struct hostname *name, cJSON *item);

#endif
