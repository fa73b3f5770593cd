/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "store/backup_dir.h"
#include "store/copy.h"
#include "store/dir.h"
#include "store/inside.h"
#include "store/meta.h"

enum { SNAPSHOT_TRIES = 10000, BACKUP_MODE = 0700, COMPLETE_MODE = 0600 };

enum err
backup_path(char path[PATH_MAX], const char *dir, const char *word, struct problem *why)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, word);

	if (n > 0 && n < PATH_MAX)
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL, "%s: its path is too long", dir);
	return ERR_INVALID;
}

enum err
backup_say(enum err err, struct problem *why, const char *path, const char *what)
{
	problem_set(why, PROBLEM_INTERNAL, "%s %s: %s", path, what, strerror(errno));
	if (errno == ENOSPC || errno == EDQUOT)
		return ERR_FULL;
	return err;
}

static bool
is_empty(const struct dir *dir)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool empty = list != NULL;

	while (list && (entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	return empty;
}

enum err
backup_make_dir(const char *path, struct dir *ret_dir, struct problem *why)
{
	enum err err;

	if (mkdir(path, BACKUP_MODE) && errno != EEXIST)
		return backup_say(ERR_IO, why, path, "cannot be made");
	err = dir_open(path, 0, ret_dir, why);
	if (err || is_empty(ret_dir))
		return err;
	dir_close(ret_dir);
	problem_set(why, PROBLEM_INTERNAL, "%s has something in it: name an empty directory", path);
	return ERR_EXISTS;
}

/* DIR's name in the directory above it; where we may not read that, whoever made it sees to it. */
static int
sync_parent(const struct dir *dir)
{
	int fd = openat(dir->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return errno == EACCES ? 0 : -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* A word for whoever finds the directory, written when all else is on the disk. */
enum err
backup_complete(const struct dir *dir, struct problem *why)
{
	static const char text[] = "a complete copy of a store of certd\n";
	int fd = openat(dir->fd, backup_mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                COMPLETE_MODE);
	bool done = sync_parent(dir) == 0 && fd >= 0 &&
	            write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 &&
	            fsync(fd) == 0 && fsync(dir->fd) == 0;
	enum err err = done ? ERR_OK : backup_say(ERR_IO, why, dir->path, "cannot be written");

	if (fd >= 0)
		close(fd);
	if (err)
		unlinkat(dir->fd, backup_mark, 0);
	return err;
}

void
backup_remove(const char *dir)
{
	char path[PATH_MAX];
	struct problem unused;

	if (backup_path(path, dir, backup_mark, &unused) == ERR_OK)
		unlink(path);
	for (int e = 0; e < STORE_ENVS; e++)
		if (backup_path(path, dir, env_word((enum store_env)e), &unused) == ERR_OK)
			copy_remove(path);
}

/* Both environments at one instant. What holds between them (docs/store.md, 4: who has due_at 0 has
 * an order) holds at every instant, but not for two snapshots with a commit in between. So: private
 * first, then served, and if nothing was committed to private meanwhile, the first is still the
 * newest and both are of now. Otherwise once more. */
static enum err
snapshot(struct store *store, struct store_txn *txn[STORE_ENVS])
{
	enum err err = ERR_BUSY;

	for (int i = 0; i < SNAPSHOT_TRIES && err == ERR_BUSY; i++) {
		struct store_txn *again = NULL;

		txn[STORE_SERVED] = NULL;
		err = store_begin_read(store, STORE_PRIVATE, &txn[STORE_PRIVATE]);
		if (err)
			return err;
		err = store_begin_read(store, STORE_SERVED, &txn[STORE_SERVED]);
		if (!err)
			err = store_begin_read(store, STORE_PRIVATE, &again);
		if (!err && mdb_txn_id(again->mdb) != mdb_txn_id(txn[STORE_PRIVATE]->mdb))
			err = ERR_BUSY;
		store_abort(again);
		if (err) {
			store_abort(txn[STORE_SERVED]);
			store_abort(txn[STORE_PRIVATE]);
		}
	}
	return err;
}

static enum err
copy_both(struct store *store, const char *dir, const _Atomic bool *stop,
          struct store_copied *copied, struct problem *why)
{
	struct store_txn *txn[STORE_ENVS];
	enum err err = snapshot(store, txn);

	if (err) {
		problem_set(why, PROBLEM_INTERNAL, "the store cannot be read: %s", err_text(err));
		return err;
	}
	for (int e = 0; e < STORE_ENVS && !err; e++) {
		struct copy_tables tables;
		char to[PATH_MAX];

		copy_tables_open(&store->env[e], &tables);
		tables.stop = stop;
		err = backup_path(to, dir, env_word((enum store_env)e), why);
		if (!err)
			err = copy_env(&store->env[e], txn[e]->mdb, &tables, to, copied, why);
	}
	store_abort(txn[STORE_SERVED]);
	store_abort(txn[STORE_PRIVATE]);
	return err;
}

enum err
store_backup(struct store *store, const char *path, const _Atomic bool *stop,
             struct store_copied *ret_copied, struct problem *why)
{
	struct store_copied copied = {0};
	struct dir dir = {.fd = -1};
	bool made = access(path, F_OK) != 0;
	enum err err = backup_make_dir(path, &dir, why);

	if (err)
		return err;
	err = copy_both(store, dir.path, stop, &copied, why);
	if (!err)
		err = backup_complete(&dir, why);
	if (err) {
		backup_remove(dir.path);
		if (made)
			rmdir(dir.path);
	} else {
		*ret_copied = copied;
	}
	dir_close(&dir);
	return err;
}

/* One environment of a store that nobody else has open. */
static enum err
compact_env(struct env *env, const char *dir, struct store_copied *copied, struct problem *why)
{
	struct copy_tables tables;
	char to[PATH_MAX], file[PATH_MAX];
	MDB_txn *mdb;
	enum err err = backup_path(file, dir, env_word(env->which), why);

	if (!err)
		err = backup_path(to, file, "compact", why);
	if (err)
		return err;
	copy_remove(to); /* of an earlier one that was killed */
	err = env_err(env, mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb));
	if (err) {
		problem_set(why, PROBLEM_INTERNAL, "%s cannot be read: %s", file, err_text(err));
		return err;
	}
	copy_tables_open(env, &tables);
	err = copy_env(env, mdb, &tables, to, copied, why);
	mdb_txn_abort(mdb);
	if (err)
		copy_remove(to);
	return err;
}

/* The new files take the place of the old ones, each in one step; either goes with the other. */
static enum err
put_in_place(const char *dir, enum store_env env, struct problem *why)
{
	char folder[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	enum err err = backup_path(folder, dir, env_word(env), why);

	if (!err)
		err = backup_path(from, folder, "compact/data.mdb", why);
	if (!err)
		err = backup_path(to, folder, "data.mdb", why);
	if (err)
		return err;
	if (chmod(from, 0640) || rename(from, to))
		return backup_say(ERR_IO, why, to, "cannot be replaced");
	err = backup_path(from, folder, "compact", why);
	if (!err)
		copy_remove(from);
	return err ? err : copy_sync_dir(folder);
}

enum err
store_compact(const char *dir, const struct secret *master, struct store_copied *ret_copied,
              struct problem *why)
{
	struct store_copied copied = {0};
	struct store *store = NULL;
	int lock;
	enum err err = store_lock(dir, &lock, why);

	if (err)
		return err;
	err = store_open(dir, STORE_KEEPER, master, &store, why);
	for (int e = 0; e < STORE_ENVS && !err; e++)
		err = compact_env(&store->env[e], dir, &copied, why);
	store_close(store);
	for (int e = 0; e < STORE_ENVS && !err; e++)
		err = put_in_place(dir, (enum store_env)e, why);
	close(lock);
	if (!err)
		*ret_copied = copied;
	return err;
}
