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

static enum err
begin(struct store *store, enum store_env env, uint16_t old, uint16_t new)
{
	struct meta_place place = {.key_id = old};
	struct store_txn *txn;
	enum err err = store_begin_write(store, env, &txn);

	if (err)
		return err;
	err = keys_add(txn, new);
	if (!err)
		err = meta_place_put(txn, pass_name, &place);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

enum err
store_key_rotate_begin(struct store *store)
{
	struct at at[STORE_ENVS];
	uint16_t newest = 0;
	bool running = false;
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++) {
		err = read_at(store, (enum store_env)e, &at[e]);
		if (!err && at[e].key_id > newest)
			newest = at[e].key_id;
		running = running || (!err && at[e].running);
	}
	if (err)
		return err;
	/* One that stands behind was not begun: a crash came in between. */
	if (running && at[0].key_id == at[1].key_id)
		return ERR_BUSY;
	if (newest == UINT16_MAX)
		return ERR_TOOBIG;
	if (!running)
		newest++;
	for (int e = STORE_ENVS - 1; e >= 0 && !err; e--)
		if (at[e].key_id < newest && !at[e].running)
			err = begin(store, (enum store_env)e, at[e].key_id, newest);
	return err;
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
	struct at at;
	uint64_t left = 0;
	bool stepped = false;
	enum err err = ERR_OK;

	for (int e = STORE_ENVS - 1; e >= 0 && !err; e--) {
		err = read_at(store, (enum store_env)e, &at);
		if (!err && at.running && !stepped) {
			stepped = true;
			err = step(store, (enum store_env)e, max_records ? max_records : 1);
			if (!err)
				err = read_at(store, (enum store_env)e, &at);
		}
		if (!err)
			left += at.left;
	}
	if (!err)
		*ret_left = left;
	return err;
}

enum err
store_rotation(struct store *store, struct store_rotation *ret_rotation)
{
	struct store_rotation r = {.running = false};
	struct at at;
	enum err err = ERR_OK;

	for (int e = 0; e < STORE_ENVS && !err; e++) {
		err = read_at(store, (enum store_env)e, &at);
		if (err)
			break;
		r.running = r.running || at.running;
		r.left += at.left;
		if (e == STORE_SERVED)
			r.key_id = at.key_id;
	}
	if (!err)
		*ret_rotation = r;
	return err;
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
