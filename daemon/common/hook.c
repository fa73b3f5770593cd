/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/problem.h"

enum { TICK_MS = 100, QUOTE_MAX = 200, EXIT_CANNOT_RUN = 127 };

struct run {
	const struct hook_call *call;
	pid_t pid;
	int pidfd; /* of the program, which is readable when it has ended */
	int out;   /* what it writes */
	size_t written;
	char tail[QUOTE_MAX + 1]; /* the end of that */
	size_t tail_len;
};

static void
close_all(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Between fork() and execve(): async-signal-safe calls only. */
static void
become(const struct hook_call *call, const int in[2], const int out[2], const int told[2])
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LANG=C.UTF-8";
	char *const env[] = {path, lang, NULL};
	sigset_t none;
	int why;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	    dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0 &&
	    dup2(out[1], STDERR_FILENO) >= 0 && chdir("/") == 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
		close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
		execve(call->argv[0], (char *const *)(uintptr_t)call->argv, env);
	}
	why = errno;
	if (write(told[1], &why, sizeof(why)) < 0)
		_exit(EXIT_CANNOT_RUN); /* nobody listens */
	_exit(EXIT_CANNOT_RUN);
}

/* The child reports by TOLD only what kept it from becoming the program: errno, else 0. */
static int
what_it_told(int fd)
{
	int why = 0;
	ssize_t n;

	do
		n = read(fd, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	return n == sizeof(why) ? why : 0;
}

static void
reap(struct run *run, int *ret_status)
{
	kill(-run->pid, SIGKILL); /* what it leaves behind in its group, too */
	kill(run->pid, SIGKILL);  /* before it has made its group */
	while (waitpid(run->pid, ret_status, 0) < 0 && errno == EINTR)
		;
}

/* glibc has a function for it only from 2.36 on. */
static int
open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static enum err
start(struct run *run, int in[2], int out[2], struct problem *ret_why)
{
	const char *input = run->call->input;
	int told[2] = {-1, -1}, why, status;
	size_t len = strlen(input);

	/* A pipe has room for all of it, so nothing waits for a program that does not read. */
	if (len > HOOK_INPUT_MAX || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(told, O_CLOEXEC) || write(in[1], input, len) != (ssize_t)len) {
		problem_set(ret_why, PROBLEM_INTERNAL, "no pipe for a hook: %s", strerror(errno));
		close_all(told);
		return ERR_IO;
	}
	run->pid = fork();
	if (run->pid == 0)
		become(run->call, in, out, told);
	close(told[1]);
	why = run->pid < 0 ? errno : what_it_told(told[0]);
	close(told[0]);
	if (run->pid > 0 && !why && (run->pidfd = open_pidfd(run->pid)) < 0)
		why = errno;
	if (!why)
		return ERR_OK;
	if (run->pid > 0)
		reap(run, &status);
	problem_set(ret_why, PROBLEM_DNS_HOOK, "%s cannot be run: %s", run->call->argv[0],
	            strerror(why));
	return ERR_NOTFOUND;
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
	ssize_t n = read(run->out, data, sizeof(data));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	run->written += (size_t)n;
	keep_tail(run, data, (size_t)n);
	return n > 0;
}

/* Until the program has ended, or must. */
static enum err
attend(struct run *run)
{
	int64_t end = clock_mono_ms() + run->call->timeout_ms;
	struct pollfd fds[2] = {{.fd = run->pidfd, .events = POLLIN},
	                        {.fd = run->out, .events = POLLIN}};

	while (!(fds[0].revents & POLLIN)) {
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
	return run->written > HOOK_OUTPUT_MAX ? ERR_TOOBIG : ERR_OK;
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
judge(struct run *run, enum err err, int status, struct problem *ret_why)
{
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
	else if (WIFSIGNALED(status))
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s was ended by signal %d%s%s", path,
		            WTERMSIG(status), colon, line);
	else if (WEXITSTATUS(status) != 0)
		problem_set(ret_why, PROBLEM_DNS_HOOK, "%s ended with status %d%s%s", path,
		            WEXITSTATUS(status), colon, line);
	else
		return ERR_OK;
	return err ? err : ERR_REFUSED;
}

enum err
hook_run(const struct hook_call *call, struct problem *ret_why)
{
	struct run run = {.call = call, .pidfd = -1};
	int in[2] = {-1, -1}, out[2] = {-1, -1}, status = 0;
	enum err err = start(&run, in, out, ret_why);

	if (!err) {
		close(in[1]);
		close(out[1]);
		in[1] = out[1] = -1;
		run.out = out[0];
		err = fcntl(run.out, F_SETFL, O_NONBLOCK) ? ERR_IO : attend(&run);
		reap(&run, &status);
		err = judge(&run, err, status, ret_why);
		close(run.pidfd);
	}
	close_all(in);
	close_all(out);
	return err;
}
