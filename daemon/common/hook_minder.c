/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper has threads, and this is a fork of it: async-signal-safe calls only. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/hook_inside.h"

/* What this process has open: the program's own three, and */
enum { LEASH = STDERR_FILENO + 1, TOLD, FDS };
enum { EXIT_CANNOT_RUN = 127, ROUND_MS = 1 };

static const char children_path[] = "/proc/thread-self/children";

/* ---- the program ---------------------------------------------------------------------------- */

noreturn static void
become(const struct hook_call *call, int why_fd)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LANG=C.UTF-8";
	char *const env[] = {path, lang, NULL};
	sigset_t none;
	int why;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir("/") == 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
		close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
		execve(call->argv[0], (char *const *)(uintptr_t)call->argv, env);
	}
	why = errno;
	if (write(why_fd, &why, sizeof(why)) < 0)
		_exit(EXIT_CANNOT_RUN); /* nobody listens */
	_exit(EXIT_CANNOT_RUN);
}

/* It reports only what kept it from becoming the program: errno, else 0. */
static int
what_kept_it(int fd)
{
	int why = 0;
	ssize_t n;

	do
		n = read(fd, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	return n == sizeof(why) ? why : 0;
}

/* glibc has a function for it only from 2.36 on. */
static int
open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Answers errno, or 0 and the process. */
static int
begin(const struct hook_call *call, pid_t *ret_pid, int *ret_pidfd)
{
	int kept[2], why = 0;

	if (pipe2(kept, O_CLOEXEC))
		return errno;
	*ret_pid = fork();
	if (*ret_pid == 0)
		become(call, kept[1]);
	if (*ret_pid < 0)
		why = errno;
	close(kept[1]);
	if (!why)
		why = what_kept_it(kept[0]);
	close(kept[0]);
	if (!why && (*ret_pidfd = open_pidfd(*ret_pid)) < 0)
		why = errno;
	return why;
}

/* ---- its end -------------------------------------------------------------------------------- */

/* Those we have now: its own, and orphans of theirs. A number that the buffer cuts off is one of
 * the next round. */
static void
kill_children(void)
{
	char text[4096];
	pid_t pid = 0;
	int fd = open(children_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
			continue;
		}
		if (pid > 0)
			kill(pid, SIGKILL);
		pid = 0;
	}
	if (fd >= 0)
		close(fd);
}

/* Until there is nobody left: who forks faster than we look is met in the next round. */
static void
end_all(pid_t program, int *ret_status)
{
	int rounds = MINDER_END_MS / ROUND_MS;

	if (program > 0)
		kill(-program, SIGKILL); /* all at once, before it can be another's number */
	while (rounds > 0) {
		int status;
		pid_t pid;

		kill_children();
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return;
		if (pid == program && pid > 0)
			*ret_status = status;
		if (pid <= 0) {
			poll(NULL, 0, ROUND_MS);
			rounds--;
		}
	}
}

/* ---- the process ---------------------------------------------------------------------------- */

/* Nothing else of ours stays open, or others would not see their ends. */
static bool
take_descriptors(const struct hook_pipes *p)
{
	int fds[FDS] = {p->in[0], p->out[1], p->out[1], p->leash[0], p->told[1]};

	for (int i = 0; i < FDS; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD, FDS)) < 0)
			return false;
	for (int i = 0; i < FDS; i++)
		if (dup2(fds[i], i) < 0)
			return false;
	return close_range(FDS, UINT_MAX, 0) == 0;
}

noreturn void
hook_mind(const struct hook_call *call, const struct hook_pipes *pipes)
{
	struct hook_end end = {0};
	struct pollfd fds[2] = {{.events = POLLIN}, {.fd = LEASH, .events = POLLIN}};
	pid_t program = 0;
	sigset_t all;

	sigfillset(&all); /* whoever stops certd means certd, which then lets go of the leash */
	if (sigprocmask(SIG_SETMASK, &all, NULL) || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    !take_descriptors(pipes))
		_exit(EXIT_CANNOT_RUN);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		end.error = errno;
	else
		end.error = begin(call, &program, &fds[0].fd);
	while (!end.error && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	end_all(program, &end.status);
	if (write(TOLD, &end, sizeof(end)) < 0)
		_exit(EXIT_CANNOT_RUN); /* nobody waits for it any more */
	_exit(0);
}
