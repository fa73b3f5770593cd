/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

#include <lmdb.h>

#include "base/buf.h"
#include "base/secret.h"
#include "store/inside.h"
#include "store/meta.h"
#include "store/seal.h"

enum { WORD_MAX = 16, WRAP_FORMAT = 1 };

static const char meta_word[] = "meta"; /* part of the seal */
static const char key_word_1[] = "key"; /* of format 1 */

static const char *
word_of(uint16_t key_id, char word[WORD_MAX])
{
	snprintf(word, WORD_MAX, "key.%u", (unsigned)key_id);
	return word;
}

static struct seal_place
place_of(const char *word)
{
	return (struct seal_place){
		.table = meta_word,
		.key = word,
		.key_len = strlen(word),
		.format = WRAP_FORMAT,
	};
}

static enum err
read_id(struct env *env, MDB_txn *mdb, unsigned char id[SEAL_ID_LEN])
{
	struct span value;

	if (meta_get(env, mdb, "id", &value) || value.len != SEAL_ID_LEN)
		return ERR_CORRUPT;
	memcpy(id, value.data, SEAL_ID_LEN);
	return ERR_OK;
}

static enum err
wrap_new(const struct secret *master, const unsigned char id[SEAL_ID_LEN], struct seal **ret_wrap)
{
	struct secret key = {0};
	enum err err = seal_derive(master, id, &key);

	if (!err)
		err = seal_new(&key, 1, id, ret_wrap);
	secret_done(&key);
	return err;
}

/* The data key under WORD, sealed with WRAP. ERR_CRYPTO when it does not open. */
static enum err
read_key(struct env *env, MDB_txn *mdb, struct seal *wrap, const char *word, struct secret *ret_key)
{
	struct seal_place place = place_of(word);
	struct buf plain = {.secret = true};
	struct seal_head head;
	struct span sealed;
	enum err err = meta_get(env, mdb, word, &sealed);

	if (err)
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	err = seal_open(wrap, &place, &sealed, &plain, &head);
	if (err == ERR_CORRUPT || err == ERR_AGAIN)
		err = ERR_CRYPTO;
	if (!err)
		err = secret_set(ret_key, plain.data, plain.len);
	buf_wipe(&plain);
	return err;
}

static enum err
write_key(struct env *env, MDB_txn *mdb, struct seal *wrap, uint16_t key_id,
          const struct secret *key)
{
	char word[WORD_MAX];
	struct seal_place place = place_of(word_of(key_id, word));
	struct buf sealed = {0};
	enum err err = seal_close(wrap, &place, key->data, key->len, &sealed);

	if (!err)
		err = meta_put(env, mdb, word, &sealed);
	buf_done(&sealed);
	return err;
}

static enum err
read_current(struct env *env, MDB_txn *mdb, uint16_t *ret_key_id)
{
	struct span value;
	struct cursor in;
	uint16_t key_id;

	if (meta_get(env, mdb, "current", &value))
		return ERR_CORRUPT;
	cursor_init(&in, value.data, value.len);
	key_id = cursor_u16(&in);
	if (!cursor_end(&in) || !key_id)
		return ERR_CORRUPT;
	*ret_key_id = key_id;
	return ERR_OK;
}

static enum err
write_current(struct env *env, MDB_txn *mdb, uint16_t key_id)
{
	struct buf value = {0};
	enum err err;

	buf_u16(&value, key_id);
	err = meta_put(env, mdb, "current", &value);
	buf_done(&value);
	return err;
}

enum err
keys_make(struct env *env, MDB_txn *mdb, const struct secret *master)
{
	struct buf value = {0};
	struct secret random = {0}, key = {0};
	struct seal *wrap = NULL;
	enum err err = seal_random(&random); /* the id needs no secrecy, only to be its own */

	if (!err)
		err = seal_random(&key);
	if (!err)
		buf_add(&value, random.data, SEAL_ID_LEN);
	if (!err)
		err = meta_put(env, mdb, "id", &value);
	if (!err)
		err = wrap_new(master, value.data, &wrap);
	if (!err)
		err = write_key(env, mdb, wrap, 1, &key);
	if (!err)
		err = write_current(env, mdb, 1);
	seal_free(wrap);
	secret_done(&key);
	secret_done(&random);
	buf_done(&value);
	return err;
}

enum err
keys_upgrade(struct env *env, MDB_txn *mdb, const struct secret *master)
{
	unsigned char id[SEAL_ID_LEN];
	struct seal *old = NULL, *wrap = NULL;
	struct secret key = {0};
	enum err err = read_id(env, mdb, id);

	if (!err)
		err = seal_new(master, 1, id, &old);
	if (!err)
		err = read_key(env, mdb, old, key_word_1, &key);
	if (!err)
		err = wrap_new(master, id, &wrap);
	if (!err)
		err = write_key(env, mdb, wrap, 1, &key);
	if (!err)
		err = write_current(env, mdb, 1);
	if (!err)
		err = meta_del(env, mdb, key_word_1);
	seal_free(old);
	seal_free(wrap);
	secret_done(&key);
	return err;
}

enum err
keys_open(struct env *env, MDB_txn *mdb, const struct secret *master)
{
	unsigned char id[SEAL_ID_LEN];
	char word[WORD_MAX];
	struct seal *wrap = NULL, *seal = NULL;
	struct secret key = {0};
	uint16_t current;
	enum err err = read_id(env, mdb, id);

	if (!err)
		err = read_current(env, mdb, &current);
	if (!err)
		err = wrap_new(master, id, &wrap);
	if (!err)
		err = read_key(env, mdb, wrap, word_of(current, word), &key);
	if (!err)
		err = seal_new(&key, current, id, &seal);
	secret_done(&key);
	if (err) {
		seal_free(wrap);
		return err;
	}
	env->wrap = wrap;
	env->seal = seal;
	return ERR_OK;
}

enum err
keys_take_up(struct env *env, MDB_txn *mdb, uint16_t key_id)
{
	char word[WORD_MAX];
	struct secret key = {0};
	enum err err;

	pthread_mutex_lock(&env->wrap_lock);
	err = read_key(env, mdb, env->wrap, word_of(key_id, word), &key);
	pthread_mutex_unlock(&env->wrap_lock);
	if (!err)
		err = seal_add(env->seal, key_id, &key);
	secret_done(&key);
	return err;
}

enum err
keys_follow(struct env *env, MDB_txn *mdb)
{
	uint16_t current;
	enum err err = read_current(env, mdb, &current);

	if (err || current == seal_used(env->seal))
		return err;
	if (!seal_has(env->seal, current))
		err = keys_take_up(env, mdb, current);
	if (!err)
		seal_use(env->seal, current);
	return err;
}

enum err
keys_current(struct store_txn *txn, uint16_t *ret_key_id)
{
	return read_current(txn->env, txn->mdb, ret_key_id);
}

enum err
keys_add(struct store_txn *txn, uint16_t key_id)
{
	struct secret key = {0};
	enum err err = seal_random(&key);

	if (!err)
		err = write_key(txn->env, txn->mdb, txn->env->wrap, key_id, &key);
	if (!err)
		err = write_current(txn->env, txn->mdb, key_id);
	secret_done(&key);
	return err;
}

enum err
keys_drop(struct store_txn *txn, uint16_t key_id)
{
	char word[WORD_MAX];

	return meta_del(txn->env, txn->mdb, word_of(key_id, word));
}

/* One data key from OLD to NEW, or found under NEW already. */
static enum err
rewrap(struct store_txn *txn, struct seal *old, struct seal *new, uint16_t key_id)
{
	char word[WORD_MAX];
	struct secret key = {0};
	enum err err = read_key(txn->env, txn->mdb, new, word_of(key_id, word), &key);

	if (err == ERR_CRYPTO) {
		err = read_key(txn->env, txn->mdb, old, word, &key);
		if (!err)
			err = write_key(txn->env, txn->mdb, new, key_id, &key);
	}
	secret_done(&key);
	return err;
}

enum err
keys_rewrap(struct store_txn *txn, const struct secret *old_master, const struct secret *new_master)
{
	unsigned char id[SEAL_ID_LEN];
	struct seal *old = NULL, *new = NULL;
	struct meta_place pass;
	uint16_t current;
	enum err err = read_id(txn->env, txn->mdb, id);

	if (!err)
		err = read_current(txn->env, txn->mdb, &current);
	if (!err)
		err = wrap_new(old_master, id, &old);
	if (!err)
		err = wrap_new(new_master, id, &new);
	if (!err)
		err = rewrap(txn, old, new, current);
	/* During a rotation there is one more. */
	if (!err && meta_place_get(txn, "reseal", &pass) == ERR_OK)
		err = rewrap(txn, old, new, pass.key_id);
	seal_free(old);
	seal_free(new);
	return err;
}

enum err
keys_set_master(struct env *env, MDB_txn *mdb, const struct secret *master)
{
	unsigned char id[SEAL_ID_LEN];
	char word[WORD_MAX];
	struct seal *wrap = NULL;
	struct secret key = {0};
	uint16_t current;
	enum err err = read_id(env, mdb, id);

	if (!err)
		err = read_current(env, mdb, &current);
	if (!err)
		err = wrap_new(master, id, &wrap);
	if (!err)
		err = read_key(env, mdb, wrap, word_of(current, word), &key);
	secret_done(&key);
	if (!err) {
		struct seal *was;

		pthread_mutex_lock(&env->wrap_lock);
		was = env->wrap;
		env->wrap = wrap;
		pthread_mutex_unlock(&env->wrap_lock);
		wrap = was;
	}
	seal_free(wrap);
	return err;
}
