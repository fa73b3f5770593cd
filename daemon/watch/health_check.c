/* SPDX-License-Identifier: Apache-2.0 */
/* One check of one server: it must take a connection, shake hands where there is TLS, and with
 * `check http` answer a request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/common/failure.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/front/backend.h"
#include "daemon/front/backend_tls.h"
#include "daemon/front/bio.h"
#include "daemon/front/end.h"
#include "daemon/front/proxy.h"
#include "daemon/front/tls.h"
#include "daemon/watch/health_inside.h"

enum { REQUEST_MAX = PROXY_MAX + 1024, STATUS_LEN = 12 /* "HTTP/1.1 200" */ };

struct health_check {
	struct target *target;
	health_check_fn *fn;
	struct end end;
	int64_t until; /* mono ms */
	enum { CONNECTING, GREETING, SHAKING, ASKING } stage;
	size_t len, at; /* of the request */
	size_t got;     /* of the answer */
	char request[REQUEST_MAX];
	char answer[STATUS_LEN + 1];
};

static void
write_request(struct health_check *c)
{
	const struct conf_check *check = &c->target->backend->check;
	int n;

	c->len = c->at = 0;
	if (check->kind != CHECK_HTTP)
		return;
	n = snprintf(c->request, sizeof(c->request),
	             "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: certd\r\nAccept: */*\r\n"
	             "Connection: close\r\n\r\n",
	             check->method, check->path,
	             check->host ? check->host : c->target->server->text);
	c->len = (size_t)n;
}

static enum err
send_request(struct health_check *c)
{
	while (c->at < c->len) {
		size_t n;
		enum err err = end_write(&c->end, c->request + c->at, c->len - c->at, &n);

		if (err)
			return err;
		c->at += n;
	}
	return ERR_OK;
}

static enum err
read_answer(struct health_check *c)
{
	while (c->got < STATUS_LEN) {
		size_t n;
		enum err err = end_read(&c->end, c->answer + c->got, STATUS_LEN - c->got, &n);

		if (err)
			return err;
		c->got += n;
	}
	return ERR_OK;
}

/* "HTTP/1.1 200" */
static uint32_t
judge(const struct health_check *c)
{
	const struct conf_check *check = &c->target->backend->check;
	char *end;
	unsigned long status;

	if (strncmp(c->answer, "HTTP/1.", 7) != 0 || c->answer[8] != ' ')
		return failure_of(FAILURE_ANSWER, 0);
	status = strtoul(c->answer + 9, &end, 10);
	if (end != c->answer + STATUS_LEN || status < 100)
		return failure_of(FAILURE_ANSWER, 0);
	if (status < check->expect_min || status > check->expect_max)
		return failure_of(FAILURE_STATUS, (int)status);
	return 0;
}

/* The PROXY header first: a server that wants one takes nothing else, and says so in its log. */
static enum err
greet(struct health_check *c)
{
	const struct conf_backend *b = c->target->backend;
	enum err err;

	if (c->len == 0 && b->send_proxy)
		c->len = proxy_local(b->send_proxy, (unsigned char *)c->request);
	err = send_request(c);
	if (err || !b->tls.on)
		return err;
	return backend_tls_start(c->target->health->tls, b,
	                         (size_t)(c->target->server - b->servers), (struct span){0},
	                         &c->end);
}

static enum err
ask(struct health_check *c)
{
	enum err err = send_request(c);

	if (!err && c->target->backend->check.kind == CHECK_HTTP)
		err = read_answer(c);
	return err;
}

/* One stage: ERR_OK: the next one; ERR_AGAIN: goes on later; else it is over for RET_FAILURE. */
static enum err
run_stage(struct health_check *c, uint32_t *ret_failure)
{
	enum err err = ERR_OK;

	*ret_failure = failure_of(FAILURE_LOST, 0);
	switch (c->stage) {
	case CONNECTING:
		err = backend_result(c->end.fd);
		if (err == ERR_AGAIN)
			c->end.want = LOOP_WRITE;
		else if (err)
			*ret_failure = failure_of(FAILURE_CONNECT, errno);
		break;
	case GREETING:
		err = greet(c);
		break;
	case SHAKING:
		err = c->end.tls ? tls_handshake(&c->end) : ERR_OK;
		if (err && err != ERR_AGAIN)
			*ret_failure = backend_tls_failure(&c->end);
		else if (!err)
			write_request(c);
		break;
	case ASKING:
		err = ask(c);
		break;
	}
	return err;
}

/* ERR_AGAIN: goes on; else it is over with RET_FAILURE. */
static enum err
step(struct health_check *c, uint32_t *ret_failure)
{
	enum err err;

	do {
		err = run_stage(c, ret_failure);
	} while (!err && c->stage++ != ASKING);
	if (err == ERR_AGAIN && bio_settle(&c->end) != ERR_OK && !c->end.unsent.data)
		return ERR_IO; /* broken, or out of memory */
	if (!err)
		*ret_failure = c->target->backend->check.kind == CHECK_HTTP ? judge(c) : 0;
	return err;
}

static void
on_ready(void *arg, int events)
{
	struct health_check *c = arg;
	uint32_t failure = 0;

	end_ready(&c->end, events);
	c->end.want = 0;
	if (step(c, &failure) == ERR_AGAIN)
		loop_want(c->end.watch, c->end.want);
	else
		c->fn(c->target, failure);
}

enum err
health_check_start(struct health *health, struct target *target, const struct conf_address *address,
                   health_check_fn *fn, struct health_check **ret_check)
{
	struct health_check *c = calloc(1, sizeof(*c));
	enum err err;

	if (!c)
		return ERR_NOMEM;
	c->target = target;
	c->fn = fn;
	c->until = clock_mono_ms() + target->backend->connect_timeout_ms;
	end_init(&c->end, &health->room);
	err = backend_start(address, &c->end.fd);
	if (!err)
		err = loop_watch(health->loop, c->end.fd, on_ready, c, &c->end.watch);
	if (err) {
		int error = errno;

		health_check_free(c);
		errno = error;
		return err;
	}
	loop_want(c->end.watch, LOOP_WRITE);
	*ret_check = c;
	return ERR_OK;
}

void
health_check_free(struct health_check *check)
{
	if (!check)
		return;
	end_done(&check->end, false);
	free(check);
}

void
health_check_expire(struct health_check *check, int64_t now_ms)
{
	if (now_ms >= check->until)
		check->fn(check->target, failure_of(FAILURE_TIMEOUT, 0));
}
