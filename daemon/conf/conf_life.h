/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_life.h - how names begin and end: the `ownership` block, `keep-removed`,
 * `quota`, `audit`; see daemon/conf/conf.h */
#ifndef DAEMON_CONF_CONF_LIFE_H
#define DAEMON_CONF_CONF_LIFE_H

#include <stdint.h>

/* What the owner of a name is to show before its first order, one of: */
struct conf_ownership {
	const char *txt;   /* labels in front of the name, NULL: no TXT record */
	const char *http;  /* a path there, NULL: no page; both NULL: nothing is to be shown */
	const char *label; /* the key of a label whose value is part of the token; NULL: none */
};

/* What is kept of names that were removed. */
struct conf_removed {
	uint32_t keep_ms;
	uint32_t most;
};

/* How the audit goes through all names. */
struct conf_audit {
	uint32_t within_ms; /* so long a round may take, */
	uint32_t cpu;       /* and so many hundredths of a processor */
};

/* Of names with the same value of a label. */
struct conf_quota {
	const char *label; /* its key; NULL: no quota */
	uint32_t names;
};

#endif
