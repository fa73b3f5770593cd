/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/inside.h - (inside store/) the structs behind store.h: store, environment, transaction
 *
 * Map changes: LMDB may move the map only while the process has no transaction in it. env->active
 * counts them; env_remap() keeps new ones out, waits for the running ones and gives up after
 * ENV_QUIET_MS, so a forgotten transaction costs a delay, never a deadlock.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <lmdb.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/seal.h"
#include "store/store.h"
#include "store/table.h"

struct dir;
struct problem;
struct secret;

enum {
	STORE_ENVS = 2,
	ENV_READERS_MAX = 1024,
	ENV_IDLE_MAX = 64,   /* reset readers kept; each holds a reader slot */
	ENV_QUIET_MS = 2000, /* how long a map change waits for running transactions */
	ENV_TABLES_MAX = 32,
};

struct env {
	enum store_env which;
	MDB_env *mdb; /* NULL: not open */
	size_t page_size;
	MDB_dbi dbi[TABLE_END];
	MDB_dbi meta;
	struct seal *seal; /* the data keys */
	struct seal *wrap; /* what seals them: made from the master key */
	pthread_mutex_t wrap_lock;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t quiet; /* `active` fell to 0, or `remapping` ended */
	unsigned active;      /* transactions begun and not ended, waiting writers included */
	bool remapping;
	bool want_room; /* a writer met MDB_MAP_FULL: grow before the next one */
	bool broken;    /* the map is gone */
	struct store_txn *idle;
	unsigned n_idle;
};

struct store {
	struct env env[STORE_ENVS];
	enum store_mode mode;
	dev_t dev; /* of DIR: the registry's key */
	ino_t ino;
	pid_t pid;
	bool upgraded;
	atomic_bool locked_out; /* a data key did not open */
	struct store *next;
};

struct store_txn {
	struct store *store;
	struct env *env;
	MDB_txn *mdb;
	bool writes;
	enum err err;           /* the first failed write */
	struct buf plain;       /* scratch, wiped: the record opened or about to be sealed */
	struct buf sealed;      /* scratch */
	struct seal_head head;  /* of the record that was read last */
	uint64_t revision;      /* the newest in served/, 0: not looked up yet */
	struct store_txn *next; /* in env->idle */
};

/* Bytes of address space, by enum store_env; 0: the usual. For tests of growth. */
struct store_sizes {
	size_t map[STORE_ENVS];
};
MUST_CHECK enum err store_open_sized(const char *dir, enum store_mode mode,
                                     const struct secret *master, const struct store_sizes *sizes,
                                     struct store **ret_store, struct problem *ret_why);

const char *env_word(enum store_env which); /* the folder's name */
void env_init(struct env *env, enum store_env which);
void env_done(struct env *env);
/* Opens LMDB in DIR with MAP bytes, or less where the address space does not allow it. */
MUST_CHECK enum err env_open(struct env *env, const struct dir *dir, bool writes, size_t map,
                             struct problem *ret_why);
/* What LMDB's RC means for the caller; remembers a full map. */
enum err env_err(struct env *env, int rc);

/* Brackets around each transaction. RET_IDLE, unless NULL: a reset reader, NULL when there is none.
 */
MUST_CHECK enum err env_enter(struct env *env, struct store_txn **ret_idle);
void env_leave(struct env *env);
/* With a reset reader, which is kept, or freed when there are enough. */
void env_leave_reader(struct env *env, struct store_txn *txn);
/* Takes up the size another process gave the map (grow false), or doubles it (true). ERR_BUSY: some
 * transaction would not end. */
MUST_CHECK enum err env_remap(struct env *env, bool grow);
bool env_wants_room(struct env *env);
/* Doubles a map that is nearly full, unless somebody is in it. */
void env_make_room(struct env *env);

/* Makes ERR stick to TXN; answers what sticks. */
enum err txn_fail(struct store_txn *txn, enum err err);
/* ERR_WRONGSTATE for a reading transaction, else what sticks. */
MUST_CHECK enum err txn_writable(struct store_txn *txn);
/* Releases an idle or ended transaction. */
void txn_free(struct store_txn *txn);

#endif
