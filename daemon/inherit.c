/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/role.h"
#include "daemon/sockets.h"

enum { SYSTEMD_FIRST_FD = 3, SYSTEMD_FDS_MAX = 4096 };

static const char upgrade_word[] = "CERTD_UPGRADE";

/* FD as a listener must be; -1, and closed, when it is no socket that listens. */
static int
take_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	log_warn("descriptor %d that we were started with is no socket that listens", fd);
	close(fd);
	return -1;
}

static enum err
take_upgrade(const cJSON *json, struct inherited *in)
{
	const cJSON *list = json_array(json, "listen"), *item;
	const char *version = json_text(json, "version");
	const char *state = json_text(json, "state_directory");
	const char *control = json_text(json, "control_socket");

	in->channel = (int)json_int(json, "channel", -1);
	in->pid = (int)json_int(json, "pid", 0);
	in->version = version ? strdup(version) : NULL;
	in->state_directory = state ? strdup(state) : NULL;
	in->control_socket = control ? strdup(control) : NULL;
	if (in->channel < 0 || fcntl(in->channel, F_SETFD, FD_CLOEXEC) != 0 || !list)
		return ERR_INVALID;
	in->fds = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*in->fds));
	if (!in->fds)
		return ERR_NOMEM;
	cJSON_ArrayForEach(item, list)
	{
		if (cJSON_IsNumber(item))
			in->fds[in->count++] = take_listening(item->valueint);
	}
	return ERR_OK;
}

static enum err
take_systemd(int count, struct inherited *in)
{
	in->fds = calloc((size_t)count, sizeof(*in->fds));
	if (!in->fds)
		return ERR_NOMEM;
	for (int i = 0; i < count; i++)
		in->fds[in->count++] = take_listening(SYSTEMD_FIRST_FD + i);
	return ERR_OK;
}

enum err
inherit_take(struct inherited *ret_inherited)
{
	const char *upgrade = getenv(upgrade_word), *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	int count = fds && pid && atoi(pid) == (int)getpid() ? atoi(fds) : 0;
	struct inherited in = {.channel = -1};
	cJSON *json = NULL;
	enum err err = ERR_OK;

	if (upgrade) {
		err = json_parse(upgrade, strlen(upgrade), &json);
		if (!err)
			err = take_upgrade(json, &in);
		cJSON_Delete(json);
	} else if (count > 0 && count <= SYSTEMD_FDS_MAX) {
		err = take_systemd(count, &in);
	}
	unsetenv(upgrade_word);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret_inherited = in;
	return err;
}

void
inherit_done(struct inherited *in)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->fds[i] >= 0)
			close(in->fds[i]);
	free(in->fds);
	free(in->version);
	free(in->state_directory);
	free(in->control_socket);
	*in = (struct inherited){.channel = -1};
}

bool
inherit_is_upgrade(const struct inherited *in)
{
	return in->channel >= 0;
}

void
inherit_refuse(const struct inherited *in, const char *why)
{
	if (in->channel >= 0)
		(void)channel_send(in->channel, ROLE_REFUSED, why, -1);
}

bool
inherit_fits(const struct inherited *in, const struct conf *conf, char *why, size_t size)
{
	const char *what = NULL;

	if (in->state_directory && strcmp(in->state_directory, conf->state_directory) != 0)
		what = "state-directory";
	else if (in->control_socket && strcmp(in->control_socket, conf->control_socket) != 0)
		what = "control-socket";
	if (what)
		snprintf(why, size, "%s: a change of %s needs a restart, not an upgrade",
		         conf->file, what);
	return !what;
}

/* ---- the other side ------------------------------------------------------------------------- */

static enum err
print_upgrade(const struct conf *conf, const struct sockets *sockets, int channel, int pid,
              struct buf *out)
{
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "listen");
	enum err err;

	for (size_t i = 0; i < sockets_count(sockets); i++)
		if (sockets->fds[i] >= 0)
			cJSON_AddItemToArray(list, cJSON_CreateNumber(sockets->fds[i]));
	cJSON_AddNumberToObject(json, "channel", channel);
	cJSON_AddNumberToObject(json, "pid", pid);
	cJSON_AddStringToObject(json, "version", CERTD_VERSION);
	cJSON_AddStringToObject(json, "state_directory", conf->state_directory);
	cJSON_AddStringToObject(json, "control_socket", conf->control_socket);
	err = json_print(json, out);
	cJSON_Delete(json);
	return err;
}

enum err
inherit_leave(const struct conf *conf, const struct sockets *sockets, int channel, int pid)
{
	struct buf text = {0};
	enum err err = print_upgrade(conf, sockets, channel, pid, &text);

	for (size_t i = 0; i < sockets_count(sockets) && !err; i++)
		if (sockets->fds[i] >= 0 && fcntl(sockets->fds[i], F_SETFD, 0) != 0)
			err = ERR_IO;
	if (!err && fcntl(channel, F_SETFD, 0) != 0)
		err = ERR_IO;
	if (!err && setenv(upgrade_word, buf_str(&text), 1) != 0)
		err = ERR_NOMEM;
	buf_done(&text);
	return err;
}
