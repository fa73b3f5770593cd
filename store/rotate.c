/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rotate.h"

#include "store/inside.h"
#include "store/keys.h"
#include "store/meta.h"
#include "store/pass.h"
#include "store/seal.h"

static const char pass_name[] = "reseal";

/* What an environment is at. */
struct at {
	uint16_t key_id;
	bool running;
	uint64_t left;
};

static enum err
read_at(struct store *store, enum store_env env, struct at *ret_at)
{
	struct meta_place place;
	struct store_txn *txn;
	uint64_t records;
	enum err err = store_begin_read(store, env, &txn), running;

	if (err)
		return err;
	err = keys_current(txn, &ret_at->key_id);
	running = meta_place_get(txn, pass_name, &place);
	ret_at->running = running == ERR_OK;
	ret_at->left = 0;
	if (!err && ret_at->running)
		err = pass_size(txn, &records);
	if (!err && ret_at->running)
		ret_at->left = (place.done < records ? records - place.done : 1) +
		               (place.again ? 0 : records);
	store_abort(txn);
	return !err && running && running != ERR_NOTFOUND ? running : err;
}

/* Makes NEW current in ENV, unless another thread has done so meanwhile. */
static enum err
begin(struct store *store, enum store_env env, uint16_t new)
{
	struct meta_place place = {.key_id = 0};
	struct store_txn *txn;
	enum err err = store_begin_write(store, env, &txn);

	if (err)
		return err;
	err = keys_current(txn, &place.key_id);
	if (err || place.key_id >= new) {
		store_abort(txn);
		return err;
	}
	err = keys_add(txn, new);
	if (!err)
		err = meta_place_put(txn, pass_name, &place);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

/* Where both environments are. One whose key is older than the other's was not begun: a crash came
 * in between, so the rotation is at its very beginning there. */
static enum err
read_all(struct store *store, struct at at[STORE_ENVS], uint16_t *ret_newest)
{
	uint16_t newest = 0;

	for (int e = 0; e < STORE_ENVS; e++) {
		enum err err = read_at(store, (enum store_env)e, &at[e]);

		if (err)
			return err;
		if (at[e].key_id > newest)
			newest = at[e].key_id;
	}
	*ret_newest = newest;
	return ERR_OK;
}

/* private/ first; what runs still under an older number ends before it is begun anew. */
static enum err
begin_all(struct store *store, const struct at at[STORE_ENVS], uint16_t new)
{
	enum err err = ERR_OK;

	for (int e = STORE_ENVS - 1; e >= 0 && !err; e--)
		if (at[e].key_id < new && !at[e].running)
			err = begin(store, (enum store_env)e, new);
	return err;
}

enum err
store_key_rotate_begin(struct store *store)
{
	struct at at[STORE_ENVS];
	uint16_t newest;
	enum err err = read_all(store, at, &newest);

	if (err)
		return err;
	if (at[0].key_id != at[1].key_id)
		return begin_all(store, at, newest); /* of the one that a crash has cut short */
	if (at[0].running || at[1].running)
		return ERR_BUSY;
	return newest == UINT16_MAX ? ERR_TOOBIG : begin_all(store, at, (uint16_t)(newest + 1));
}

static enum err
reseal(struct store_txn *txn, enum table table, struct span key, struct span sealed,
       const struct meta_place *place, bool *ret_moved)
{
	struct seal_head head;
	enum err err = seal_peek(&sealed, &head);

	if (err || head.key_id != place->key_id)
		return err;
	err = table_reseal(txn, table, key);
	*ret_moved = !err;
	return err;
}

/* At the end of a pass: the old key goes when nothing was found under it, else once more. */
static enum err
end_pass(struct store_txn *txn, struct meta_place *place)
{
	enum err err;

	if (place->found) {
		*place = (struct meta_place){.key_id = place->key_id, .again = 1};
		return meta_place_put(txn, pass_name, place);
	}
	err = keys_drop(txn, place->key_id);
	return err ? err : meta_del(txn->env, txn->mdb, pass_name);
}

static enum err
step(struct store *store, enum store_env env, size_t max)
{
	struct meta_place place;
	struct store_txn *txn;
	bool ended;
	enum err err = store_begin_write(store, env, &txn);

	if (err)
		return err;
	err = meta_place_get(txn, pass_name, &place);
	if (!err)
		err = pass_step(txn, &place, max, reseal, &ended);
	if (!err)
		err = ended ? end_pass(txn, &place) : meta_place_put(txn, pass_name, &place);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

enum err
store_reseal_step(struct store *store, size_t max_records, uint64_t *ret_left)
{
	struct at at[STORE_ENVS];
	uint16_t newest;
	int e = STORE_ENVS - 1;
	enum err err = read_all(store, at, &newest);

	if (!err && at[0].key_id != at[1].key_id)
		err = begin_all(store, at, newest);
	if (!err)
		err = read_all(store, at, &newest);
	while (!err && e > 0 && !at[e].running)
		e--;
	if (!err && at[e].running)
		err = step(store, (enum store_env)e, max_records ? max_records : 1);
	if (!err)
		err = read_all(store, at, &newest);
	if (!err)
		*ret_left = at[0].left + at[1].left;
	return err;
}

enum err
store_rotation(struct store *store, struct store_rotation *ret_rotation)
{
	struct at at[STORE_ENVS];
	uint16_t newest;
	enum err err = read_all(store, at, &newest);

	if (err)
		return err;
	*ret_rotation = (struct store_rotation){
		.running = at[0].running || at[1].running || at[0].key_id != at[1].key_id,
		.key_id = newest,
		.left = at[0].left + at[1].left,
	};
	return ERR_OK;
}

static enum err
change_master(struct store *store, enum store_env env, const struct secret *old_master,
              const struct secret *new_master)
{
	struct store_txn *txn;
	enum err err = store_begin_write(store, env, &txn);

	if (err)
		return err;
	err = keys_rewrap(txn, old_master, new_master);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

enum err
store_master_change(struct store *store, const struct secret *old_master,
                    const struct secret *new_master)
{
	enum err err = ERR_OK;

	for (int e = STORE_ENVS - 1; e >= 0 && !err; e--)
		err = change_master(store, (enum store_env)e, old_master, new_master);
	return err ? err : store_master_set(store, new_master);
}

enum err
store_master_set(struct store *store, const struct secret *master)
{
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++) {
		struct store_txn *txn;

		if (!store->env[e].mdb)
			continue;
		err = store_begin_read(store, (enum store_env)e, &txn);
		if (err)
			break;
		err = keys_set_master(txn->env, txn->mdb, master);
		store_abort(txn);
	}
	return err;
}
