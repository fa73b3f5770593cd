/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "base/secret.h"
#include "store/backup_dir.h"
#include "store/dir.h"
#include "store/inside.h"
#include "store/label_count.h"
#include "store/meta.h"
#include "store/rotate.h"
#include "store/upgrade.h"

/* ThreadSanitizer keeps a shadow of the map; one of 64 GiB costs it more than it has. */
#ifdef __SANITIZE_THREAD__
#define MAP_UNIT ((size_t)16 << 20)
#else
#define MAP_UNIT ((size_t)1 << 30)
#endif

static const struct store_sizes usual_sizes = {
	.map = {[STORE_SERVED] = 64 * MAP_UNIT, [STORE_PRIVATE] = 16 * MAP_UNIT},
};

static const mode_t folder_modes[STORE_ENVS] = {
	[STORE_SERVED] = 0750, /* the front's group reads it */
	[STORE_PRIVATE] = 0700,
};

/* The stores this process has open. LMDB opens an environment twice without a word and loses its
 * locks when the first of the two is closed (lmdb.h, "Caveats"). A forked child's list is its own.
 */
static struct {
	pthread_mutex_t lock; /* guards first */
	struct store *first;
} opened = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum err
enlist(struct store *store, const struct dir *dir, struct problem *why)
{
	enum err err = ERR_OK;

	store->dev = dir->dev;
	store->ino = dir->ino;
	store->pid = getpid();
	pthread_mutex_lock(&opened.lock);
	for (struct store *s = opened.first; s; s = s->next)
		if (s->dev == store->dev && s->ino == store->ino && s->pid == store->pid)
			err = ERR_BUSY;
	if (!err) {
		store->next = opened.first;
		opened.first = store;
	}
	pthread_mutex_unlock(&opened.lock);
	if (err)
		problem_set(why, PROBLEM_INTERNAL, "%s is open in this process already", dir->path);
	return err;
}

static void
delist(struct store *store)
{
	pthread_mutex_lock(&opened.lock);
	for (struct store **at = &opened.first; *at; at = &(*at)->next)
		if (*at == store) {
			*at = store->next;
			break;
		}
	pthread_mutex_unlock(&opened.lock);
}

static enum err
open_env(struct store *store, struct env *env, const struct dir *dir, size_t map,
         struct problem *why)
{
	bool makes = store->mode == STORE_KEEPER;
	bool writes = makes || (store->mode == STORE_CAREFUL && env->which == STORE_PRIVATE);
	struct dir folder = {.fd = -1};
	enum err err = dir_open_sub(dir, env_word(env->which), makes ? DIR_MAKE : 0,
	                            folder_modes[env->which], &folder, why);

	if (err)
		return err;
	err = env_open(env, &folder, writes, map, why);
	dir_close(&folder);
	return err;
}

/* With the first or the second of the keys in MASTER; MAKE: what is missing. */
static enum err
open_meta(struct env *env, bool make, const struct secret *master, const char *path,
          struct problem *why)
{
	struct secret one = {.data = master->data, .len = STORE_MASTER_KEY_LEN};
	enum err err = meta_open(env, make, &one, path, why);

	if (err != ERR_CRYPTO || master->len == one.len)
		return err;
	one.data += STORE_MASTER_KEY_LEN;
	return meta_open(env, make, &one, path, why);
}

/* Of a store from before. Without room it is done by who asks for a number first. */
static void
count_labels(struct store *store)
{
	struct store_txn *txn;

	if (store_begin_write(store, STORE_SERVED, &txn))
		return;
	if (label_count_make(txn) == ERR_OK)
		(void)!store_commit(txn);
	else
		store_abort(txn);
}

/* What is in the environments, once LMDB has them open. */
static enum err
open_tables(struct store *store, const struct dir *dir, const struct secret *master,
            struct problem *why)
{
	bool writes = store->mode == STORE_KEEPER;
	char path[PATH_MAX];
	enum err err = writes ? upgrade_backup(store, dir, why) : ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++) {
		if (!store->env[e].mdb)
			continue;
		err = backup_path(path, dir->path, env_word((enum store_env)e), why);
		if (!err)
			err = open_meta(&store->env[e], writes, master, path, why);
		if (!err && writes)
			err = upgrade_records(store, (enum store_env)e, path, why);
	}
	if (!err && writes)
		count_labels(store);
	return err;
}

/* A restore that was killed has left half a store. */
static enum err
check_restored(const struct dir *dir, struct problem *why)
{
	struct stat st;

	if (fstatat(dir->fd, restore_mark, &st, AT_SYMLINK_NOFOLLOW))
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL,
	            "%s: restoring a backup there did not end: do it again (its file %s says so)",
	            dir->path, restore_mark);
	return ERR_CORRUPT;
}

enum err
store_open_sized(const char *path, enum store_mode mode, const struct secret *master,
                 const struct store_sizes *sizes, struct store **ret_store, struct problem *ret_why)
{
	int flags = mode == STORE_KEEPER ? DIR_MAKE : DIR_FOREIGN;
	struct store *store = calloc(1, sizeof(*store));
	struct dir dir = {.fd = -1};
	enum err err = ERR_OK;

	problem_set(ret_why, PROBLEM_INTERNAL, "%s: %s", path, err_text(ERR_NOMEM));
	if (!store)
		return ERR_NOMEM;
	store->mode = mode;
	for (int e = 0; e < STORE_ENVS; e++)
		env_init(&store->env[e], (enum store_env)e);
	if (master->len != STORE_MASTER_KEY_LEN && master->len != STORE_MASTER_PAIR_LEN) {
		problem_set(ret_why, PROBLEM_INTERNAL, "the master key has %zu bytes, not %d",
		            master->len, STORE_MASTER_KEY_LEN);
		err = ERR_INVALID;
	}
	if (!err)
		err = dir_open(path, flags, &dir, ret_why);
	if (!err)
		err = check_restored(&dir, ret_why);
	if (!err)
		err = enlist(store, &dir, ret_why);
	for (int e = 0; e < (mode == STORE_FRONT ? 1 : STORE_ENVS) && !err; e++)
		err = open_env(store, &store->env[e], &dir,
		               sizes->map[e] ? sizes->map[e] : usual_sizes.map[e], ret_why);
	if (!err)
		err = open_tables(store, &dir, master, ret_why);
	dir_close(&dir);
	if (!err)
		err = store_check_readers(store);
	if (err) {
		store_close(store);
		return err;
	}
	problem_set(ret_why, PROBLEM_NONE, "%s", "");
	*ret_store = store;
	return ERR_OK;
}

enum err
store_open(const char *dir, enum store_mode mode, const struct secret *master,
           struct store **ret_store, struct problem *ret_why)
{
	return store_open_sized(dir, mode, master, &usual_sizes, ret_store, ret_why);
}

bool
store_is_locked_out(const struct store *store)
{
	return atomic_load(&store->locked_out);
}

bool
store_was_upgraded(const struct store *store)
{
	return store->upgraded;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	for (int e = 0; e < STORE_ENVS; e++) {
		assert(store->env[e].active == 0);
		env_done(&store->env[e]);
	}
	delist(store);
	free(store);
}

enum err
store_check_readers(struct store *store)
{
	for (int e = 0; e < STORE_ENVS; e++) {
		struct env *env = &store->env[e];
		int rc = env->mdb ? mdb_reader_check(env->mdb, NULL) : 0;

		if (rc)
			return env_err(env, rc);
	}
	return ERR_OK;
}

/* mdb_reader_list() calls with a line for each slot taken, and with others that are no number. */
static int
count_slot(const char *line, void *arg)
{
	uint64_t *readers = arg;

	if (strtol(line, NULL, 10) > 0)
		++*readers;
	return 0;
}

/* Pages from FROM on that are on LMDB's free list: each record there is a count and as many page
 * numbers. */
static int
count_free_pages(MDB_txn *txn, size_t from, size_t *ret_pages)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	size_t pages = 0;
	int rc = mdb_cursor_open(txn, 0, &cursor); /* database 0 is that list */

	if (rc)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		const size_t *list = value.mv_data;

		for (size_t i = 1; i <= list[0] && i < value.mv_size / sizeof(list[0]); i++)
			pages += list[i] >= from;
	}
	mdb_cursor_close(cursor);
	if (rc != MDB_NOTFOUND)
		return rc;
	*ret_pages = pages;
	return 0;
}

static enum err
add_stat(struct store *store, struct env *env, struct store_stat *stat)
{
	struct store_txn *txn;
	size_t free_pages = 0;
	MDB_envinfo info;
	MDB_stat pages;
	/* Inside a transaction the map stays where it is. */
	enum err err = store_begin_read(store, env->which, &txn);
	int rc;

	if (err)
		return err;
	mdb_env_info(env->mdb, &info);
	mdb_env_stat(env->mdb, &pages);
	rc = count_free_pages(txn->mdb, 0, &free_pages);
	store_abort(txn);
	if (rc)
		return env_err(env, rc);
	stat->used_bytes += (info.me_last_pgno + 1 - free_pages) * pages.ms_psize;
	stat->file_bytes += (info.me_last_pgno + 1) * pages.ms_psize;
	stat->map_bytes += info.me_mapsize;
	rc = mdb_reader_list(env->mdb, count_slot, &stat->readers);
	return rc < 0 ? env_err(env, rc) : ERR_OK;
}

enum err
store_stat(struct store *store, struct store_stat *ret_stat)
{
	struct store_stat stat = {0};
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++)
		if (store->env[e].mdb)
			err = add_stat(store, &store->env[e], &stat);
	if (!err)
		*ret_stat = stat;
	return err;
}

/* A page that was taken and given back in one transaction is never written, so the file may end
 * before the last pages when those are free. */
static enum err
check_length(struct store *store, struct env *env)
{
	struct store_txn *txn;
	size_t end, free_pages = 0;
	MDB_envinfo info;
	MDB_stat pages;
	struct stat st;
	int fd, rc;
	enum err err = store_begin_read(store, env->which, &txn);

	if (err)
		return err;
	mdb_env_info(env->mdb, &info);
	mdb_env_stat(env->mdb, &pages);
	rc = mdb_env_get_fd(env->mdb, &fd);
	if (!rc && fstat(fd, &st) != 0)
		rc = errno;
	end = rc ? 0 : (size_t)st.st_size / pages.ms_psize;
	if (!rc && end <= info.me_last_pgno)
		rc = count_free_pages(txn->mdb, end, &free_pages);
	store_abort(txn);
	if (rc)
		return env_err(env, rc);
	return end + free_pages <= info.me_last_pgno ? ERR_CORRUPT : ERR_OK;
}

enum err
store_check_length(struct store *store)
{
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++)
		if (store->env[e].mdb)
			err = check_length(store, &store->env[e]);
	return err;
}
