/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/common/loop.h"
#include "daemon/common/notice.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_front.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/control/import.h"
#include "daemon/role.h"
#include "daemon/tell/teller.h"
#include "daemon/watch/diagnoser.h"

enum {
	READ_CHUNK = 64 * 1024,
	HALF_LINE_MS = 10000,
	TICK_MS = 1000,
	LEAVING_TICK_MS = 50,
};

/* ---- clients -------------------------------------------------------------------------------- */

static void
close_client(struct control_client *cl)
{
	loop_unwatch(cl->watch);
	close(cl->fd);
	wait_done(cl);
	events_done(cl);
	import_forget(cl);
	buf_done(&cl->in);
	buf_done(&cl->out);
	*cl = (struct control_client){.fd = -1};
}

static void
flush(struct control_client *cl)
{
	while (cl->out.len > 0) {
		ssize_t n = send(cl->fd, cl->out.data, cl->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			close_client(cl);
			return;
		}
		buf_eat(&cl->out, (size_t)n);
	}
	if ((cl->closing || (cl->eof && !cl->busy)) && cl->out.len == 0)
		close_client(cl);
	else
		loop_want(cl->watch, (cl->eof ? 0 : LOOP_READ) | (cl->out.len ? LOOP_WRITE : 0));
}

static void
run_line(struct control_client *cl, const char *line, size_t len)
{
	cJSON *request = NULL;

	cl->asked_at = clock_mono_ms();
	if (cl->control->leave_by) {
		upgrade_turn_away(cl);
		return;
	}
	if (json_parse(line, len, &request) || !cJSON_IsObject(request)) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "a request is one JSON object on one line (docs/control.md)");
	} else {
		cl->request = request;
		command_run(cl, request);
	}
	cl->request = NULL;
	cJSON_Delete(request);
}

static void
run_lines(struct control_client *cl)
{
	while (!cl->busy && !cl->closing && cl->in.len > 0) {
		char *end = memchr(cl->in.data, '\n', cl->in.len);
		size_t len = end ? (size_t)(end - (char *)cl->in.data) : 0;

		if (!end && cl->in.len >= MSG_LINE_MAX) {
			reply_error(cl, MSG_EXIT_USAGE, "too-big", "a request is at most 1 MiB");
			cl->closing = true;
		}
		if (!end)
			break;
		run_line(cl, (const char *)cl->in.data, len);
		buf_eat(&cl->in, len + 1);
	}
	if (cl->in.len == 0 || cl->busy)
		cl->since = 0;
	else if (cl->since == 0)
		cl->since = clock_mono_ms();
}

static void
read_client(struct control_client *cl)
{
	ssize_t n;

	if (!buf_reserve(&cl->in, READ_CHUNK)) {
		close_client(cl);
		return;
	}
	n = recv(cl->fd, cl->in.data + cl->in.len, READ_CHUNK, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_client(cl); /* a client that is gone needs no answer */
		return;
	}
	cl->eof = n == 0;
	cl->in.len += (size_t)n;
	if (cl->busy && cl->in.len > MSG_LINE_MAX) {
		close_client(cl);
		return;
	}
	run_lines(cl);
	flush(cl);
}

static void
on_client(void *arg, int events)
{
	struct control_client *cl = arg;

	if (events & LOOP_WRITE)
		flush(cl);
	if (cl->fd >= 0 && (events & LOOP_READ))
		read_client(cl);
}

static void
on_connect(void *arg, int events)
{
	struct control *c = arg;
	struct control_client *cl;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		loop_want(c->listen_watch, 0); /* no descriptor: until the next tick */
		return;
	}
	cl = control_place(c, rights_of(c->conf, fd));
	if (cl && cl->fd >= 0)
		close_client(cl); /* it goes for one that may ask something */
	if (!cl || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		close(fd);
		return;
	}
	*cl = (struct control_client){.fd = fd,
	                              .control = c,
	                              .rights = rights_of(c->conf, fd),
	                              .uid = peer.uid,
	                              .pid = peer.pid,
	                              .asked_at = clock_mono_ms()};
	cl->in.secret = true; /* imports bring keys, exports take them away */
	cl->out.secret = true;
	if (loop_watch(c->loop, fd, on_client, cl, &cl->watch)) {
		close(fd);
		cl->fd = -1;
		return;
	}
	loop_want(cl->watch, LOOP_READ);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void
flush_all(struct control *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd >= 0 && !cl->busy && cl->in.len)
			run_lines(cl); /* what came while it was busy */
		if (cl->fd >= 0)
			flush(cl);
	}
}

static void
on_wake(void *arg)
{
	struct control *c = arg;

	store_on_wake(c);
	wait_on_notices(c);
	import_on_done(c);
	errand_on_done(c);
	diagnosis_on_done(c);
	teller_wake(c->teller);
	diagnoser_wake(c->diagnoser);
	flush_all(c);
	upgrade_on_timer(c);
}

static void
on_tick(void *arg)
{
	struct control *c = arg;
	int64_t now = clock_mono_ms();

	status_beat(&c->status->slot[STATUS_KEEPER]);
	wait_on_timer(c);
	store_on_timer(c);
	watch_on_timer(c);
	recent_on_timer(c);
	due_on_timer(c);
	if (!c->leave_by)
		loop_want(c->listen_watch, LOOP_READ);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->since && now - cl->since > HALF_LINE_MS)
			close_client(cl);
	}
	flush_all(c);
	upgrade_on_timer(c);
	loop_timer_start(c->timer, c->leave_by ? LEAVING_TICK_MS : TICK_MS);
}

static void
on_channel(void *arg, int events)
{
	struct control *c = arg;
	char message[ROLE_MESSAGE_MAX];
	ssize_t n = channel_recv(c->channel, message, sizeof(message), NULL);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || message[0] == ROLE_QUIT || message[0] == ROLE_DRAIN) {
		c->orphaned = n <= 0;
		loop_stop(c->loop);
		return;
	}
	reload_on_message(c, message[0], message + 1);
	upgrade_on_message(c, message[0], message + 1);
	flush_all(c);
}

static void
wake_loop(void *arg)
{
	struct control *c = arg;

	loop_wake(c->loop);
}

static enum err
watch_all(struct control *c)
{
	enum err err = loop_watch(c->loop, c->listen_fd, on_connect, c, &c->listen_watch);

	if (!err)
		err = loop_watch(c->loop, c->channel, on_channel, c, &c->channel_watch);
	if (!err)
		err = loop_timer(c->loop, on_tick, c, &c->timer);
	if (!err)
		err = loop_on_wake(c->loop, on_wake, c);
	if (err)
		return err;
	loop_want(c->listen_watch, LOOP_READ);
	loop_want(c->channel_watch, LOOP_READ);
	loop_timer_start(c->timer, TICK_MS);
	return ERR_OK;
}

enum err
control_new(const struct control_config *config, struct control **ret_control)
{
	struct control *c = calloc(1, sizeof(*c));
	enum err err;

	if (!c)
		return ERR_NOMEM;
	c->conf = conf_ref(config->conf);
	c->store = config->store;
	c->status = config->status;
	c->servers = config->servers;
	c->channel = config->channel;
	c->listen_fd = config->listen_fd;
	c->started_at = clock_wall();
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	err = loop_new(&c->loop);
	if (!err)
		err = notice_new(wake_loop, c, &c->notices);
	if (!err)
		err = control_open_socket(c);
	if (!err)
		err = watch_all(c);
	if (err)
		control_free(c);
	else
		*ret_control = c;
	return err;
}

void
control_free(struct control *control)
{
	if (!control)
		return;
	store_end(control);
	recent_free(control);
	due_free(control);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			close_client(&control->clients[i]);
	import_pool_free(control->imports);
	loop_unwatch(control->listen_watch);
	loop_unwatch(control->channel_watch);
	loop_timer_free(control->timer);
	control_close_socket(control);
	loop_free(control->loop);
	notice_free(control->notices);
	conf_unref(control->conf);
	conf_unref(control->next_conf);
	free(control);
}

struct notice_queue *
control_notices(struct control *control)
{
	return control->notices;
}

void
control_run(struct control *control, const struct control_peers *peers)
{
	control->issuer = peers->issuer;
	control->upkeep = peers->upkeep;
	control->health = peers->health;
	control->renewer = peers->renewer;
	control->stapler = peers->stapler;
	control->metrics = peers->metrics;
	control->teller = peers->teller;
	control->diagnoser = peers->diagnoser;
	control->demander = peers->demander;
	control->warner = peers->warner;
	control->auditor = peers->auditor;
	control->clock = peers->clock;
	last_recall(control);
	recent_on_timer(control);
	loop_run(control->loop);
	store_end(control);
	import_end(control);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			flush(&control->clients[i]); /* what they asked for was given up */
}
