/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_user.h - (part of daemon/conf/conf.h) the word front-user, as the system knows
 * it */
#ifndef DAEMON_CONF_CONF_USER_H
#define DAEMON_CONF_CONF_USER_H

#include <sys/types.h>

struct conf_front_user {
	const char *name; /* NULL: workers run as who started certd */
	uid_t uid;        /* not root */
	gid_t gid;        /* its group */
};

#endif
