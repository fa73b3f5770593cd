/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf_names.h - the part of a struct conf that is about many names at once: daemon/conf.h
 */
#ifndef DAEMON_CONF_NAMES_H
#define DAEMON_CONF_NAMES_H

#include <stdint.h>

/* What is kept of names that were removed. */
struct conf_removed {
	uint32_t keep_ms;
	uint32_t most;
};

/* Of names with the same value of a label. */
struct conf_quota {
	const char *label; /* its key; NULL: no quota */
	uint32_t names;
};

#endif
