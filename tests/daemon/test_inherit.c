/* SPDX-License-Identifier: Apache-2.0 */
/* What a certd is started with (daemon/inherit.h), and messages with descriptors. */
#include "daemon/inherit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/role.h"
#include "daemon/sockets.h"

static int
open_listening(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void
make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void
test_upgrade(void **state)
{
	const struct conf conf = {.file = "certd.conf",
	                          .state_directory = "/var/lib/a \"b\"",
	                          .control_socket = "/run/c"};
	struct conf other = conf;
	int listening = open_listening(), pair[2], fds[] = {-1, listening};
	struct sockets sockets = {.workers = 2, .per_worker = 1, .fds = fds};
	struct inherited in;
	char why[128] = "", text[ROLE_MESSAGE_MAX];

	(void)state;
	make_pair(pair);
	assert_int_equal(inherit_leave(&conf, &sockets, pair[1], 812), ERR_OK);
	assert_false(fcntl(listening, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(pair[1], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(inherit_take(&in), ERR_OK);
	assert_null(getenv("CERTD_UPGRADE"));
	assert_true(inherit_is_upgrade(&in));
	assert_int_equal(in.channel, pair[1]);
	assert_int_equal(in.count, 1);
	assert_int_equal(in.fds[0], listening);
	assert_int_equal(in.pid, 812);
	assert_string_equal(in.version, CERTD_VERSION);
	assert_true(fcntl(listening, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(listening, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(pair[1], F_GETFD) & FD_CLOEXEC);
	assert_true(inherit_fits(&in, &conf, why, sizeof(why)));
	other.state_directory = "/elsewhere";
	assert_false(inherit_fits(&in, &other, why, sizeof(why)));
	assert_non_null(strstr(why, "state-directory"));
	inherit_refuse(&in, "because");
	assert_int_equal(channel_recv(pair[0], text, sizeof(text), NULL), 8);
	assert_string_equal(text, "xbecause");
	inherit_done(&in);
	assert_int_equal(fcntl(listening, F_GETFD), -1);
	close(pair[0]);
	close(pair[1]);
}

static void
test_odd_upgrades(void **state)
{
	static const char *const cases[] = {
		"",
		"no JSON",
		"[]",
		"{}",
		"{\"channel\":-1,\"listen\":[]}",
		"{\"channel\":99999,\"listen\":[]}",
		"{\"channel\":\"7\",\"listen\":[]}",
		"{\"channel\":2}",
		"{\"channel\":2,\"listen\":7}",
	};
	struct inherited in;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("CERTD_UPGRADE", cases[i], 1);
		assert_int_equal(inherit_take(&in), ERR_INVALID);
		assert_int_equal(in.count, 0);
		assert_null(getenv("CERTD_UPGRADE"));
		inherit_done(&in);
	}
	assert_int_equal(fcntl(2, F_SETFD, 0), 0); /* it has been a channel above */
}

/* A descriptor that listens on nothing is closed and left out. */
static void
test_systemd(void **state)
{
	struct inherited in;
	char pid[16], count[16];
	int listening = open_listening();
	int last = fcntl(listening, F_DUPFD, 3), files = 0;

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(inherit_take(&in), ERR_OK); /* for somebody else */
	assert_int_equal(in.count, 0);
	assert_null(getenv("LISTEN_FDS"));
	inherit_done(&in);

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(count, sizeof(count), "%d", last - 2);
	for (int fd = 3; fd < listening; fd++)
		files += dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), fd) == fd;
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	assert_int_equal(inherit_take(&in), ERR_OK);
	assert_false(inherit_is_upgrade(&in));
	assert_int_equal(in.count, last - 2);
	assert_int_equal(in.fds[last - 3], last);
	assert_int_equal(in.fds[listening - 3], listening);
	for (int i = 0; i < files; i++)
		assert_int_equal(in.fds[i], -1);
	inherit_done(&in);
	assert_int_equal(fcntl(last, F_GETFD), -1);
}

static void
test_messages(void **state)
{
	char text[ROLE_MESSAGE_MAX], longest[2 * ROLE_MESSAGE_MAX];
	struct stat sent, got;
	int pair[2], passed = 0;

	(void)state;
	make_pair(pair);
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), &passed), -1); /* none yet */
	assert_int_equal(passed, -1);
	assert_true(channel_send(pair[0], 'a', NULL, -1));
	assert_true(channel_send(pair[0], 'b', "text", pair[0]));
	assert_true(channel_send(pair[0], 'c', "for nobody", pair[0]));
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), &passed), 1);
	assert_string_equal(text, "a");
	assert_int_equal(passed, -1);
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), &passed), 5);
	assert_string_equal(text, "btext");
	assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(pair[0], &sent), 0);
	assert_int_equal(fstat(passed, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	close(passed);
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), NULL), 11);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_true(channel_send(pair[0], 'd', longest, -1));
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), NULL), sizeof(text) - 1);
	close(pair[0]);
	assert_int_equal(channel_recv(pair[1], text, sizeof(text), &passed), 0);
	assert_false(channel_send(pair[1], 'e', NULL, -1));
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_odd_upgrades),
		cmocka_unit_test(test_systemd),
		cmocka_unit_test(test_messages),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
