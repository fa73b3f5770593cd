/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_address.h - values that several blocks of the configuration have; see
 * daemon/conf/conf.h
 */
#ifndef DAEMON_CONF_CONF_ADDRESS_H
#define DAEMON_CONF_CONF_ADDRESS_H

#include <sys/socket.h>

enum { CONF_ALPN_MAX = 64 }; /* bytes, wire format (RFC 7301 3.1) */

struct conf_address {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[64]; /* "127.0.0.1:443", "[::1]:443" */
};

#endif
