/* SPDX-License-Identifier: Apache-2.0 */
/* Roles that hang are killed, and the service manager hears only of a look that found none. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/role_inside.h"

enum { WORKER_LOOKS = 10, WORKER_START_LOOKS = 60, KEEPER_LOOKS = 30 };

struct fixture {
	struct parent p;
	int manager;
	char path[64];
};

static void
start_child(struct role *r, enum spawn_kind kind)
{
	r->spawn = (struct spawn){.kind = kind, .channel = -1, .pid = fork()};
	assert_true(r->spawn.pid >= 0);
	if (r->spawn.pid == 0)
		for (;;)
			pause();
	r->state = ROLE_RUNNING;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	assert_int_equal(status_new(&f->p.status), ERR_OK);
	snprintf(f->path, sizeof(f->path), "/tmp/certd-watch-%d", (int)getpid());
	strcpy(sa.sun_path, f->path);
	f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->manager, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setenv("NOTIFY_SOCKET", f->path, 1);
	setenv("WATCHDOG_USEC", "60000000", 1);
	f->p.announced = true;
	start_child(&f->p.roles[KEEPER], SPAWN_KEEPER);
	start_child(&f->p.roles[1], SPAWN_WORKER);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ROLES_MAX; i++)
		if (f->p.roles[i].spawn.pid > 0) {
			kill(f->p.roles[i].spawn.pid, SIGKILL);
			waitpid(f->p.roles[i].spawn.pid, NULL, 0);
		}
	close(f->manager);
	unlink(f->path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	status_free(f->p.status);
	free(f);
	return 0;
}

/* One look; whether the manager was told that all is well. */
static bool
look(struct fixture *f)
{
	char text[64];
	ssize_t n;

	f->p.look_at = 0;
	assert_true(watch_on_time(&f->p) > 0);
	n = recv(f->manager, text, sizeof(text), 0);
	assert_true(n < 0 || (size_t)n == strlen("WATCHDOG=1"));
	return n > 0;
}

static bool
is_killed(const struct role *r)
{
	siginfo_t info = {0};

	/* what was killed a moment ago is dead by and by, who was not never is */
	if (r->silent < (r->spawn.kind == SPAWN_KEEPER ? KEEPER_LOOKS
	                 : r->state == ROLE_STARTING   ? WORKER_START_LOOKS
	                                               : WORKER_LOOKS))
		return waitid(P_PID, (id_t)r->spawn.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
		       info.si_pid != 0;
	assert_int_equal(waitid(P_PID, (id_t)r->spawn.pid, &info, WEXITED | WNOWAIT), 0);
	return info.si_code == CLD_KILLED && info.si_status == SIGKILL;
}

static void
a_worker_that_hangs_is_killed(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < WORKER_LOOKS; i++) {
		status_beat(&f->p.status->slot[KEEPER]);
		status_beat(&f->p.status->slot[1]);
		assert_true(look(f));
	}
	for (int i = 1; i < WORKER_LOOKS; i++) {
		status_beat(&f->p.status->slot[KEEPER]);
		assert_true(look(f));
		assert_false(is_killed(&f->p.roles[1]));
	}
	status_beat(&f->p.status->slot[KEEPER]);
	assert_false(look(f));
	assert_true(is_killed(&f->p.roles[1]));
	assert_false(is_killed(&f->p.roles[KEEPER]));
	f->p.roles[1].state = ROLE_WAITING; /* the parent has seen it */
	assert_true(look(f));
}

static void
the_keeper_has_more_time(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i < KEEPER_LOOKS; i++) {
		status_beat(&f->p.status->slot[1]);
		assert_true(look(f));
	}
	assert_false(is_killed(&f->p.roles[KEEPER]));
	status_beat(&f->p.status->slot[1]);
	assert_false(look(f));
	assert_true(is_killed(&f->p.roles[KEEPER]));
}

/* A keeper may have much to do first. */
static void
a_worker_that_does_not_come_up_is_killed(void **state)
{
	struct fixture *f = *state;

	f->p.roles[KEEPER].state = f->p.roles[1].state = ROLE_STARTING;
	for (int i = 1; i < WORKER_START_LOOKS; i++) {
		assert_true(look(f));
		assert_false(is_killed(&f->p.roles[1]));
	}
	assert_false(look(f));
	assert_true(is_killed(&f->p.roles[1]));
	assert_false(is_killed(&f->p.roles[KEEPER]));
}

static void
only_the_main_certd_speaks(void **state)
{
	struct fixture *f = *state;

	f->p.elder.held = true;
	assert_false(look(f));
	f->p.elder.held = false;
	f->p.announced = false;
	assert_false(look(f));
	f->p.announced = true;
	f->p.heir.state = HEIR_STARTING;
	assert_true(look(f));
	f->p.heir.state = HEIR_WHOLE;
	assert_false(look(f));
	f->p.heir.state = HEIR_NONE;
	unsetenv("WATCHDOG_USEC");
	assert_false(look(f));
}

static void
a_look_is_not_taken_twice(void **state)
{
	struct fixture *f = *state;
	int64_t next;

	assert_true(look(f));
	next = f->p.look_at;
	assert_int_equal(watch_on_time(&f->p), next);
	assert_int_equal(recv(f->manager, (char[8]){0}, 8, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_worker_that_hangs_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_keeper_has_more_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_does_not_come_up_is_killed, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(only_the_main_certd_speaks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_look_is_not_taken_twice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
