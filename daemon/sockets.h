/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/sockets.h - the listening sockets, which outlive every worker
 *
 * One SO_REUSEPORT socket for each `listen` and worker slot. The parent keeps all of them open, so
 * connections that the kernel has queued wait for the next worker when one dies.
 * Ownership: sockets_close() closes all descriptors of the set.
 */
#ifndef DAEMON_SOCKETS_H
#define DAEMON_SOCKETS_H

#include <stddef.h>

#include "base/err.h"

struct conf;

struct sockets {
	size_t listens;
	size_t workers;
	int *fds; /* [slot * listens + listen] */
};

/* Opens what CONF asks for. Sockets of OLD (may be NULL) with the same address and slot are shared
 * (duplicated), so both sets can be used and closed independently. ERROR gets the sentence. */
MUST_CHECK enum err sockets_open(const struct conf *conf, const struct sockets *old,
                                 const struct conf *old_conf, struct sockets *ret_sockets,
                                 char *error, size_t size);
void sockets_close(struct sockets *sockets);
/* The descriptors of one worker, one per listen; borrowed. */
const int *sockets_of_slot(const struct sockets *sockets, size_t slot);

#endif
