/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/listener.h"

/* The old set's socket for ADDRESS in SLOT, or -1. */
static int
find_old(const struct sockets *old, const struct conf *old_conf, const char *address, size_t slot)
{
	if (!old || slot >= old->workers)
		return -1;
	for (size_t i = 0; i < old->listens; i++)
		if (strcmp(old_conf->listens[i].address.text, address) == 0)
			return old->fds[slot * old->listens + i];
	return -1;
}

static enum err
open_one(const struct conf_address *address, bool first, int old_fd, int *ret_fd)
{
	enum err err;

	if (old_fd < 0) {
		err = first ? listener_is_free(address) : ERR_OK;
		return err ? err : listener_open(address, ret_fd);
	}
	*ret_fd = fcntl(old_fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? ERR_IO : ERR_OK;
}

enum err
sockets_open(const struct conf *conf, const struct sockets *old, const struct conf *old_conf,
             struct sockets *ret_sockets, char *error, size_t size)
{
	struct sockets s = {.listens = conf->listen_count, .workers = conf->workers};
	size_t n = s.listens * s.workers;
	enum err err = ERR_OK;

	s.fds = malloc((n ? n : 1) * sizeof(*s.fds));
	if (!s.fds)
		return ERR_NOMEM;
	memset(s.fds, 0xff, n * sizeof(*s.fds));
	for (size_t i = 0; i < n && !err; i++) {
		const struct conf_address *address = &conf->listens[i % s.listens].address;

		err = open_one(address, i < s.listens,
		               find_old(old, old_conf, address->text, i / s.listens), &s.fds[i]);
		if (err)
			snprintf(error, size, "cannot listen on %s: %s", address->text,
			         strerror(errno));
	}
	if (err) {
		sockets_close(&s);
		return err;
	}
	*ret_sockets = s;
	return ERR_OK;
}

void
sockets_close(struct sockets *sockets)
{
	for (size_t i = 0; sockets->fds && i < sockets->listens * sockets->workers; i++)
		if (sockets->fds[i] >= 0)
			close(sockets->fds[i]);
	free(sockets->fds);
	*sockets = (struct sockets){0};
}

const int *
sockets_of_slot(const struct sockets *sockets, size_t slot)
{
	return sockets->fds + slot * sockets->listens;
}
