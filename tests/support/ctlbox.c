/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/ctlbox.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/ctl.h"

enum { PATIENCE_MS = 20000 };

void
ctlbox_init(struct ctlbox *box)
{
	memset(box, 0, sizeof(*box));
	box->listen_fd = box->fd = -1;
	strcpy(box->dir, "/tmp/certctl-XXXXXX");
	assert_non_null(mkdtemp(box->dir));
	snprintf(box->socket, sizeof(box->socket), "%s/s", box->dir);
	ctlbox_listen(box);
}

void
ctlbox_done(struct ctlbox *box)
{
	if (box->pid)
		kill(box->pid, SIGKILL);
	ctlbox_hang_up(box);
	ctlbox_unlisten(box);
	rmdir(box->dir);
}

void
ctlbox_listen(struct ctlbox *box)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	strcpy(sa.sun_path, box->socket);
	box->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(box->listen_fd >= 0);
	assert_int_equal(bind(box->listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(box->listen_fd, 5), 0);
}

void
ctlbox_unlisten(struct ctlbox *box)
{
	if (box->listen_fd >= 0)
		close(box->listen_fd);
	box->listen_fd = -1;
	unlink(box->socket);
}

static int
memory_file(const char *text)
{
	int fd = memfd_create("ctlbox", 0);

	assert_true(fd >= 0);
	if (text)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static _Noreturn void
be_certctl(struct ctlbox *box, const char *words, int in_fd)
{
	char *argv[CTLBOX_ARGS_MAX + 1] = {"certctl"}, *copy = strdup(words), *rest = copy, *word;
	int argc = 1, code;

	while ((word = strsep(&rest, " ")) && argc < CTLBOX_ARGS_MAX)
		if (*word)
			argv[argc++] = strcmp(word, "''") == 0 ? "" : word;
	dup2(in_fd, STDIN_FILENO);
	dup2(box->out_fd, STDOUT_FILENO);
	dup2(box->err_fd, STDERR_FILENO);
	close(box->listen_fd);
	setenv("CERTCTL_SOCKET", box->socket, 1);
	code = ctl_main(argc, argv);
	free(copy);
	fflush(NULL);
	_exit(code);
}

void
ctlbox_start(struct ctlbox *box, const char *words, const char *stdin_text)
{
	int in_fd = memory_file(stdin_text);

	box->out_fd = memory_file(NULL);
	box->err_fd = memory_file(NULL);
	fflush(NULL);
	box->pid = fork();
	assert_true(box->pid >= 0);
	if (box->pid == 0)
		be_certctl(box, words, in_fd);
	close(in_fd);
}

/* The text of FD with each socket path in it as "SOCKET". */
static void
take_text(const struct ctlbox *box, int fd, char *text)
{
	static char raw[CTLBOX_TEXT_MAX];
	ssize_t n = pread(fd, raw, sizeof(raw) - 1, 0);
	const char *from = raw, *at;

	assert_true(n >= 0);
	raw[n] = '\0';
	*text = '\0';
	for (; (at = strstr(from, box->socket)); from = at + strlen(box->socket)) {
		strncat(text, from, (size_t)(at - from));
		strcat(text, "SOCKET");
	}
	strcat(text, from);
	close(fd);
}

void
ctlbox_end(struct ctlbox *box)
{
	int status, waited = 0;

	while (waitpid(box->pid, &status, WNOHANG) == 0) {
		if (waited++ > PATIENCE_MS / 5)
			fail_msg("certctl does not end");
		usleep(5000);
	}
	box->pid = 0;
	box->code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	take_text(box, box->out_fd, box->out);
	take_text(box, box->err_fd, box->err);
	ctlbox_hang_up(box);
}

static void
wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, PATIENCE_MS) != 1)
		fail_msg("certctl does not come or says nothing");
}

void
ctlbox_accept(struct ctlbox *box)
{
	wait_readable(box->listen_fd);
	box->fd = accept4(box->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(box->fd >= 0);
	box->in_len = 0;
}

void
ctlbox_read(struct ctlbox *box, char *line, size_t size)
{
	char *end;
	size_t len;

	while (!(end = memchr(box->in, '\n', box->in_len))) {
		ssize_t n;

		assert_true(box->in_len < sizeof(box->in));
		wait_readable(box->fd);
		n = recv(box->fd, box->in + box->in_len, sizeof(box->in) - box->in_len, 0);
		if (n <= 0)
			fail_msg("certctl hung up");
		box->in_len += (size_t)n;
	}
	len = (size_t)(end - box->in);
	assert_true(len < size);
	memcpy(line, box->in, len);
	line[len] = '\0';
	box->in_len -= len + 1;
	memmove(box->in, end + 1, box->in_len);
}

void
ctlbox_expect(struct ctlbox *box, const char *line)
{
	static char got[CTLBOX_TEXT_MAX];

	ctlbox_read(box, got, sizeof(got));
	assert_string_equal(got, line);
}

void
ctlbox_reply(struct ctlbox *box, const char *line)
{
	size_t len = strlen(line);

	assert_int_equal(send(box->fd, line, len, MSG_NOSIGNAL), len);
	assert_int_equal(send(box->fd, "\n", 1, MSG_NOSIGNAL), 1);
}

void
ctlbox_hang_up(struct ctlbox *box)
{
	if (box->fd >= 0)
		close(box->fd);
	box->fd = -1;
}
