/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/demander.h - the keeper's thread for names that come on demand
 *
 * A worker meets a ClientHello for a name that is not here and that `on-demand` allows: the
 * connection waits (CONN_AWAIT), the name and the client's network go through
 * daemon/common/demand.h to this thread. It looks, in this order, each step sparing the next: what
 * became of the name before (daemon/watch/demand_book.h); the store: a name that is here, or below
 * a wildcard that is, is none of its business, and one that somebody has removed does not come
 * back; the client network's budget; the permission hook, if there is one: DEMAND_ASKING_MAX
 * questions at a time, no answer is a no; the registered domain's budget. Then the name is added as
 * `certctl add` would, due at once; all else, the memory of its failures too, is the plan's. A no
 * goes to the workers by daemon/common/demand.h, a yes by the store. It also writes down when such
 * names were used (store/domain.h); what was not for long lapses in daemon/order/issuer_lapse.c.
 */
#ifndef DAEMON_WATCH_DEMANDER_H
#define DAEMON_WATCH_DEMANDER_H

#include "base/err.h"

struct conf;
struct demander;
struct issuer;
struct notice_queue;
struct status;
struct store;
struct upkeep;

/* Borrowed until demander_stop(), but for the conf, of which a reference is taken. */
struct demander_config {
	const struct conf *conf;
	struct store *store;
	struct status *status;
	struct notice_queue *notices;
	struct upkeep *upkeep;
	struct issuer *issuer;
};

MUST_CHECK enum err demander_start(const struct demander_config *config,
                                   struct demander **ret_demander);
void demander_stop(struct demander *demander); /* accepts NULL; waits for the thread */
/* From any thread; takes a reference. */
void demander_set_conf(struct demander *demander, const struct conf *conf);

#endif
