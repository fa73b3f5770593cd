/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker cannot do any more, and what it still can. Each in a process of its own. */
#include "daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77 };

static char own_file[] = "/tmp/certd-confine-XXXXXX";
static int open_before;

static int
read_file(void)
{
	return open(own_file, O_RDONLY | O_CLOEXEC);
}

static int
make_file(void)
{
	return open("/tmp/certd-confine-new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int
read_memory(void)
{
	return open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
}

static int
unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int
unix_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

static int
run_program(void)
{
	char name[] = "/bin/true", *argv[] = {name, NULL};

	return execve(name, argv, NULL);
}

static int
signal_parent(void)
{
	return kill(getppid(), 0);
}

static int
signal_thread(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int
trace_parent(void)
{
	return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int
read_parent(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {own_file, 1};

	return (int)process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static int
open_to_all(void)
{
	return chmod(own_file, 0666);
}

static int
open_folder_to_all(void)
{
	return fchmodat(AT_FDCWD, "/tmp", 01777, 0);
}

static int
open_to_all_by_descriptor(void)
{
	return fchmod(open_before, 0666);
}

static int
give_away(void)
{
	return chown(own_file, getuid(), getgid());
}

static int
cut_file(void)
{
	return truncate(own_file, 0);
}

static int
make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static int
limit_parent(void)
{
	return prlimit(getppid(), RLIMIT_CORE, NULL, &(struct rlimit){0});
}

static int
limit_itself(void)
{
	return getrlimit(RLIMIT_NOFILE, &(struct rlimit){0});
}

/* The kernel would send it for us. */
static int
let_signals_go_to_parent(void)
{
	return fcntl(open_before, F_SETOWN, getppid());
}

static int
call_of_tomorrow(void)
{
	return (int)syscall(452, AT_FDCWD, own_file, 0666, 0); /* fchmodat2 */
}

static int
make_ring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int
read_open_file(void)
{
	char byte;

	return pread(open_before, &byte, 1, 0) == 0 ? 0 : -1;
}

static int
read_ca_certificates(void)
{
	return open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
write_beside_them(void)
{
	return open("/usr/certd-confine-new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int
inet_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0);
}

static int
listen_elsewhere(void)
{
	return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static int
signal_itself(void)
{
	return raise(0);
}

static const struct {
	const char *name;
	int (*fn)(void);
	bool works;
} cases[] = {
	{"read a file", read_file, false},
	{"make a file", make_file, false},
	{"read memory in /proc", read_memory, false},
	{"make a UNIX socket", unix_socket, false},
	{"make a pair of them", unix_pair, false},
	{"run a program", run_program, false},
	{"signal the parent", signal_parent, false},
	{"signal its thread", signal_thread, false},
	{"trace the parent", trace_parent, false},
	{"read the parent's memory", read_parent, false},
	{"change a file's rights", open_to_all, false},
	{"change a folder's rights", open_folder_to_all, false},
	{"change an open file's rights", open_to_all_by_descriptor, false},
	{"change a file's owner", give_away, false},
	{"cut a file", cut_file, false},
	{"make a process", make_process, false},
	{"set the parent's limits", limit_parent, false},
	{"let signals go to the parent", let_signals_go_to_parent, false},
	{"make a call that is not known", call_of_tomorrow, false},
	{"make a ring", make_ring, false},
	{"listen elsewhere", listen_elsewhere, false},
	{"write beside CA certificates", write_beside_them, false},
	{"read what is open", read_open_file, true},
	{"read CA certificates", read_ca_certificates, true},
	{"make an IP socket", inet_socket, true},
	{"ask for its own limits", limit_itself, true},
	{"signal itself", signal_itself, true},
};

/* The exit code of a child that tries FN, confined or not: 0: done, else errno. */
static int
try(int (*fn)(void), bool confined)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (confined && !confine_worker())
			_exit(SKIPPED);
		_exit(fn() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
a_confined_worker_can_only_serve(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = try(cases[i].fn, true);

		if (code == SKIPPED) {
			print_message("the kernel does not let us confine ourselves\n");
			skip();
		}
		if (cases[i].works != (code == 0))
			fail_msg("%s: %d", cases[i].name, code);
		if (!cases[i].works && code != EACCES && code != EPERM && code != ENOSYS)
			fail_msg("%s: refused with %d", cases[i].name, code);
	}
	/* and it is not something else that refuses */
	assert_int_equal(try(read_file, false), 0);
	assert_int_equal(try(unix_socket, false), 0);
	assert_int_equal(try(signal_parent, false), 0);
	assert_int_equal(try(listen_elsewhere, false), 0);
	assert_int_equal(try(open_to_all, false), 0);
	assert_int_equal(try(give_away, false), 0);
	assert_int_equal(try(cut_file, false), 0);
	assert_int_equal(try(make_process, false), 0);
	assert_int_equal(try(limit_parent, false), 0);
	assert_int_equal(try(let_signals_go_to_parent, false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confined_worker_can_only_serve),
	};
	int failed;

	open_before = mkstemp(own_file);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(own_file);
	return failed;
}
