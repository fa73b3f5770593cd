/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upgrade.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/problem.h"
#include "store/backup_dir.h"
#include "store/copy.h"
#include "store/dir.h"
#include "store/inside.h"
#include "store/meta.h"
#include "store/pass.h"

enum { UPGRADE_BATCH = 1000 };

static const char pass_name[] = "upgrade";

static enum err
copy_as_it_is(struct env *env, const char *dir, struct problem *why)
{
	struct store_copied copied = {0};
	struct copy_tables tables;
	char to[PATH_MAX];
	MDB_txn *mdb;
	enum err err = backup_path(to, dir, env_word(env->which), why);

	if (!err)
		err = env_err(env, mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb));
	if (err)
		return err;
	err = copy_tables_all(env, mdb, &tables);
	if (!err)
		err = copy_env(env, mdb, &tables, to, &copied, why);
	mdb_txn_abort(mdb); /* closes the tables again */
	return err;
}

enum err
upgrade_backup(struct store *store, const struct dir *state, struct problem *why)
{
	bool older = false, begun = false;
	struct dir dir = {.fd = -1};
	char word[64], path[PATH_MAX];
	struct stat st;
	uint32_t format;
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++) {
		err = meta_format(&store->env[e], &format);
		older = older || (!err && format && format < STORE_FORMAT);
		begun = begun || (!err && format == STORE_FORMAT);
	}
	/* What is wrong with it is meta_open()'s to say. */
	if (err || !older)
		return ERR_OK;
	store->upgraded = true;
	snprintf(word, sizeof(word), "backup-before-%d", STORE_FORMAT);
	err = backup_path(path, state->path, word, why);
	if (err)
		return err;
	snprintf(word, sizeof(word), "backup-before-%d/%s", STORE_FORMAT, backup_mark);
	/* Interrupted behind this. While all is older, a copy is of an upgrade before a restore, or
	 * as good as the one that is made now. */
	if (begun && fstatat(state->fd, word, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_OK;
	backup_remove(path);
	err = backup_make_dir(path, &dir, why);
	for (int e = 0; e < STORE_ENVS && !err; e++)
		err = copy_as_it_is(&store->env[e], dir.path, why);
	if (!err)
		err = backup_complete(&dir, why);
	dir_close(&dir);
	return err ? err : copy_sync_dir(state->path);
}

static enum err
move(struct store_txn *txn, enum table table, struct span key, struct span sealed,
     const struct meta_place *place, bool *ret_moved)
{
	struct seal_head head;
	struct cursor in;
	enum err err = seal_peek(&sealed, &head);

	(void)place;
	if (!err && table == TABLE_DOMAIN && head.format != 1) {
		err = domain_upgrade_due(txn, key);
		*ret_moved = !err;
		return err;
	}
	if (err || head.format != 1)
		return err;
	if (table == TABLE_DOMAIN) {
		err = domain_upgrade(txn, key);
	} else if (table == TABLE_EVENT) {
		err = event_upgrade(txn, key);
	} else {
		/* Formats 1 and 2 differ in the seal only. */
		err = table_get(txn, table, key, &in);
		if (!err)
			err = table_put(txn, table, key);
	}
	*ret_moved = !err;
	return err;
}

/* ERR_NOTFOUND: nothing is left to do. */
static enum err
step(struct store *store, enum store_env env)
{
	struct meta_place place;
	struct store_txn *txn;
	bool ended;
	enum err err = store_begin_write(store, env, &txn);

	if (err)
		return err;
	err = meta_place_get(txn, pass_name, &place);
	if (!err)
		err = pass_step(txn, &place, UPGRADE_BATCH, move, &ended);
	if (!err)
		err = ended ? meta_del(txn->env, txn->mdb, pass_name)
		            : meta_place_put(txn, pass_name, &place);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

enum err
upgrade_records(struct store *store, enum store_env env, const char *path, struct problem *why)
{
	struct store_txn txn = {.env = &store->env[env]};
	struct meta_place place;
	/* Without the store's own readers: one would be kept, with its slot. */
	enum err err = env_err(txn.env, mdb_txn_begin(txn.env->mdb, NULL, MDB_RDONLY, &txn.mdb));

	if (!err) {
		err = meta_place_get(&txn, pass_name, &place);
		mdb_txn_abort(txn.mdb);
	}
	while (!err) {
		err = step(store, env);
		if (err == ERR_FULL)
			err = step(store, env); /* the map grew */
	}
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL,
	            "%s cannot be upgraded to format %d: %s; start certd again to go on", path,
	            STORE_FORMAT, err_text(err));
	return err;
}
