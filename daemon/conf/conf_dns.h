/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_dns.h - a `dns` block of the configuration: who sets the records of dns-01 and
 * dns-account-01; see daemon/conf/conf.h */
#ifndef DAEMON_CONF_CONF_DNS_H
#define DAEMON_CONF_CONF_DNS_H

#include <stdint.h>

#include "daemon/conf/conf_dns_update.h"
#include "store/domain.h"

enum { CONF_DNS_MAX = 64 };

struct conf_dns {
	char name[NAME_WORD_MAX + 1];
	const char *const *hook; /* a program's path and arguments, NULL behind them; NULL: none */
	uint32_t timeout_ms;     /* of the hook; default 30 s */
	struct conf_dns_update update; /* instead of a hook; and where to look, with both */
};

#endif
