/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/proxy.h - the PROXY protocol header, version 2: tells a backend who the client is */
#ifndef DAEMON_PROXY_H
#define DAEMON_PROXY_H

#include <stddef.h>

struct sockaddr;

enum { PROXY_V2_MAX = 16 + 36 }; /* fixed part and two IPv6 addresses with ports */

/* Writes the header for a TCP connection from CLIENT to LOCAL and returns its length. Addresses of
 * different or other families give an AF_UNSPEC header, which has none. */
size_t proxy_v2(const struct sockaddr *client, const struct sockaddr *local,
                unsigned char dst[PROXY_V2_MAX]);

#endif
