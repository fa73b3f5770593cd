/* SPDX-License-Identifier: Apache-2.0 */
/* One event to one target. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/secret.h"
#include "daemon/common/hook.h"
#include "daemon/tell/teller_inside.h"

enum { SECRET_MAX = 1024 };

/* ---- exec ----------------------------------------------------------------------------------- */

/* Holds its own copies and a reference: the configuration may be another one when it ends. */
struct execution {
	struct pool_task task; /* first */
	struct target *target;
	const struct conf *conf;
	const char *const *argv;
	struct buf input;
	enum err err;
	struct problem why;
};

static void
run_program(struct pool_task *task, const atomic_bool *stop)
{
	struct execution *x = (struct execution *)task;
	struct hook_call call = {.argv = x->argv,
	                         .input = buf_str(&x->input),
	                         .timeout_ms = TELLER_EXEC_MS,
	                         .stop = stop};

	x->err = call.input ? hook_run(&call, &x->why) : ERR_NOMEM;
}

static void
execution_free(struct execution *x)
{
	conf_unref(x->conf);
	buf_done(&x->input);
	free(x);
}

static enum err
start_program(struct target *target)
{
	struct teller *t = target->teller;
	struct execution *x = calloc(1, sizeof(*x));
	enum err err;

	if (!x)
		return ERR_NOMEM;
	x->task.run = run_program;
	x->err = ERR_STOPPED; /* until it has run */
	x->target = target;
	x->conf = conf_ref(t->conf);
	x->argv = target->conf->argv;
	err = teller_json(&target->event, &x->input);
	if (!err)
		err = pool_submit(t->pool, &x->task);
	if (err)
		execution_free(x);
	return err;
}

void
teller_take_ended(struct teller *t)
{
	struct execution *x;

	while ((x = (struct execution *)pool_take(t->pool))) {
		target_told(x->target, x->err, x->err ? x->why.detail : "", 0);
		execution_free(x);
	}
}

/* ---- webhook -------------------------------------------------------------------------------- */

static enum err
open_secret(const struct conf_target *conf, int *ret_fd, char *why, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (conf->secret_is_credential && !folder) {
		snprintf(why, size, "no credential \"%s\": certd was started without any",
		         conf->secret);
		return ERR_NOTFOUND;
	}
	if (snprintf(path, sizeof(path), "%s%s%s", conf->secret_is_credential ? folder : "",
	             conf->secret_is_credential ? "/" : "", conf->secret) >= (int)sizeof(path))
		return ERR_TOOBIG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_mode & 077)) {
		snprintf(why, size, "%.200s: %s", path,
		         fd < 0 ? strerror(errno)
		                : "must be a plain file that only its owner reads");
		if (fd >= 0)
			close(fd);
		return ERR_PERM;
	}
	*ret_fd = fd;
	return ERR_OK;
}

/* Read each time, so that a new one needs no reload. One newline at its end is not part of it. */
static enum err
read_secret(const struct conf_target *conf, struct secret *ret_secret, char *why, size_t size)
{
	unsigned char data[SECRET_MAX + 1];
	enum err err;
	ssize_t n;
	int fd;

	err = open_secret(conf, &fd, why, size);
	if (err)
		return err;
	n = read(fd, data, sizeof(data));
	close(fd);
	if (n > 0 && data[n - 1] == '\n')
		n--;
	if (n < 16 || n > SECRET_MAX) {
		snprintf(why, size, "the secret \"%s\" has %zd bytes, not 16 to %d", conf->secret,
		         n, SECRET_MAX);
		return ERR_INVALID;
	}
	err = secret_set(ret_secret, data, (size_t)n);
	explicit_bzero(data, sizeof(data));
	return err;
}

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct target *target = arg;
	char why[320];

	if (reply->err)
		snprintf(why, sizeof(why), "%s", reply->error);
	else
		snprintf(why, sizeof(why), "it answered with status %d", reply->status);
	if (!reply->err && reply->status >= 200 && reply->status <= 299)
		target_told(target, ERR_OK, "", 0);
	else
		target_told(target, ERR_REFUSED, why, reply->retry_after_ms);
}

/* The timestamp is of this try, so that a receiver can refuse what somebody sends again. */
static enum err
post(struct target *target, const struct secret *secret, const struct buf *body)
{
	char type[128], id[64], timestamp[64], signature[64 + TELLER_SIGNATURE_MAX];
	char mac[TELLER_SIGNATURE_MAX];
	const char *headers[] = {type, id, timestamp, signature, NULL};
	int64_t now = clock_wall();
	struct transport_question question = {.url = target->conf->url,
	                                      .content_type = "Content-Type: application/json",
	                                      .headers = headers,
	                                      .ca_file = target->conf->ca_file,
	                                      .body = body->data,
	                                      .len = body->len,
	                                      .any_address = true};
	enum err err = teller_sign(secret, now, body, mac);

	if (err)
		return err;
	snprintf(type, sizeof(type), "Certd-Event: %s", target->event.type);
	snprintf(id, sizeof(id), "Certd-Id: %" PRIu64, target->event.id);
	snprintf(timestamp, sizeof(timestamp), "Certd-Timestamp: %" PRId64, now);
	snprintf(signature, sizeof(signature), "Certd-Signature: %s", mac);
	return transport_ask(target->teller->transport, &question, on_reply, target);
}

static enum err
start_webhook(struct target *target, char *why, size_t size)
{
	struct secret secret = {0};
	struct buf body = {0};
	enum err err = read_secret(target->conf, &secret, why, size);

	if (!err)
		err = teller_json(&target->event, &body);
	if (!err)
		err = post(target, &secret, &body);
	buf_done(&body);
	secret_done(&secret);
	return err;
}

void
target_send(struct target *target)
{
	char why[320] = "";
	enum err err;

	target->busy = true;
	err = target->conf->argv ? start_program(target) : start_webhook(target, why, sizeof(why));
	if (err)
		target_told(target, err, *why ? why : err_text(err), 0);
}
