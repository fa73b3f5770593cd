/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/check_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/master.h"
#include "daemon/offline.h"

enum { MINUTE_MS = 60 * 1000, LIMIT_MS = 10 * MINUTE_MS, LIMIT_BYTES = 64 * 1024 * 1024 };

/* OUT becomes its stdout, KEY the descriptor of the master key. */
static enum err
run_child(const char *dir, int out, int key, pid_t *ret_pid)
{
	char dir_arg[PATH_MAX + 16], key_arg[32];
	char *argv[] = {"certd", dir_arg, key_arg, NULL}, *env[] = {NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int rc;

	snprintf(dir_arg, sizeof(dir_arg), "--db-check=%s", dir);
	snprintf(key_arg, sizeof(key_arg), "--key-fd=%d", OFFLINE_KEY_FD);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, key, OFFLINE_KEY_FD);
	rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return ERR_IO;
	*ret_pid = pid;
	return ERR_OK;
}

int64_t
check_child_limit_ms(const char *dir)
{
	static const char *const files[] = {"served/data.mdb", "private/data.mdb"};
	int64_t bytes = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[PATH_MAX + 32];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		if (stat(path, &st) == 0)
			bytes += st.st_size;
	}
	return LIMIT_MS + bytes / LIMIT_BYTES * MINUTE_MS;
}

void
check_child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

enum err
check_child_start(const struct conf *conf, pid_t *ret_pid, int *ret_out, struct problem *ret_why)
{
	struct secret master = {0};
	int out[2] = {-1, -1}, key[2] = {-1, -1};
	enum err err = master_find(conf, &master, ret_why);

	if (!err && (pipe2(out, O_CLOEXEC) || pipe2(key, O_CLOEXEC)))
		err = ERR_IO;
	if (!err && write(key[1], master.data, master.len) != (ssize_t)master.len)
		err = ERR_IO;
	secret_done(&master);
	if (!err)
		err = run_child(conf->state_directory, out[1], key[0], ret_pid);
	for (int i = 0; i < 2; i++)
		if (key[i] >= 0)
			close(key[i]);
	if (out[1] >= 0)
		close(out[1]);
	*ret_out = out[0];
	return err;
}
