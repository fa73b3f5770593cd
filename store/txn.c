/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "store/inside.h"
#include "store/keys.h"

enum { SCRATCH_KEEP = 64 * 1024 }; /* a larger scratch costs more to wipe than to get anew */

static struct store_txn *
txn_new(struct store *store, struct env *env, bool writes)
{
	struct store_txn *txn = calloc(1, sizeof(*txn));

	if (!txn)
		return NULL;
	txn->store = store;
	txn->env = env;
	txn->writes = writes;
	txn->plain.secret = true;
	return txn;
}

void
txn_free(struct store_txn *txn)
{
	if (!txn)
		return;
	if (txn->mdb)
		mdb_txn_abort(txn->mdb);
	buf_wipe(&txn->plain);
	buf_done(&txn->sealed);
	free(txn);
}

enum err
txn_fail(struct store_txn *txn, enum err err)
{
	if (!txn->err)
		txn->err = err;
	return txn->err;
}

enum err
txn_writable(struct store_txn *txn)
{
	return txn->writes ? txn->err : ERR_WRONGSTATE;
}

/* Starts TXN inside the map; on failure it is as it was. */
static int
start(struct env *env, struct store_txn *txn)
{
	int rc;

	if (txn->mdb)
		return mdb_txn_renew(txn->mdb);
	rc = mdb_txn_begin(env->mdb, NULL, txn->writes ? 0 : MDB_RDONLY, &txn->mdb);
	if (rc == MDB_READERS_FULL && mdb_reader_check(env->mdb, NULL) == 0)
		rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn->mdb);
	if (rc)
		txn->mdb = NULL;
	return rc;
}

/* Behind env_enter(), which is undone on failure. */
static enum err
start_entered(struct env *env, struct store_txn *txn)
{
	int rc = start(env, txn);
	enum err err;

	if (rc)
		env_leave(env);
	if (rc == MDB_MAP_RESIZED) {
		/* Another process made the map larger than ours. */
		err = env_remap(env, false);
		if (!err)
			err = env_enter(env, NULL);
		if (err)
			return err;
		rc = start(env, txn);
		if (rc)
			env_leave(env);
	}
	return env_err(env, rc);
}

enum err
store_begin_read(struct store *store, enum store_env which, struct store_txn **ret_txn)
{
	struct env *env = &store->env[which];
	struct store_txn *txn;
	enum err err;

	if (!env->mdb)
		return ERR_WRONGSTATE;
	err = env_enter(env, &txn);
	if (err)
		return err;
	if (!txn)
		txn = txn_new(store, env, false);
	if (!txn) {
		env_leave(env);
		return ERR_NOMEM;
	}
	err = start_entered(env, txn);
	if (err)
		txn_free(txn);
	else
		*ret_txn = txn;
	return err;
}

enum err
store_begin_write(struct store *store, enum store_env which, struct store_txn **ret_txn)
{
	struct env *env = &store->env[which];
	struct store_txn *txn;
	enum err err;

	if (env->mdb && store->mode == STORE_CAREFUL && which == STORE_SERVED)
		return ERR_CORRUPT;
	if (!env->mdb || (store->mode != STORE_KEEPER && store->mode != STORE_CAREFUL))
		return ERR_WRONGSTATE;
	env_make_room(env);
	/* Without it the writer may still find room; it will say ERR_FULL if not. */
	if (env_wants_room(env) && env_remap(env, true) == ERR_IO)
		return ERR_IO;
	txn = txn_new(store, env, true);
	if (!txn)
		return ERR_NOMEM;
	err = env_enter(env, NULL);
	if (!err)
		err = start_entered(env, txn);
	if (err) {
		txn_free(txn);
		return err;
	}
	err = keys_follow(env, txn->mdb);
	if (err)
		store_abort(txn);
	else
		*ret_txn = txn;
	return err;
}

enum err
store_commit(struct store_txn *txn)
{
	struct env *env = txn->env;
	enum err err = txn_writable(txn);

	if (err) {
		store_abort(txn);
		return err;
	}
	err = env_err(env, mdb_txn_commit(txn->mdb));
	txn->mdb = NULL;
	txn_free(txn);
	env_leave(env);
	return err;
}

void
store_abort(struct store_txn *txn)
{
	struct env *env;

	if (!txn)
		return;
	env = txn->env;
	if (txn->writes) {
		txn_free(txn);
		env_leave(env);
		return;
	}
	if (txn->plain.cap > SCRATCH_KEEP)
		buf_wipe(&txn->plain);
	else if (txn->plain.len) /* without length it is wiped already */
		buf_reset(&txn->plain);
	mdb_txn_reset(txn->mdb);
	env_leave_reader(env, txn);
}

enum err
store_finish(struct store_txn *txn, enum err err)
{
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

void
store_let_others_write(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
