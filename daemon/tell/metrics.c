/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tell/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/common/mailbox.h"
#include "daemon/conf/conf.h"
#include "daemon/front/http01.h"
#include "daemon/tell/metrics_inside.h"

enum { CLIENT_MS = 5000, TICK_MS = 1000, READ_CHUNK = 2048 };

struct client {
	int fd; /* -1: the place is free */
	struct metrics *metrics;
	struct loop_watch *watch;
	int64_t began_at; /* mono ms */
	struct buf in, out;
};

struct metrics {
	struct metrics_config config;
	pthread_t thread;
	struct mailbox mail;
	/* Of the thread: */
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_watch *watch;
	int fd; /* -1: does not listen */
	struct conf_address address;
	bool complained;
	struct buf text; /* the page, as of made_at */
	int64_t made_at; /* mono ms, 0: never */
	struct client clients[METRICS_CLIENTS];
};

/* ---- one request ---------------------------------------------------------------------------- */

static void
close_client(struct client *c)
{
	loop_unwatch(c->watch);
	close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	*c = (struct client){.fd = -1};
}

static void
reply(struct buf *out, const char *status, const struct buf *body, bool head)
{
	size_t len = body ? body->len : 0;

	buf_printf(out,
	           "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	           "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	           status, len);
	if (body && !head)
		buf_add(out, body->data, body->len);
}

static const struct buf *
page(struct metrics *m)
{
	int64_t now = clock_mono_ms();

	if (m->made_at == 0 || now - m->made_at >= METRICS_FRESH_MS) {
		buf_reset(&m->text);
		metrics_write(&m->config, &m->text);
		m->made_at = now;
	}
	return &m->text;
}

/* No field of the head changes the answer, and no body is read, so its first line is all that
 * counts. */
static void
answer(struct client *c, size_t len)
{
	static const char get[] = "GET /metrics HTTP/1.", head[] = "HEAD /metrics HTTP/1.";
	const char *line = (const char *)c->in.data;
	bool is_head = len > sizeof(head) && memcmp(line, head, sizeof(head) - 1) == 0;
	bool is_get = len > sizeof(get) && memcmp(line, get, sizeof(get) - 1) == 0;

	if (len == 0)
		reply(&c->out, "431 Request Header Fields Too Large", NULL, false);
	else if (is_get || is_head)
		reply(&c->out, "200 OK", page(c->metrics), is_head);
	else if (memcmp(line, "GET ", 4) == 0 || memcmp(line, "HEAD ", 5) == 0)
		reply(&c->out, "404 Not Found", NULL, false);
	else
		reply(&c->out, "405 Method Not Allowed", NULL, false);
}

/* False: the client is gone. */
static bool
read_head(struct client *c)
{
	ssize_t n;
	size_t len;

	if (!buf_reserve(&c->in, READ_CHUNK))
		return false;
	n = recv(c->fd, c->in.data + c->in.len, READ_CHUNK, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	c->in.len += (size_t)n;
	len = http01_head_len(c->in.data, c->in.len);
	if (len || c->in.len > HTTP01_HEAD_MAX)
		answer(c, len <= HTTP01_HEAD_MAX ? len : 0);
	return buf_ok(&c->out);
}

static bool
write_reply(struct client *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buf_eat(&c->out, (size_t)n);
	}
	return false; /* all is sent */
}

static void
on_client(void *arg, int events)
{
	struct client *c = arg;
	bool goes_on = true;

	if (c->out.len == 0 && (events & LOOP_READ))
		goes_on = read_head(c);
	if (goes_on && c->out.len)
		goes_on = write_reply(c);
	if (!goes_on)
		close_client(c);
	else
		loop_want(c->watch, c->out.len ? LOOP_WRITE : LOOP_READ);
}

/* ---- the listener --------------------------------------------------------------------------- */

static struct client *
free_place(struct metrics *m)
{
	struct client *oldest = &m->clients[0];

	for (size_t i = 0; i < METRICS_CLIENTS; i++) {
		if (m->clients[i].fd < 0)
			return &m->clients[i];
		if (m->clients[i].began_at < oldest->began_at)
			oldest = &m->clients[i];
	}
	close_client(oldest);
	return oldest;
}

static void
on_connect(void *arg, int events)
{
	struct metrics *m = arg;
	int fd = accept4(m->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	(void)events;
	if (fd < 0) {
		loop_want(m->watch, 0); /* no descriptor: until the next tick */
		return;
	}
	c = free_place(m);
	*c = (struct client){.fd = fd, .metrics = m, .began_at = clock_mono_ms()};
	if (loop_watch(m->loop, fd, on_client, c, &c->watch)) {
		close(fd);
		c->fd = -1;
		return;
	}
	loop_want(c->watch, LOOP_READ);
}

static void
stop_listening(struct metrics *m)
{
	loop_unwatch(m->watch);
	m->watch = NULL;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

static void
try_to_listen(struct metrics *m)
{
	const struct conf_address *a = &m->address;
	int on = 1, error;

	if (a->len == 0 || m->fd >= 0)
		return;
	m->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->fd >= 0 && !setsockopt(m->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(m->fd, (const struct sockaddr *)&a->sa, a->len) &&
	    !listen(m->fd, METRICS_CLIENTS) &&
	    !loop_watch(m->loop, m->fd, on_connect, m, &m->watch)) {
		loop_want(m->watch, LOOP_READ);
		log_info("metrics on http://%s/metrics", a->text);
		m->complained = false;
		return;
	}
	error = errno;
	stop_listening(m);
	if (!m->complained)
		log_err("no metrics on %s: %s; trying again each second", a->text, strerror(error));
	m->complained = true;
}

static void
take_conf(struct metrics *m, const struct conf *conf)
{
	const struct conf_address *a = &conf->tell.metrics;

	conf_unref(m->config.conf);
	m->config.conf = conf;
	m->made_at = 0;
	if (strcmp(a->text, m->address.text) == 0)
		return;
	stop_listening(m);
	m->complained = false;
	m->address = *a;
	try_to_listen(m);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void
on_wake(void *arg)
{
	struct metrics *m = arg;
	const struct conf *conf;
	bool goes_on = mailbox_read(&m->mail, &conf);

	if (conf)
		take_conf(m, conf);
	if (!goes_on)
		loop_stop(m->loop);
}

static void
on_tick(void *arg)
{
	struct metrics *m = arg;
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < METRICS_CLIENTS; i++)
		if (m->clients[i].fd >= 0 && now - m->clients[i].began_at > CLIENT_MS)
			close_client(&m->clients[i]);
	if (m->watch)
		loop_want(m->watch, LOOP_READ);
	try_to_listen(m);
	loop_timer_start(m->timer, TICK_MS);
}

static void *
metrics_main(void *arg)
{
	struct metrics *m = arg;

	loop_timer_start(m->timer, TICK_MS);
	loop_run(m->loop);
	return NULL;
}

static void
metrics_free(struct metrics *m)
{
	for (size_t i = 0; i < METRICS_CLIENTS; i++)
		if (m->clients[i].fd >= 0)
			close_client(&m->clients[i]);
	stop_listening(m);
	loop_timer_free(m->timer);
	loop_free(m->loop);
	buf_done(&m->text);
	conf_unref(m->config.conf);
	mailbox_done(&m->mail);
	free(m);
}

enum err
metrics_start(const struct metrics_config *config, struct metrics **ret_metrics)
{
	struct metrics *m = calloc(1, sizeof(*m));
	enum err err;

	if (!m)
		return ERR_NOMEM;
	m->config = *config;
	m->config.conf = conf_ref(config->conf);
	m->address = config->conf->tell.metrics;
	m->fd = -1;
	for (size_t i = 0; i < METRICS_CLIENTS; i++)
		m->clients[i].fd = -1;
	mailbox_init(&m->mail, "metrics");
	err = loop_new(&m->loop);
	m->mail.loop = m->loop;
	if (!err)
		err = loop_timer(m->loop, on_tick, m, &m->timer);
	if (!err)
		err = loop_on_wake(m->loop, on_wake, m);
	if (!err)
		try_to_listen(m);
	if (!err && pthread_create(&m->thread, NULL, metrics_main, m) != 0)
		err = ERR_NOMEM;
	if (err)
		metrics_free(m);
	else
		*ret_metrics = m;
	return err;
}

void
metrics_set_conf(struct metrics *metrics, const struct conf *conf)
{
	mailbox_set_conf(&metrics->mail, conf);
}

void
metrics_show(const struct metrics *metrics, const struct conf *conf, struct buf *out)
{
	const struct metrics_config *c = &metrics->config; /* but for conf, which is the thread's */
	struct metrics_config mine = {.conf = conf,
	                              .store = c->store,
	                              .status = c->status,
	                              .servers = c->servers,
	                              .issuer = c->issuer,
	                              .upkeep = c->upkeep,
	                              .teller = c->teller,
	                              .clock = c->clock,
	                              .auditor = c->auditor};

	metrics_write(&mine, out);
}

void
metrics_stop(struct metrics *metrics)
{
	if (!metrics)
		return;
	mailbox_stop(&metrics->mail, metrics->thread);
	metrics_free(metrics);
}
