/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_CHUNK = 16 * 1024, LINE_MAX_BYTES = 64 * 1024 };

void
child_init(struct child *c)
{
	*c = (struct child){.fd = -1};
}

void
child_done(struct child *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->pid) {
		kill(c->pid, SIGTERM);
		waitpid(c->pid, &c->status, 0);
	}
	buf_done(&c->out);
	c->pid = 0;
	c->fd = -1;
}

int
child_split(const char *line, char *copy, char *words[CHILD_WORDS_MAX])
{
	int count = 0;

	while (*(line += strspn(line, " "))) {
		char quote = '\0';

		if (count == CHILD_WORDS_MAX - 1)
			return -1;
		words[count++] = copy;
		for (; *line && (quote || *line != ' '); line++) {
			if (!quote && (*line == '\'' || *line == '"'))
				quote = *line;
			else if (*line == quote && quote)
				quote = '\0';
			else
				*copy++ = *line;
		}
		*copy++ = '\0';
		if (quote)
			return -1;
	}
	words[count] = NULL;
	return count;
}

/* Only what may be called between fork() and exec(). */
static void
become(const char *beside, char **argv, int out)
{
	int nothing = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* ^C and ^Z of the terminal are ours */
	dup2(nothing, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(beside, argv);
	execvp("certctl", argv);
	_exit(127);
}

static void
path_beside(char path[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof("certctl"));
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "certctl");
}

bool
child_start(struct child *c, const char *line, const char *socket)
{
	char path[PATH_MAX], *copy = malloc(strlen(line) + 2), *argv[CHILD_WORDS_MAX + 3];
	int ends[2], count = copy ? child_split(line, copy, argv + 3) : -1;

	child_done(c);
	argv[0] = "certctl";
	argv[1] = "--socket";
	argv[2] = (char *)(uintptr_t)socket;
	path_beside(path);
	errno = EINVAL;
	if (count < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		free(copy);
		return false;
	}
	c->pid = fork();
	if (c->pid == 0)
		become(path, argv, ends[1]);
	close(ends[1]);
	free(copy);
	if (c->pid < 0) {
		close(ends[0]);
		c->pid = 0;
		return false;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	c->fd = ends[0];
	return true;
}

static void
hand_out(struct child *c, void (*on_line)(void *owner, const char *line), void *owner)
{
	const char *text = buf_str(&c->out), *end;
	size_t at = 0;

	while (text && (end = memchr(text + at, '\n', c->out.len - at))) {
		c->out.data[end - text] = '\0';
		on_line(owner, text + at);
		at = (size_t)(end - text) + 1;
	}
	buf_eat(&c->out, at);
	if (c->out.len > LINE_MAX_BYTES || (c->fd < 0 && c->out.len)) {
		text = buf_str(&c->out);
		if (text)
			on_line(owner, text);
		buf_reset(&c->out);
	}
}

bool
child_step(struct child *c, void (*on_line)(void *owner, const char *line), void *owner)
{
	ssize_t n = -1;

	if (c->fd >= 0 && buf_reserve(&c->out, READ_CHUNK))
		n = read(c->fd, c->out.data + c->out.len, READ_CHUNK);
	if (n > 0)
		c->out.len += (size_t)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
	}
	hand_out(c, on_line, owner);
	if (c->fd >= 0)
		return true;
	waitpid(c->pid, &c->status, 0);
	c->pid = 0;
	return false;
}
