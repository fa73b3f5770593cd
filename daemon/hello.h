/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/hello.h - two extensions of a ClientHello, read by hand
 *
 * OpenSSL calls us before it has checked them, so nothing here is trusted (RFC 6066 3, RFC
 * 7301 3.1).
 */
#ifndef DAEMON_HELLO_H
#define DAEMON_HELLO_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/err.h"

enum { HELLO_MAX = 16 * 1024 }; /* longer ClientHellos are refused */

/* Body of a server_name extension: exactly one entry, of type host_name, not empty. RET_NAME points
 * into EXTENSION. ERR_PROTO otherwise. */
MUST_CHECK enum err hello_server_name(struct span extension, struct span *ret_name);
/* Body of an ALPN extension: whether PROTOCOL is in it. ERR_PROTO when it is malformed. */
MUST_CHECK enum err hello_offers(struct span extension, const char *protocol, bool *ret_offers);

#endif
