/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/failover.h - which of a name's CAs is asked next
 *
 * A name may have several CAs, in order. A failure that is the CA's own (it is down, limits us,
 * makes no sense, will not issue this) sends the name to the next one at once; one that is the
 * name's (its DNS, its CAA records, the proof) does not, since every CA would say the same. When
 * all have been asked, or the rest is on hold, the usual back-off runs, and the next attempt, like
 * every renewal, begins with the first again. Pure decisions over a struct domain.
 */
#ifndef DAEMON_ORDER_FAILOVER_H
#define DAEMON_ORDER_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

struct domain;
struct problem;

/* Whether the CA of that name may be asked. */
typedef bool failover_usable_fn(void *arg, const char *ca);

/* Whether another CA may do better than the one that answered so. */
bool failover_helps(const struct problem *problem);
/* Makes the next USABLE CA (configured, not on hold) behind D's current one its CA; false, D
 * unchanged: there is none. */
bool failover_advance(struct domain *d, failover_usable_fn *usable, void *arg);
/* For D that waits and has not failed since it was well: as above, with the first USABLE one before
 * its current one. */
bool failover_return(struct domain *d, failover_usable_fn *usable, void *arg);
/* Back to the first that is KNOWN, that is configured; D unchanged when none is. */
void failover_restart(struct domain *d, failover_usable_fn *known, void *arg);
/* How often in a row all of D's CAs have failed, 1 = for the first time: for the back-off. */
uint32_t failover_rounds(const struct domain *d);

#endif
