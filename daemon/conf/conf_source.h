/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_source.h - the files of a configuration as they were read, in the order of
 * reading */
#ifndef DAEMON_CONF_CONF_SOURCE_H
#define DAEMON_CONF_CONF_SOURCE_H

#include <stddef.h>

/* Lives as long as its configuration. */
struct conf_source {
	const char *file;
	const char *text; /* LEN bytes, and a NUL behind them */
	size_t len;
	const struct conf_source *next;
};

#endif
