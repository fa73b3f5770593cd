/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "store/backup.h"
#include "store/backup_dir.h"
#include "store/copy.h"
#include "store/dir.h"
#include "store/inside.h"

enum { CHUNK = 1024 * 1024, FILE_MODE = 0640 };

static const mode_t folder_modes[STORE_ENVS] = {
	[STORE_SERVED] = 0750,
	[STORE_PRIVATE] = 0700,
};

static bool
copy_bytes(int from, int to, uint64_t *bytes)
{
	unsigned char *chunk = malloc(CHUNK);
	ssize_t n = -1;

	while (chunk && (n = read(from, chunk, CHUNK)) > 0) {
		if (write(to, chunk, (size_t)n) != n) {
			n = -1;
			break;
		}
		*bytes += (uint64_t)n;
	}
	free(chunk);
	return n == 0;
}

/* Root restores for the user the state directory belongs to. */
static bool
give(int fd, const struct dir *dir, mode_t mode)
{
	struct stat st;

	if (fstat(dir->fd, &st) || fchmod(fd, mode))
		return false;
	return geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0;
}

static enum err
restore_file(const struct dir *from, const struct dir *state, const struct dir *to, uint64_t *bytes,
             struct problem *why)
{
	int in = openat(from->fd, "data.mdb", O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = -1;
	enum err err = ERR_OK;

	if (in < 0)
		err = backup_say(ERR_NOTFOUND, why, from->path, "has no data.mdb");
	if (!err) {
		out = openat(to->fd, "data.mdb",
		             O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
		if (out < 0 || !copy_bytes(in, out, bytes) || !give(out, state, FILE_MODE) ||
		    fsync(out) || fsync(to->fd))
			err = backup_say(ERR_IO, why, to->path, "cannot be written");
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return err;
}

static enum err
restore_env(enum store_env env, const struct dir *from, const struct dir *state, uint64_t *bytes,
            struct problem *why)
{
	struct dir source = {.fd = -1}, folder = {.fd = -1};
	enum err err = dir_open_sub(from, env_word(env), 0, 0, &source, why);
	int fd;

	if (!err && mkdirat(state->fd, env_word(env), S_IRWXU) && errno != EEXIST)
		err = backup_say(ERR_IO, why, state->path, "cannot be written");
	if (!err) {
		fd = openat(state->fd, env_word(env),
		            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || !give(fd, state, folder_modes[env]))
			err = backup_say(ERR_IO, why, state->path, "cannot be written");
		if (fd >= 0)
			close(fd);
	}
	if (!err)
		err = dir_open_sub(state, env_word(env), 0, 0, &folder, why);
	if (!err)
		err = restore_file(&source, state, &folder, bytes, why);
	dir_close(&source);
	dir_close(&folder);
	return err;
}

/* That FROM is whole, and MASTER opens it. */
static enum err
look_at(const char *path, const struct secret *master, struct store_copied *copied,
        struct dir *ret_from, struct problem *why)
{
	struct store *store = NULL;
	struct stat st;
	enum err err = dir_open(path, DIR_FOREIGN, ret_from, why);

	if (!err && fstatat(ret_from->fd, backup_mark, &st, AT_SYMLINK_NOFOLLOW)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s is no complete backup: its file %s is missing", path, backup_mark);
		err = ERR_CORRUPT;
	}
	if (err)
		return err;
	err = store_open(path, STORE_READER, master, &store, why);
	for (int e = 0; e < STORE_ENVS && !err; e++)
		for (int t = 0; t < TABLE_END && !err; t++) {
			struct store_txn *txn;
			uint64_t records = 0;

			if (table_info[t].env != (enum store_env)e)
				continue;
			err = store_begin_read(store, (enum store_env)e, &txn);
			if (err)
				break;
			err = table_size(txn, (enum table)t, &records);
			store_abort(txn);
			copied->records += records;
		}
	store_close(store);
	/* Of an older format: it is upgraded when certd opens it. */
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
mark(const struct dir *state, struct problem *why)
{
	int fd = openat(state->fd, restore_mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	                S_IRUSR | S_IWUSR);

	if (fd < 0 || !give(fd, state, S_IRUSR | S_IWUSR) || fsync(state->fd)) {
		enum err err = backup_say(ERR_IO, why, state->path, "cannot be written");

		if (fd >= 0)
			close(fd);
		return err;
	}
	close(fd);
	return ERR_OK;
}

static enum err
restore(const struct dir *from, const struct dir *state, uint64_t *bytes, struct problem *why)
{
	enum err err = mark(state, why);

	for (int e = 0; e < STORE_ENVS && !err; e++)
		err = restore_env((enum store_env)e, from, state, bytes, why);
	if (!err && (fsync(state->fd) || unlinkat(state->fd, restore_mark, 0) || fsync(state->fd)))
		err = backup_say(ERR_IO, why, state->path, "cannot be written");
	return err;
}

enum err
store_restore(const char *path, const char *dir, const struct secret *master,
              struct store_copied *ret_copied, struct problem *why)
{
	struct dir from = {.fd = -1}, state = {.fd = -1};
	struct store_copied copied = {0};
	struct stat st;
	int lock = -1;
	enum err err = look_at(path, master, &copied, &from, why);

	if (!err)
		err = store_lock(dir, &lock, why);
	if (!err)
		err = dir_open(dir, geteuid() == 0 ? DIR_FOREIGN : 0, &state, why);
	if (!err && store_exists(dir) &&
	    fstatat(state.fd, restore_mark, &st, AT_SYMLINK_NOFOLLOW)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s has a store already: move its folders served and private away",
		            dir);
		err = ERR_EXISTS;
	}
	if (!err)
		err = restore(&from, &state, &copied.bytes, why);
	if (!err)
		*ret_copied = copied;
	dir_close(&from);
	dir_close(&state);
	if (lock >= 0)
		close(lock);
	return err;
}
