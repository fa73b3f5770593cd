/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/control/control_rights.h - who may use the control socket, and for what
 *
 * The kernel says who is there: uid, gid and supplementary groups at the time of connect(2)
 * (SO_PEERCRED, SO_PEERGROUPS), held against the `control` block each time, so a reload counts at
 * once. Control thread only.
 */
#ifndef DAEMON_CONTROL_CONTROL_RIGHTS_H
#define DAEMON_CONTROL_CONTROL_RIGHTS_H

#include <stddef.h>

#include "base/err.h"

struct conf;

enum rights {
	RIGHTS_NONE,
	RIGHTS_READ,
	RIGHTS_CHANGE, /* and to read */
	RIGHTS_OWNER,  /* root and the user that certd runs as: keys, files by their names */
};

/* Of who is at the other end of FD. */
enum rights rights_of(const struct conf *conf, int fd);
enum { RIGHTS_TEXT_MAX = 512 };
/* "root, the user certd runs as (uid 998) and group certd-admin": who may at least do that. */
const char *rights_text(const struct conf *conf, enum rights least, char text[RIGHTS_TEXT_MAX]);

/* Gives the socket at PATH to those of CONF, and closes it to all others as far as file modes can:
 * 0600 for us alone, 0660 for one group, else 0666, where rights_of() decides. */
void rights_share_socket(const struct conf *conf, const char *path);

#endif
