/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/control_rights.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/conf/conf.h"

struct peer {
	struct ucred cred;
	gid_t *groups; /* supplementary ones */
	size_t group_count;
};

/* Groups that cannot be read are none. */
static bool
read_peer(int fd, struct peer *p)
{
	socklen_t len = sizeof(p->cred);

	*p = (struct peer){.groups = NULL};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &p->cred, &len) != 0)
		return false;
	len = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return true;
	p->groups = malloc(len);
	if (p->groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len) == 0)
		p->group_count = len / sizeof(gid_t);
	return true;
}

static bool
is_for(const struct conf_grant *grant, const struct peer *p)
{
	if (!grant->is_group)
		return p->cred.uid == grant->id;
	if (p->cred.gid == grant->id)
		return true;
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i] == grant->id)
			return true;
	return false;
}

enum rights
rights_of(const struct conf *conf, int fd)
{
	enum rights rights = RIGHTS_NONE;
	struct peer p;

	if (!read_peer(fd, &p))
		return RIGHTS_NONE;
	if (p.cred.uid == 0 || p.cred.uid == geteuid())
		rights = RIGHTS_OWNER;
	for (size_t i = 0; i < conf->control.grant_count && rights < RIGHTS_CHANGE; i++)
		if (is_for(&conf->control.grants[i], &p))
			rights = conf->control.grants[i].change ? RIGHTS_CHANGE : RIGHTS_READ;
	free(p.groups);
	return rights;
}

const char *
rights_text(const struct conf *conf, enum rights least, char text[RIGHTS_TEXT_MAX])
{
	int len = snprintf(text, RIGHTS_TEXT_MAX, "root, the user certd runs as (uid %u)",
	                   (unsigned)geteuid());

	for (size_t i = 0; i < conf->control.grant_count && len < RIGHTS_TEXT_MAX; i++) {
		const struct conf_grant *g = &conf->control.grants[i];

		if (least <= (g->change ? RIGHTS_CHANGE : RIGHTS_READ))
			len += snprintf(text + len, (size_t)(RIGHTS_TEXT_MAX - len), ", %s %s",
			                g->is_group ? "group" : "user", g->name);
	}
	return text;
}

/* Others cannot even come to a socket in a directory that is closed to them. */
static void
check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	char *dir;

	if (!slash || slash == path)
		return;
	dir = strndup(path, (size_t)(slash - path));
	if (dir && stat(dir, &st) == 0 && !(st.st_mode & S_IXOTH))
		log_warn("%s is closed to others (mode %03o): of the users and groups of `control` "
		         "only those come to the socket who may enter it",
		         dir, (unsigned)st.st_mode & 0777);
	free(dir);
}

/* Asks for no chown that is not needed: a sandbox may forbid it. */
static bool
has_group(const char *path, gid_t group)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_gid == group || lchown(path, (uid_t)-1, group) == 0);
}

void
rights_share_socket(const struct conf *conf, const char *path)
{
	const struct conf_control *control = &conf->control;
	mode_t mode = control->grant_count ? 0666 : 0600;

	if (control->grant_count == 1 && control->grants[0].is_group &&
	    has_group(path, control->grants[0].id))
		mode = 0660;
	if (chmod(path, mode) != 0)
		log_warn("the mode of %s stays as it is: %s", path, strerror(errno));
	if (mode == 0666)
		check_directory(path);
}
