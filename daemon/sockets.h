/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/sockets.h - the listening sockets, which outlive every worker
 *
 * At least one SO_REUSEPORT socket for each `listen` and worker. The parent keeps all of them open,
 * so connections that the kernel has queued wait for the next worker when one dies. A socket is
 * never closed while its address is listened on: the kernel would reset what is queued on it. So
 * when `workers` becomes smaller, the ones that remain take the sockets of those that go as well.
 * Ownership: sockets_close() closes all descriptors of the set.
 */
#ifndef DAEMON_SOCKETS_H
#define DAEMON_SOCKETS_H

#include <stddef.h>

#include "base/err.h"

struct conf;

struct sockets {
	size_t workers;
	size_t per_worker; /* `listen`s, times the sockets that one worker may have of each */
	int *fds;          /* [worker * per_worker + i], for listen i % listens; -1: none */
};

/* Opens what CONF asks for. Sockets of GIVEN (COUNT of them, -1 for none) that are bound to one of
 * its addresses are shared (duplicated), so both sets can be used and closed independently. ERROR
 * gets the sentence. ERR_EXISTS: somebody else listens there. */
MUST_CHECK enum err sockets_open(const struct conf *conf, const int *given, size_t count,
                                 struct sockets *ret_sockets, char *error, size_t size);
void sockets_close(struct sockets *sockets);
/* How many descriptors there are in all, -1 included. */
size_t sockets_count(const struct sockets *sockets);
/* The descriptors of one worker, per_worker of them; borrowed. */
const int *sockets_of(const struct sockets *sockets, size_t worker);

enum { SOCKET_NAME_MAX = 80 };
/* "certd_127.0.0.1_443": a name without colons for what FD is bound to. */
const char *sockets_name(int fd, char name[SOCKET_NAME_MAX]);

#endif
