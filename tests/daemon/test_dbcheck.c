/* SPDX-License-Identifier: Apache-2.0 */
/* A check that cannot be watched must not leave its process behind. This program is also what the
 * check runs (/proc/self/exe): a child that stays until it is ended. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/command_store.h"
#include "daemon/conf.h"
#include "daemon/control_inside.h"
#include "daemon/loop.h"
#include "store/store.h"

static bool refuse;

/* What libuv asks before it watches a descriptor. */
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	static int (*real)(int, int, int, struct epoll_event *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (refuse && op == EPOLL_CTL_ADD) {
		errno = ENOMEM;
		return -1;
	}
	return real(epfd, op, fd, event);
}

static void
write_key(const char *path)
{
	char key[STORE_MASTER_KEY_LEN];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0400);

	memset(key, 7, sizeof(key));
	assert_int_equal(write(fd, key, sizeof(key)), sizeof(key));
	close(fd);
}

static void
due(struct control *c)
{
	c->check_at = 1; /* long ago */
	dbcheck_on_timer(c);
}

static void
a_check_that_cannot_be_watched_is_ended(void **state)
{
	char dir[] = "/tmp/certd-test-XXXXXX", key[64];
	struct conf conf = {0};
	struct control *c = calloc(1, sizeof(*c));

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(key, sizeof(key), "%s/key", dir);
	write_key(key);
	conf.state_directory = dir;
	conf.master_key = key;
	c->conf = &conf;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	assert_int_equal(loop_new(&c->loop), ERR_OK);
	refuse = true;
	due(c);
	refuse = false;
	assert_null(c->check);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* neither runs nor waits to be reaped */
	assert_int_equal(errno, ECHILD);

	due(c);
	assert_non_null(c->check);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* it does run when it can be watched */
	dbcheck_end(c);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	loop_free(c->loop);
	free(c);
	unlink(key);
	rmdir(dir);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_that_cannot_be_watched_is_ended),
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a child that was left behind */
	if (argc > 1 && strncmp(argv[1], "--db-check=", 11) == 0)
		return pause();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
