/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that drain: they end by themselves, or are ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/front/worker.h"
#include "daemon/role_inside.h"

enum { DRAINING_MAX = 48 };

/* A worker that runs, and the end of its channel that it would read. */
static int
open_worker(struct role *r)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*r = (struct role){.state = ROLE_RUNNING,
	                   .spawn = {.kind = SPAWN_WORKER, .channel = pair[0]}};
	return pair[1];
}

/* One that hangs would stay for ever, and an old certd with it. */
static void
a_draining_worker_has_an_end(void **state)
{
	struct role r;
	int theirs = open_worker(&r);
	char message[8];

	(void)state;
	role_drain(&r);
	assert_int_equal(r.state, ROLE_LEAVING);
	assert_int_equal(channel_recv(theirs, message, sizeof(message), NULL), 1);
	assert_int_equal(message[0], ROLE_DRAIN);
	/* not before its own end of the drain, and soon after */
	assert_true(r.at > clock_mono_ms() + WORKER_DRAIN_MS);
	assert_true(r.at <= clock_mono_ms() + WORKER_DRAIN_MS + QUIT_GRACE_MS);
	close(theirs);
	close(r.spawn.channel);
}

static const struct conf *
load_conf(void)
{
	static const char text[] = "log-level err; listen 127.0.0.1:1 { http; }\n";
	char path[] = "/tmp/certd-drain-XXXXXX", error[CONF_ERROR_MAX + 1];
	const struct conf *conf;
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	unlink(path);
	return conf;
}

/* Each reload leaves some behind: the oldest goes, the others keep their time, and who has been
 * told to go is not told again. */
static void
many_that_drain_are_limited(void **state)
{
	static struct parent p;
	const struct conf *conf = load_conf();
	int64_t now = clock_mono_ms();
	int theirs[DRAINING_MAX + 2];
	char message[8];

	(void)state;
	for (int i = 0; i < DRAINING_MAX + 2; i++) {
		theirs[i] = open_worker(&p.roles[KEEPER + 1 + i]);
		role_drain(&p.roles[KEEPER + 1 + i]);
		p.roles[KEEPER + 1 + i].left_at = now - DRAINING_MAX + i;
		assert_int_equal(channel_recv(theirs[i], message, sizeof(message), NULL), 1);
	}
	p.roles[KEEPER + 1].at = INT64_MAX; /* this one has been killed */
	p.conf = conf;
	p.next = conf_ref(conf);
	reload_check(&p);
	assert_null(p.next);
	for (int i = 0; i < DRAINING_MAX + 2; i++) {
		ssize_t n = channel_recv(theirs[i], message, sizeof(message), NULL);

		assert_int_equal(n, i == 1 ? 1 : -1);
		if (i == 1)
			assert_int_equal(message[0], ROLE_QUIT);
		close(theirs[i]);
		close(p.roles[KEEPER + 1 + i].spawn.channel);
	}
	conf_unref(p.roles[KEEPER].conf);
	conf_unref(p.conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_draining_worker_has_an_end),
		cmocka_unit_test(many_that_drain_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
