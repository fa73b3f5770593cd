/* SPDX-License-Identifier: Apache-2.0 */
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "store/inside.h"
#include "store/meta.h"
#include "store/table.h"
#include "store/walk.h"

enum {
	/* Bytes in one transaction, which LMDB keeps in memory, and in one fdatasync(), which
	 * cannot be given up. */
	COPY_BATCH = 16 * 1024 * 1024,
	COPY_SLACK = 64 * 1024 * 1024, /* address space */
	COPY_DIR_MODE = 0700,
	COPY_FILE_MODE = 0600,
};

struct copy {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor;
	const _Atomic bool *stop;
	size_t batch; /* bytes since the last commit */
	uint64_t records;
};

static void
add_table(struct copy_tables *tables, const char *word, size_t len, MDB_dbi dbi)
{
	if (tables->count == COPY_TABLES_MAX || len > COPY_WORD_MAX)
		return;
	memcpy(tables->table[tables->count].word, word, len);
	tables->table[tables->count].word[len] = '\0';
	tables->table[tables->count++].dbi = dbi;
}

void
copy_tables_open(const struct env *env, struct copy_tables *ret_tables)
{
	*ret_tables = (struct copy_tables){.count = 0};
	add_table(ret_tables, "meta", 4, env->meta);
	for (int t = 0; t < TABLE_END; t++)
		if (table_info[t].env == env->which)
			add_table(ret_tables, table_info[t].word, strlen(table_info[t].word),
			          env->dbi[t]);
}

enum err
copy_tables_all(struct env *env, MDB_txn *mdb, struct copy_tables *ret_tables)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_dbi main_dbi, dbi;
	int rc = mdb_dbi_open(mdb, NULL, 0, &main_dbi);

	*ret_tables = (struct copy_tables){.count = 0};
	if (!rc)
		rc = mdb_cursor_open(mdb, main_dbi, &cursor);
	if (rc)
		return env_err(env, rc);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		char word[COPY_WORD_MAX + 1] = "";

		if (key.mv_size > COPY_WORD_MAX)
			continue;
		memcpy(word, key.mv_data, key.mv_size);
		rc = mdb_dbi_open(mdb, word, 0, &dbi);
		if (rc)
			break;
		add_table(ret_tables, word, key.mv_size, dbi);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? ERR_OK : env_err(env, rc);
}

static int
open_copy(struct env *from, const char *dir, struct copy *c)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc = mdb_env_create(&c->env);

	mdb_env_info(from->mdb, &info);
	mdb_env_stat(from->mdb, &stat);
	if (!rc)
		rc = mdb_env_set_maxdbs(c->env, COPY_TABLES_MAX);
	if (!rc)
		rc = mdb_env_set_mapsize(c->env,
		                         (info.me_last_pgno + 1) * stat.ms_psize * 2 + COPY_SLACK);
	/* Nobody else opens it, and nobody relies on it before the mdb_env_sync() at the end. */
	if (!rc)
		rc = mdb_env_open(c->env, dir, MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, COPY_FILE_MODE);
	return rc;
}

/* The open table in a new transaction; the one before is committed, and on the disk if it was a
 * large one. */
static int
next_batch(struct copy *c, const char *word)
{
	int rc = 0;

	c->cursor = NULL;
	if (c->txn)
		rc = mdb_txn_commit(c->txn);
	c->txn = NULL;
	if (!rc && c->batch > COPY_BATCH)
		rc = mdb_env_sync(c->env, 1);
	c->batch = 0;
	if (!rc)
		rc = mdb_txn_begin(c->env, NULL, 0, &c->txn);
	if (!rc)
		rc = mdb_dbi_open(c->txn, word, MDB_CREATE, &c->dbi);
	return rc ? rc : mdb_cursor_open(c->txn, c->dbi, &c->cursor);
}

/* What damage has left of a record is copied, as far as it goes, for it is to be named and put
 * aside later: a value behind its key does not reach beyond the page, whatever its size says, and
 * one with pages of its own not beyond those. */
static void
clamp(const MDB_val *key, MDB_val *value, size_t page_size)
{
	uintptr_t from = (uintptr_t)value->mv_data, end = from - from % page_size + page_size;

	if (from == (uintptr_t)key->mv_data + key->mv_size && from % page_size != 0) {
		if (value->mv_size > end - from)
			value->mv_size = end - from;
	} else if (!value_fits(page_size, (struct span){value->mv_data, value->mv_size})) {
		value->mv_size = 0; /* opens nowhere */
	}
}

/* Keys come in order but for damaged ones, which are put where they belong now. One that is there
 * twice is kept once; one of an impossible size is none. */
static int
put(struct copy *c, MDB_val *key, MDB_val *value)
{
	int rc = mdb_cursor_put(c->cursor, key, value, MDB_APPEND);

	if (rc == MDB_KEYEXIST)
		rc = mdb_cursor_put(c->cursor, key, value, MDB_NOOVERWRITE);
	return rc == MDB_KEYEXIST || rc == MDB_BAD_VALSIZE ? 0 : rc;
}

/* Who makes a copy, or puts one in place, has decided that what it has is the truth. */
static bool
is_mark(const char *word, const MDB_val *key)
{
	return strcmp(word, "meta") == 0 && key->mv_size == strlen(META_MARK) &&
	       memcmp(key->mv_data, META_MARK, key->mv_size) == 0;
}

static int
copy_table(struct copy *c, MDB_txn *from, MDB_dbi dbi, const char *word)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat stat;
	int rc = next_batch(c, word);

	if (!rc)
		rc = mdb_stat(from, dbi, &stat);
	if (!rc)
		rc = mdb_cursor_open(from, dbi, &cursor);
	if (rc)
		return rc;
	while (!rc && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		if (c->stop && atomic_load_explicit(c->stop, memory_order_relaxed)) {
			rc = ECANCELED;
			break;
		}
		clamp(&key, &value, stat.ms_psize);
		if (is_mark(word, &key))
			continue;
		rc = put(c, &key, &value);
		c->records++;
		c->batch += key.mv_size + value.mv_size;
		if (!rc && c->batch > COPY_BATCH)
			rc = next_batch(c, word);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

enum err
copy_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return ERR_IO;
	rc = fsync(fd);
	close(fd);
	return rc ? ERR_IO : ERR_OK;
}

/* Everything that has to be on the disk. */
static int
finish(struct copy *c, const char *dir, uint64_t *ret_bytes)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc = c->txn ? mdb_txn_commit(c->txn) : 0;

	c->txn = NULL;
	if (!rc)
		rc = mdb_env_sync(c->env, 1);
	if (!rc && copy_sync_dir(dir))
		rc = EIO;
	mdb_env_info(c->env, &info);
	mdb_env_stat(c->env, &stat);
	*ret_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
	return rc;
}

enum err
copy_env(struct env *env, MDB_txn *mdb, const struct copy_tables *tables, const char *dir,
         struct store_copied *copied, struct problem *why)
{
	struct copy c = {.stop = tables->stop};
	uint64_t bytes = 0;
	enum err err;
	int rc = mkdir(dir, COPY_DIR_MODE) ? errno : 0;

	if (!rc)
		rc = open_copy(env, dir, &c);
	for (size_t i = 0; i < tables->count && !rc; i++)
		rc = copy_table(&c, mdb, tables->table[i].dbi, tables->table[i].word);
	if (!rc)
		rc = finish(&c, dir, &bytes);
	if (c.txn)
		mdb_txn_abort(c.txn);
	/* Asked while the file is open, a full disk can be told from a broken one. */
	err = rc == EEXIST ? ERR_EXISTS
	      : rc == ECANCELED
	              ? ERR_STOPPED
	              : env_err(&(struct env){.mdb = c.env, .lock = PTHREAD_MUTEX_INITIALIZER}, rc);
	if (c.env)
		mdb_env_close(c.env);
	if (err) {
		problem_set(why, PROBLEM_INTERNAL, "%s cannot be copied to %s: %s",
		            env_word(env->which), dir, err_text(err));
		return err;
	}
	copied->records += c.records;
	copied->bytes += bytes;
	return ERR_OK;
}

void
copy_remove(const char *dir)
{
	static const char *const files[] = {"data.mdb", "lock.mdb"}; /* of who read it */
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir, files[i]);

		if (n > 0 && (size_t)n < sizeof(path))
			unlink(path);
	}
	rmdir(dir);
}
