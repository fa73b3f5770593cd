/* SPDX-License-Identifier: Apache-2.0 */
/* A power cut: the file system is shut down under a writer, without flushing anything, and mounted
 * again. Needs root, loop devices and mkfs; otherwise it is skipped, and says why. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/check.h"
#include "store/domain.h"
#include "tests/support/tmpstore.h"

enum { CUTS = 20, NAMES = 40, LONGEST_US = 60000 };

/* XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN; 2: without flushing the log. */
#define FS_SHUTDOWN _IOR('X', 125, uint32_t)

/* A and B are ours: no character of them means anything to the shell. */
static bool
run(const char *before, const char *a, const char *between, const char *b, const char *behind)
{
	char line[512];

	snprintf(line, sizeof(line), "%s%s%s%s%s 2>/dev/null", before, a, between, b, behind);
	return system(line) == 0;
}

static void
work(struct tmpstore *t, int out)
{
	struct buf chain = {0};
	struct problem why;

	if (store_open(t->dir, STORE_KEEPER, &t->master, &t->store, &why))
		_exit(1);
	for (uint64_t i = 1;; i++) {
		struct cert cert = tmpstore_cert((unsigned)i, 900);
		struct domain d = {.state = DOMAIN_VALID, .due_at = 1, .pooled = true};
		struct store_txn *txn;

		d.name.len = (uint8_t)snprintf(d.name.name, sizeof(d.name.name), "n%u",
		                               (unsigned)(i % NAMES));
		if (store_begin_write(t->store, STORE_SERVED, &txn))
			_exit(0);
		(void)!cert_next_generation(txn, &d, &d.generation); /* above I */
		cert.generation = d.generation;
		(void)!cert_pool_put(txn, &d.name, 1, &cert, &chain);
		(void)!domain_put(txn, &d);
		cert_done(&cert);
		if (store_commit(txn) || write(out, &i, sizeof(i)) != sizeof(i))
			_exit(0);
	}
}

/* The writer is at it: a cut before its first step would show nothing. */
static uint64_t
wait_for_step(int in)
{
	uint64_t i = 0;

	assert_int_equal(read(in, &i, sizeof(i)), sizeof(i));
	return i;
}

/* Mounted at MOUNT; answers the last step acknowledged. */
static uint64_t
work_and_cut(struct tmpstore *t, const char *mount)
{
	uint64_t i, acked = 0;
	uint32_t how = 2;
	int pipes[2], fd = open(mount, O_RDONLY);
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		close(fd);
		work(t, pipes[1]);
	}
	close(pipes[1]);
	acked = wait_for_step(pipes[0]);
	usleep((useconds_t)(rand() % LONGEST_US));
	assert_int_equal(ioctl(fd, FS_SHUTDOWN, &how), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	while (read(pipes[0], &i, sizeof(i)) == sizeof(i))
		acked = i;
	close(pipes[0]);
	return acked;
}

static void
ignore(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		print_message("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

static void
assert_all_there(struct tmpstore *t, uint64_t acked)
{
	struct check_result result;
	struct problem why;
	struct store_txn *txn;

	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	for (uint64_t i = acked > NAMES ? acked - NAMES + 1 : 1; i <= acked; i++) {
		struct hostname name = {0};
		struct domain d;
		struct cert cert;

		cert_init(&cert);
		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%u",
		                             (unsigned)(i % NAMES));
		assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
		assert_true(d.generation >= i);
		assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
		cert_done(&cert);
	}
	store_abort(txn);
	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, ignore, NULL, &result, &why), ERR_OK);
	assert_int_equal(result.damaged, 0);
}

static void
cut(const char *mkfs)
{
	struct tmpstore t;
	char image[128], point[128];
	uint64_t steps = 0;
	const char *why = NULL;

	tmpstore_init(&t);
	snprintf(image, sizeof(image), "%s/image", t.parent);
	snprintf(point, sizeof(point), "%s/mount", t.parent);
	snprintf(t.dir, sizeof(t.dir), "%s/mount/state", t.parent);
	if (geteuid() != 0)
		why = "not root";
	else if (!run("command -v ", mkfs, " >/dev/null && truncate -s 320M ", image, "") ||
	         !run("", mkfs, " -q ", image, " >/dev/null"))
		why = "no mkfs for it";
	else if (!run("mkdir ", point, "", "", "") || !run("mount -o loop ", image, " ", point, ""))
		why = "no loop mounts here";
	for (int i = 0; i < CUTS && !why; i++) {
		uint64_t acked = work_and_cut(&t, point);

		assert_int_equal(umount(point), 0);
		assert_true(run("mount -o loop ", image, " ", point, ""));
		assert_true(acked > 0);
		assert_all_there(&t, acked);
		steps += acked;
	}
	if (!why)
		umount(point);
	tmpstore_done(&t);
	if (why) {
		print_message("%s: %s, skipped\n", mkfs, why);
		skip();
	}
	print_message("%s: %d power cuts, %u steps\n", mkfs, CUTS, (unsigned)steps);
}

static void
ext4_keeps_what_was_acknowledged(void **state)
{
	(void)state;
	cut("mkfs.ext4");
}

static void
xfs_keeps_what_was_acknowledged(void **state)
{
	(void)state;
	cut("mkfs.xfs");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ext4_keeps_what_was_acknowledged),
		cmocka_unit_test(xfs_keeps_what_was_acknowledged),
	};

	srand((unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
