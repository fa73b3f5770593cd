/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/front/backend.h - a socket to one server of a backend, without waiting */
#ifndef DAEMON_FRONT_BACKEND_H
#define DAEMON_FRONT_BACKEND_H

#include "base/err.h"

struct conf_address;

/* Starts to connect. ERR_OK: RET_FD is on its way; writable means that backend_result() knows.
 * ERR_UNREACHABLE: refused at once, errno says why. ERR_FULL: out of descriptors, ports or memory.
 */
MUST_CHECK enum err backend_start(const struct conf_address *server, int *ret_fd);
/* How it ended: ERR_OK or ERR_UNREACHABLE with errno; ERR_AGAIN: it has not yet. */
MUST_CHECK enum err backend_result(int fd);

#endif
