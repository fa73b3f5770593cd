/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_control.h - the `control` block of the configuration: who may use the control
 * socket; see daemon/conf/conf.h, daemon/control/control_rights.h */
#ifndef DAEMON_CONF_CONF_CONTROL_H
#define DAEMON_CONF_CONF_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONF_GRANTS_MAX = 32 };

struct conf_control {
	struct conf_grant {
		bool change;      /* else they may look */
		bool is_group;    /* else a user */
		uint32_t id;      /* uid or gid */
		const char *name; /* as it is written */
	} grants[CONF_GRANTS_MAX];
	size_t grant_count;
};

#endif
