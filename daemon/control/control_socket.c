/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's file, and places for those who come to it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/control/control_inside.h"

enum { STRANGERS_MAX = 8 }; /* without any right, until they have heard so */

/* Whether somebody answers on the socket that is in the way. */
static bool
is_answered(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return false;
	answered = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

/* A socket of a certd that is gone may be in the way, one of a certd that lives is not ours. */
static enum err
open_at(const char *path, int *ret_fd)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(sa.sun_path))
		return ERR_TOOBIG;
	strcpy(sa.sun_path, path);
	if (lstat(path, &st) == 0 &&
	    (!S_ISSOCK(st.st_mode) || is_answered(&sa) || unlink(path) != 0)) {
		errno = EADDRINUSE;
		return ERR_EXISTS;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_IO;
	mask = umask(0177); /* 0600: see rights_share_socket() */
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (rc != 0 || listen(fd, CLIENTS_MAX) != 0) {
		close(fd);
		return ERR_IO;
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err
control_open_socket(struct control *c)
{
	const char *path = c->conf->control_socket;
	enum err err = ERR_OK;
	struct stat st;

	/* An inherited one that its path does not lead to any more is of no use to anybody. */
	if (c->listen_fd >= 0 && lstat(path, &st) != 0) {
		close(c->listen_fd);
		c->listen_fd = -1;
	}
	if (c->listen_fd < 0)
		err = open_at(path, &c->listen_fd);
	if (err) {
		log_err("cannot open the control socket %s: %s", path,
		        errno ? strerror(errno) : err_text(err));
		return err;
	}
	rights_share_socket(c->conf, path);
	if (lstat(path, &st) == 0)
		c->socket_ino = st.st_ino;
	return ERR_OK;
}

void
control_close_socket(struct control *c)
{
	const char *path = c->conf->control_socket;
	struct stat st;

	if (c->listen_fd < 0)
		return;
	close(c->listen_fd);
	if (!c->leave_by && !c->orphaned && lstat(path, &st) == 0 && st.st_ino == c->socket_ino)
		unlink(path);
}

static bool
is_idle(const struct control_client *cl)
{
	return cl->fd >= 0 && !cl->busy && cl->in.len == 0 && cl->out.len == 0;
}

struct control_client *
control_place(struct control *c, enum rights rights)
{
	struct control_client *free = NULL, *oldest = NULL;
	size_t strangers = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		strangers += cl->fd >= 0 && cl->rights == RIGHTS_NONE;
		if (cl->fd < 0)
			free = cl;
		else if (is_idle(cl) && (!oldest || cl->asked_at < oldest->asked_at))
			oldest = cl;
	}
	if (rights == RIGHTS_NONE && (strangers >= STRANGERS_MAX || !free))
		return NULL;
	return free ? free : oldest;
}

void
control_recheck(struct control *c)
{
	rights_share_socket(c->conf, c->conf->control_socket);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0)
			continue;
		cl->rights = rights_of(c->conf, cl->fd);
		if (cl->rights == RIGHTS_NONE)
			cl->closing = true;
	}
}
