/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/problem.h"
#include "daemon/common/hook_inside.h"

enum { TICK_MS = 100, QUOTE_MAX = 200 };

struct run {
	const struct hook_call *call;
	struct hook_pipes pipes;
	pid_t minder;
	struct hook_end end;
	size_t written;
	char tail[QUOTE_MAX + 1]; /* the end of what it wrote */
	size_t tail_len;
};

static void
close_end(int fds[2], int i)
{
	if (fds[i] >= 0)
		close(fds[i]);
	fds[i] = -1;
}

static void
close_all(struct hook_pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_end(p->in, i);
		close_end(p->out, i);
		close_end(p->leash, i);
		close_end(p->told, i);
	}
}

static enum err
start(struct run *run, struct problem *ret_why)
{
	struct hook_pipes *p = &run->pipes;
	const char *input = run->call->input;
	size_t len = strlen(input);

	/* A pipe has room for all of it, so nothing waits for a program that does not read. */
	if (len > HOOK_INPUT_MAX || pipe2(p->in, O_CLOEXEC) || pipe2(p->out, O_CLOEXEC) ||
	    pipe2(p->leash, O_CLOEXEC) || pipe2(p->told, O_CLOEXEC) ||
	    fcntl(p->out[0], F_SETFL, O_NONBLOCK) || write(p->in[1], input, len) != (ssize_t)len) {
		problem_set(ret_why, PROBLEM_INTERNAL, "no pipe for a hook: %s", strerror(errno));
		return ERR_IO;
	}
	run->minder = fork();
	if (run->minder == 0)
		hook_mind(run->call, p);
	if (run->minder < 0) {
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s cannot be run: %s", run->call->argv[0],
		            strerror(errno));
		return ERR_NOTFOUND;
	}
	close_end(p->in, 0);
	close_end(p->in, 1);
	close_end(p->out, 1);
	close_end(p->leash, 0);
	close_end(p->told, 1);
	return ERR_OK;
}

/* What it started goes with it. */
static void
let_go(struct run *run)
{
	close_end(run->pipes.leash, 1);
	while (waitpid(run->minder, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
keep_tail(struct run *run, const char *data, size_t len)
{
	size_t keep = len < QUOTE_MAX ? QUOTE_MAX - len : 0;

	if (len > QUOTE_MAX) {
		data += len - QUOTE_MAX;
		len = QUOTE_MAX;
	}
	keep = keep < run->tail_len ? keep : run->tail_len;
	memmove(run->tail, run->tail + run->tail_len - keep, keep);
	memcpy(run->tail + keep, data, len);
	run->tail_len = keep + len;
}

/* What is there now; false when it is over. */
static bool
read_output(struct run *run)
{
	char data[4096];
	ssize_t n = read(run->pipes.out[0], data, sizeof(data));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	run->written += (size_t)n;
	keep_tail(run, data, (size_t)n);
	return n > 0;
}

static enum err
read_end(struct run *run)
{
	ssize_t n;

	do
		n = read(run->pipes.told[0], &run->end, sizeof(run->end));
	while (n < 0 && errno == EINTR);
	return n == sizeof(run->end) ? ERR_OK : ERR_IO; /* somebody has killed the minder */
}

/* Until the program has ended, or must. */
static enum err
attend(struct run *run)
{
	int64_t end = clock_mono_ms() + run->call->timeout_ms;
	struct pollfd fds[2] = {{.fd = run->pipes.told[0], .events = POLLIN},
	                        {.fd = run->pipes.out[0], .events = POLLIN}};

	while (!fds[0].revents) {
		int64_t left = end - clock_mono_ms();

		if (run->call->stop && atomic_load(run->call->stop))
			return ERR_STOPPED;
		if (left <= 0)
			return ERR_TIMEOUT;
		if (poll(fds, 2, left < TICK_MS ? (int)left : TICK_MS) < 0 && errno != EINTR)
			return ERR_IO;
		if (fds[1].revents && !read_output(run))
			fds[1].fd = -1;
		if (run->written > HOOK_OUTPUT_MAX)
			return ERR_TOOBIG;
	}
	while (run->written <= HOOK_OUTPUT_MAX && poll(&fds[1], 1, 0) > 0 && read_output(run))
		;
	return run->written > HOOK_OUTPUT_MAX ? ERR_TOOBIG : read_end(run);
}

/* The last line that is not empty. */
static const char *
last_line(struct run *run)
{
	char *line;

	while (run->tail_len && strchr("\r\n \t", run->tail[run->tail_len - 1]))
		run->tail_len--;
	run->tail[run->tail_len] = '\0';
	line = memrchr(run->tail, '\n', run->tail_len);
	line = line ? line + 1 : run->tail;
	for (char *c = line; *c; c++) /* it becomes part of JSON, and of what terminals show */
		if (*c < ' ' || *c > '~')
			*c = '?';
	return line;
}

static enum err
judge(struct run *run, enum err err, struct problem *ret_why)
{
	int status = run->end.status;
	const char *path = run->call->argv[0], *line = last_line(run);
	const char *colon = *line ? ": " : "";

	if (err == ERR_TIMEOUT)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s took longer than %u s and was ended%s%s",
		            path, run->call->timeout_ms / 1000, colon, line);
	else if (err == ERR_TOOBIG)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s wrote more than %d KiB and was ended",
		            path, HOOK_OUTPUT_MAX / 1024);
	else if (err)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s: %s", path, err_text(err));
	else if (run->end.error)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s cannot be run: %s", path,
		            strerror(run->end.error));
	else if (WIFSIGNALED(status))
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s was ended by signal %d%s%s", path,
		            WTERMSIG(status), colon, line);
	else if (WEXITSTATUS(status) != 0)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s ended with status %d%s%s", path,
		            WEXITSTATUS(status), colon, line);
	else
		return ERR_OK;
	if (err)
		return err;
	return run->end.error ? ERR_NOTFOUND : ERR_REFUSED;
}

enum err
hook_run(const struct hook_call *call, struct problem *ret_why)
{
	struct run run = {
		.call = call,
		.pipes = {.in = {-1, -1}, .out = {-1, -1}, .leash = {-1, -1}, .told = {-1, -1}}};
	enum err err = start(&run, ret_why);

	if (!err) {
		err = attend(&run);
		let_go(&run);
		err = judge(&run, err, ret_why);
	}
	close_all(&run.pipes);
	return err;
}
