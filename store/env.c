/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/problem.h"
#include "store/dir.h"
#include "store/seal.h"

enum {
	DATA_MODE = 0640, /* the front's group reads */
	LOCK_MODE = 0660, /* and has reader slots there */
	FULL_BYTES = 1024 * 1024,
};

static const size_t map_least = (size_t)16 * 1024 * 1024; /* when falling back */

const char *
env_word(enum store_env which)
{
	return which == STORE_SERVED ? "served" : "private";
}

void
env_init(struct env *env, enum store_env which)
{
	pthread_condattr_t attr;

	*env = (struct env){.which = which};
	pthread_mutex_init(&env->lock, NULL);
	pthread_mutex_init(&env->wrap_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&env->quiet, &attr);
	pthread_condattr_destroy(&attr);
}

void
env_done(struct env *env)
{
	while (env->idle) {
		struct store_txn *txn = env->idle;

		env->idle = txn->next;
		txn_free(txn);
	}
	if (env->mdb)
		mdb_env_close(env->mdb);
	env->mdb = NULL;
	seal_free(env->seal);
	seal_free(env->wrap);
	pthread_cond_destroy(&env->quiet);
	pthread_mutex_destroy(&env->wrap_lock);
	pthread_mutex_destroy(&env->lock);
}

/* LMDB reports a full disk as EIO. */
static bool
disk_is_full(struct env *env)
{
	struct statvfs fs;
	mdb_filehandle_t fd;

	if (!env->mdb || mdb_env_get_fd(env->mdb, &fd) || fstatvfs(fd, &fs))
		return false;
	return fs.f_bavail * fs.f_frsize < FULL_BYTES;
}

enum err
env_err(struct env *env, int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return ERR_OK;
	case MDB_NOTFOUND:
	case ENOENT:
		return ERR_NOTFOUND;
	case MDB_MAP_FULL:
		pthread_mutex_lock(&env->lock);
		env->want_room = true;
		pthread_mutex_unlock(&env->lock);
		return ERR_FULL;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case MDB_TXN_FULL:
		return ERR_TOOBIG;
	case MDB_READERS_FULL:
	case MDB_MAP_RESIZED:
		return ERR_BUSY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
		return ERR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERR_VERSION;
	case MDB_BAD_VALSIZE:
		return ERR_INVALID;
	case ENOMEM:
		return ERR_NOMEM;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERM;
	default:
		return disk_is_full(env) ? ERR_FULL : ERR_IO;
	}
}

static int
try_open(struct env *env, const char *path, bool writes, size_t map)
{
	unsigned flags = MDB_NOTLS | (writes ? 0 : MDB_RDONLY);
	int rc = mdb_env_create(&env->mdb);

	if (rc)
		return rc;
	rc = mdb_env_set_maxreaders(env->mdb, ENV_READERS_MAX);
	if (!rc)
		rc = mdb_env_set_maxdbs(env->mdb, ENV_TABLES_MAX);
	if (!rc)
		rc = mdb_env_set_mapsize(env->mdb, map);
	if (!rc)
		rc = mdb_env_open(env->mdb, path, flags, DATA_MODE);
	if (rc) {
		mdb_env_close(env->mdb);
		env->mdb = NULL;
	}
	return rc;
}

/* That LMDB opened the files of the directory we looked at, and, for a writer, their modes, which
 * went through the umask. */
static enum err
settle_files(struct env *env, const struct dir *dir, bool writes, struct problem *why)
{
	struct stat seen, got;
	mdb_filehandle_t fd;
	MDB_stat stat;

	if (mdb_env_get_fd(env->mdb, &fd) || fstat(fd, &got) ||
	    fstatat(dir->fd, "data.mdb", &seen, AT_SYMLINK_NOFOLLOW) || seen.st_ino != got.st_ino ||
	    seen.st_dev != got.st_dev) {
		problem_set(why, PROBLEM_INTERNAL, "%s was replaced while it was opened",
		            dir->path);
		return ERR_PERM;
	}
	if (mdb_env_stat(env->mdb, &stat) == 0)
		env->page_size = stat.ms_psize;
	if (writes && (fchmodat(dir->fd, "data.mdb", DATA_MODE, 0) ||
	               fchmodat(dir->fd, "lock.mdb", LOCK_MODE, 0))) {
		problem_set(why, PROBLEM_INTERNAL, "%s: its files refuse their mode: %s", dir->path,
		            strerror(errno));
		return ERR_PERM;
	}
	return ERR_OK;
}

enum err
env_open(struct env *env, const struct dir *dir, bool writes, size_t map, struct problem *why)
{
	off_t data, lock;
	enum err err = dir_check_file(dir, "data.mdb", false, &data, why);
	int rc;

	if (!err)
		err = dir_check_file(dir, "lock.mdb", true, &lock, why);
	if (err)
		return err;
	if (!writes && data <= 0) {
		problem_set(why, PROBLEM_INTERNAL, "%s has no store yet", dir->path);
		return ERR_NOTFOUND;
	}
	/* Less address space, as under a sanitizer or RLIMIT_AS, is no reason not to serve. */
	while ((rc = try_open(env, dir->path, writes, map)) == ENOMEM && map / 4 >= map_least)
		map /= 4;
	if (rc == MDB_INVALID || rc == MDB_CORRUPTED)
		problem_set(why, PROBLEM_INTERNAL,
		            "%s/data.mdb is damaged or no store of certd: restore it from a backup",
		            dir->path);
	else if (rc)
		problem_set(why, PROBLEM_INTERNAL, "%s cannot be opened: %s", dir->path,
		            mdb_strerror(rc));
	return rc ? env_err(env, rc) : settle_files(env, dir, writes, why);
}

enum err
env_enter(struct env *env, struct store_txn **ret_idle)
{
	enum err err = ERR_OK;

	pthread_mutex_lock(&env->lock);
	while (env->remapping)
		pthread_cond_wait(&env->quiet, &env->lock);
	if (env->broken)
		err = ERR_IO;
	else
		env->active++;
	if (!err && ret_idle) {
		*ret_idle = env->idle;
		if (env->idle) {
			env->idle = env->idle->next;
			env->n_idle--;
		}
	}
	pthread_mutex_unlock(&env->lock);
	return err;
}

/* Inside the lock. */
static void
count_out(struct env *env)
{
	env->active--;
	if (env->remapping && !env->active)
		pthread_cond_broadcast(&env->quiet);
}

void
env_leave(struct env *env)
{
	pthread_mutex_lock(&env->lock);
	count_out(env);
	pthread_mutex_unlock(&env->lock);
}

void
env_leave_reader(struct env *env, struct store_txn *txn)
{
	bool kept;

	pthread_mutex_lock(&env->lock);
	kept = env->n_idle < ENV_IDLE_MAX;
	if (kept) {
		txn->next = env->idle;
		env->idle = txn;
		env->n_idle++;
		count_out(env);
	}
	pthread_mutex_unlock(&env->lock);
	if (kept)
		return;
	txn_free(txn);
	env_leave(env);
}

bool
env_wants_room(struct env *env)
{
	bool wants;

	pthread_mutex_lock(&env->lock);
	wants = env->want_room;
	pthread_mutex_unlock(&env->lock);
	return wants;
}

/* LMDB unmaps before it maps and is lost when that fails, so ask for the room first. */
static bool
address_space_has(size_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p != MAP_FAILED && munmap(p, size) == 0;
}

/* With nobody in the map. */
static enum err
remap_alone(struct env *env, bool grow)
{
	MDB_envinfo info;
	size_t size = 0; /* LMDB: what the file says */

	if (grow) {
		if (!env->want_room)
			return ERR_OK; /* another thread was quicker */
		mdb_env_info(env->mdb, &info);
		size = info.me_mapsize * 2;
		if (!address_space_has(size))
			return ERR_NOMEM;
		env->want_room = false;
	}
	if (mdb_env_set_mapsize(env->mdb, size)) {
		env->broken = true;
		return ERR_IO;
	}
	return ERR_OK;
}

enum err
env_remap(struct env *env, bool grow)
{
	struct timespec until;
	enum err err;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ENV_QUIET_MS / 1000;
	pthread_mutex_lock(&env->lock);
	while (env->remapping)
		pthread_cond_wait(&env->quiet, &env->lock);
	env->remapping = true;
	while (env->active && rc == 0)
		rc = pthread_cond_timedwait(&env->quiet, &env->lock, &until);
	err = env->active ? ERR_BUSY : remap_alone(env, grow);
	env->remapping = false;
	pthread_cond_broadcast(&env->quiet);
	pthread_mutex_unlock(&env->lock);
	return err;
}

void
env_make_room(struct env *env)
{
	MDB_envinfo info;
	MDB_stat stat;

	pthread_mutex_lock(&env->lock);
	if (!env->active && !env->remapping && !env->broken && mdb_env_info(env->mdb, &info) == 0 &&
	    mdb_env_stat(env->mdb, &stat) == 0 &&
	    (info.me_last_pgno + 1) * stat.ms_psize > info.me_mapsize / 4 * 3) {
		env->want_room = true;
		/* When it does not grow, the writer may still find room; ERR_FULL if not. */
		if (remap_alone(env, true))
			env->want_room = false;
	}
	pthread_mutex_unlock(&env->lock);
}
