/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/dns/diagnose_own.h - which addresses are ours, as the world sees us */
#ifndef DAEMON_DNS_DIAGNOSE_OWN_H
#define DAEMON_DNS_DIAGNOSE_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/conf/conf_address.h"

struct conf;

enum { OWN_MAX = 64 };

/* A plain value. */
struct own {
	/* `addresses` of the configuration, or a public address on this machine: what is not in
	 * the list is not ours. False: we stand behind a router, as far as can be seen, and any
	 * public address may lead to us. */
	bool is_sure;
	size_t count;
	struct conf_address addresses[OWN_MAX]; /* ports are of no meaning; text without one */
};

/* Those that the configuration names, else those that our listeners are bound to, all of this
 * machine's for one that is bound to none. Threads: any. */
void own_find(const struct conf *conf, struct own *ret_own);
bool own_has(const struct own *own, int family, const void *address);
/* ADDRESS of FAMILY, 4 or 16 bytes. Returns TEXT. */
void own_make(int family, const void *address, struct conf_address *ret_address);

#endif
