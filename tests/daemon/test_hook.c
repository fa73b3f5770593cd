/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/problem.h"

/* Two signals that glibc keeps for itself; what make starts, for one, ignores them from birth. */
#define OF_GLIBC (3ULL << 31)

static char dir[] = "/tmp/certd-hook-XXXXXX";
static char program[64];

static int
setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(program, sizeof(program), "%s/hook", dir);
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
write_program(const char *script)
{
	FILE *f = fopen(program, "w");

	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
}

static void
read_file(const char *name, char *text, size_t size)
{
	char path[96];
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, size - 1, f);
	text[len] = '\0';
	fclose(f);
}

static enum err
run(const char *script, uint32_t timeout_ms, struct problem *ret_why)
{
	const char *argv[] = {program, "one arg", "$(touch /tmp/x)", dir, NULL};
	struct hook_call call = {.argv = argv, .input = "{\"a\": 1}\n", .timeout_ms = timeout_ms};

	*ret_why = (struct problem){0};
	write_program(script);
	return hook_run(&call, ret_why);
}

static const struct {
	const char *title;
	const char *script;
	uint32_t timeout_ms;
	enum err err;
	const char *detail; /* behind the program's path; NULL: any */
} cases[] = {
	{"fine", "exit 0", 10000, ERR_OK, ""},
	{"does not read its input", "exec 0<&-; exit 0", 10000, ERR_OK, ""},
	{"talks", "echo hello; echo world >&2", 10000, ERR_OK, ""},
	{"status", "echo one; echo 'no such zone' >&2; exit 3", 10000, ERR_REFUSED,
         " ended with status 3: no such zone"},
	{"zeros", "printf 'a\\000b'; exit 1", 10000, ERR_REFUSED, " ended with status 1: a"},
	{"silent status", "exit 137", 10000, ERR_REFUSED, " ended with status 137"},
	{"empty lines at the end", "printf 'why\\n\\n \\n'; exit 1", 10000, ERR_REFUSED,
         " ended with status 1: why"},
	{"what terminals obey", "printf 'a\\033]52;c\\007\\303\\244\\377b'; exit 1", 10000,
         ERR_REFUSED, " ended with status 1: a?]52;c????b"},
	{"signal", "kill -9 $$", 10000, ERR_REFUSED, " was ended by signal 9"},
	{"hangs", "echo waiting; exec sleep 1000", 1000, ERR_TIMEOUT,
         " took longer than 1 s and was ended: waiting"},
	{"hangs with closed output", "exec sleep 1000 >/dev/null 2>&1", 1000, ERR_TIMEOUT,
         " took longer than 1 s and was ended"},
	{"a gigabyte", "exec head -c 1073741824 /dev/zero", 60000, ERR_TOOBIG,
         " wrote more than 64 KiB and was ended"},
	{"endless", "yes", 60000, ERR_TOOBIG, " wrote more than 64 KiB and was ended"},
	{"as much as it may", "head -c 65536 /dev/zero", 10000, ERR_OK, ""},
	{"a byte too much", "head -c 65537 /dev/zero", 10000, ERR_TOOBIG, NULL},
	{"fork bomb of its own size", "for i in 1 2 3 4 5; do sleep 1000 & done; exit 0", 10000,
         ERR_OK, ""},
};

static void
ends_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem why;
		enum err err = run(cases[i].script, cases[i].timeout_ms, &why);

		if (err != cases[i].err)
			fail_msg("%s: %s (%s)", cases[i].title, err_text(err), why.detail);
		if (err && cases[i].detail &&
		    strcmp(why.detail + strlen(program), cases[i].detail) != 0)
			fail_msg("%s: \"%s\"", cases[i].title, why.detail);
		if (err)
			assert_int_equal(why.kind, PROBLEM_DNS_HOOK);
	}
}

/* Arguments as they are, input, an environment and a group of its own, nothing of ours open. */
static void
gets_what_it_should(void **state)
{
	char text[4096];
	struct problem why;
	unsigned long long ignored;
	int secret = open("/dev/null", O_RDONLY); /* without O_CLOEXEC: the worst case */
	sigset_t set;

	(void)state;
	setenv("SECRET", "in our environment", 1);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(run("d=$3; cat >$d/in; env >$d/env; printf '%s|' \"$@\" >$d/args\n"
	                     "ls -l /proc/self/fd | grep -c -- '->' >$d/fds\n"
	                     "pwd >$d/pwd; grep -E 'Sig(Blk|Ign)' /proc/self/status >$d/sig\n"
	                     "cut -d' ' -f5 /proc/$$/stat >$d/group; echo $$ >>$d/group",
	                     10000, &why),
	                 ERR_OK);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	close(secret);
	read_file("in", text, sizeof(text));
	assert_string_equal(text, "{\"a\": 1}\n");
	read_file("args", text, sizeof(text));
	assert_non_null(strstr(text, "one arg|$(touch /tmp/x)|"));
	read_file("env", text, sizeof(text));
	assert_null(strstr(text, "SECRET"));
	assert_non_null(strstr(text, "PATH=/usr/local/sbin:"));
	read_file("fds", text, sizeof(text));
	assert_int_equal(atoi(text), 4); /* 0, 1, 2 and the directory it reads */
	read_file("pwd", text, sizeof(text));
	assert_string_equal(text, "/\n");
	read_file("sig", text, sizeof(text));
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
	ignored = strtoull(strstr(text, "SigIgn:\t") + 8, NULL, 16);
	assert_int_equal(ignored & ~OF_GLIBC, 0);
	read_file("group", text, sizeof(text));
	assert_int_equal(atoi(text), atoi(strchr(text, '\n') + 1));
}

static bool
is_gone(pid_t pid)
{
	char path[64], line[256] = "", *state;
	FILE *f;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid); /* nobody may have reaped it */
	f = fopen(path, "r");
	if (!f)
		return true;
	state = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return state && state[2] == 'Z';
}

/* Scripts put into the file "child" who is to go with them. */
static const struct {
	const char *title, *script;
	uint32_t timeout_ms;
	enum err err;
} leavers[] = {
	{"a group", "sleep 1000 & echo $! >$3/child; exec sleep 1000", 1000, ERR_TIMEOUT},
	{"a session", "setsid sh -c 'echo $$ >$1/child; exec sleep 1000' - $3 & exec sleep 1000",
         1000, ERR_TIMEOUT},
	{"a daemon", "(setsid sh -c '(sleep 1000 & echo $! >$1/child) &' - $3 &); exec sleep 1000",
         1000, ERR_TIMEOUT},
	{"a daemon of a program that ends well",
         "mkfifo $3/up; (setsid sh -c 'sleep 1000 & echo $! >$1/child; echo >$1/up' - $3 &)\n"
         "read x <$3/up; rm $3/up; exit 0",
         60000, ERR_OK},
	{"a daemon of a program that fails",
         "mkfifo $3/up; (setsid sh -c 'sleep 1000 & echo $! >$1/child; echo >$1/up' - $3 &)\n"
         "read x <$3/up; rm $3/up; kill -9 $$",
         60000, ERR_REFUSED},
	{"many",
         "for i in 1 2 3 4 5 6 7 8 9; do setsid sleep 1000 & done; echo $! >$3/child\n"
         "exec yes",
         60000, ERR_TOOBIG},
};

static void
leaves_nobody_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(leavers) / sizeof(leavers[0]); i++) {
		char text[64];
		struct problem why;
		enum err err = run(leavers[i].script, leavers[i].timeout_ms, &why);

		if (err != leavers[i].err)
			fail_msg("%s: %s (%s)", leavers[i].title, err_text(err), why.detail);
		read_file("child", text, sizeof(text));
		if (!is_gone((pid_t)atoi(text)))
			fail_msg("%s: %s is there still", leavers[i].title, text);
	}
}

/* A chain of processes, each of which starts the next one in a session of its own and ends. */
static void
ends_who_runs_away(void **state)
{
	char first[64], then[64];
	struct problem why;

	(void)state;
	assert_int_equal(run("if [ \"$1\" = run ]; then\n"
	                     "echo $$ >$2/last.$$; mv $2/last.$$ $2/last; setsid $0 run $2 &\n"
	                     "exit; fi\n"
	                     "setsid $0 run $3 & exec sleep 1000",
	                     1000, &why),
	                 ERR_TIMEOUT);
	read_file("last", first, sizeof(first));
	assert_true(is_gone((pid_t)atoi(first)));
	poll(NULL, 0, 200); /* a time in which a chain that lived would be far ahead */
	read_file("last", then, sizeof(then));
	assert_string_equal(first, then);
}

/* As by kill -9 of certd: nobody is left to tell it to end. */
static void
ends_when_we_are_killed(void **state)
{
	char text[64] = "";
	int64_t end = clock_mono_ms() + 20000;
	struct problem why;
	pid_t us;

	(void)state;
	us = fork();
	assert_true(us >= 0);
	if (us == 0)
		_exit(run("(setsid sleep 1000 & echo $! >$3/far) ; mv $3/far $3/orphan\n"
		          "exec sleep 1000",
		          600000, &why) == ERR_OK);
	while (!*text) {
		char path[96];

		assert_true(clock_mono_ms() < end);
		snprintf(path, sizeof(path), "%s/orphan", dir);
		if (access(path, F_OK) == 0)
			read_file("orphan", text, sizeof(text));
		poll(NULL, 0, 5);
	}
	assert_int_equal(kill(us, SIGKILL), 0);
	assert_int_equal(waitpid(us, NULL, 0), us);
	while (!is_gone((pid_t)atoi(text)))
		assert_true(clock_mono_ms() < end);
}

static void *
run_until_stopped(void *arg)
{
	const char *argv[] = {"/bin/sleep", "1000", NULL};
	struct hook_call call = {.argv = argv, .input = "", .timeout_ms = 600000, .stop = arg};
	struct problem why;
	enum err *err = malloc(sizeof(*err));

	assert_non_null(err);
	*err = hook_run(&call, &why);
	return err;
}

static void
ends_when_we_do(void **state)
{
	atomic_bool stop = false;
	pthread_t thread;
	void *err;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_until_stopped, &stop), 0);
	atomic_store(&stop, true);
	pthread_join(thread, &err);
	assert_int_equal(*(enum err *)err, ERR_STOPPED);
	free(err);
}

static void
what_cannot_be_run_is_told(void **state)
{
	const char *missing[] = {"/no/such/program", NULL}, *plain[] = {program, NULL};
	struct hook_call call = {.argv = missing, .input = "", .timeout_ms = 10000};
	struct problem why;

	(void)state;
	assert_int_equal(hook_run(&call, &why), ERR_NOTFOUND);
	assert_string_equal(why.detail,
	                    "/no/such/program cannot be run: No such file or directory");
	write_program("exit 0");
	assert_int_equal(chmod(program, 0600), 0);
	call.argv = plain;
	assert_int_equal(hook_run(&call, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.detail, "Permission denied"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_told),
		cmocka_unit_test(gets_what_it_should),
		cmocka_unit_test(leaves_nobody_behind),
		cmocka_unit_test(ends_who_runs_away),
		cmocka_unit_test(ends_when_we_are_killed),
		cmocka_unit_test(ends_when_we_do),
		cmocka_unit_test(what_cannot_be_run_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
