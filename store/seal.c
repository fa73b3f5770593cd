/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/secret.h"

enum {
	KEY_LEN = 32,
	NONCE_LEN = 12,
	TAG_LEN = 16,
	HEAD_MAX = 1 + 2 + 8,
	AAD_MAX = 640, /* id 16, table word, key of at most 511, 13 more bytes */
	POOL_MAX = 32,
};

enum direction { OPEN, CLOSE };

/* Contexts with the key schedule in place: setting one up costs more than a small record. */
struct pool {
	EVP_CIPHER_CTX *ctx[POOL_MAX];
	unsigned count;
};

struct key {
	uint16_t id; /* 0: free */
	struct secret secret;
	struct pool pool[2]; /* by direction */
};

struct seal {
	unsigned char id[SEAL_ID_LEN];
	EVP_CIPHER *cipher;
	pthread_mutex_t lock; /* guards what follows */
	struct key keys[SEAL_KEYS_MAX];
	uint16_t used;
};

static struct key *
key_find(struct seal *seal, uint16_t id)
{
	for (int i = 0; i < SEAL_KEYS_MAX; i++)
		if (id && seal->keys[i].id == id)
			return &seal->keys[i];
	return NULL;
}

static void
key_drop(struct key *key)
{
	for (unsigned d = 0; d < 2; d++)
		while (key->pool[d].count)
			EVP_CIPHER_CTX_free(key->pool[d].ctx[--key->pool[d].count]);
	secret_done(&key->secret);
	key->id = 0;
}

/* NULL: no such key, or no memory. */
static EVP_CIPHER_CTX *
ctx_take(struct seal *seal, uint16_t id, enum direction direction, bool *ret_known)
{
	EVP_CIPHER_CTX *ctx = NULL;
	struct key *key;

	pthread_mutex_lock(&seal->lock);
	key = key_find(seal, id);
	*ret_known = key != NULL;
	if (key && key->pool[direction].count) {
		ctx = key->pool[direction].ctx[--key->pool[direction].count];
	} else if (key) {
		ctx = EVP_CIPHER_CTX_new();
		if (ctx && EVP_CipherInit_ex2(ctx, seal->cipher, key->secret.data, NULL, direction,
		                              NULL) != 1) {
			EVP_CIPHER_CTX_free(ctx);
			ctx = NULL;
		}
	}
	pthread_mutex_unlock(&seal->lock);
	return ctx;
}

static void
ctx_give(struct seal *seal, uint16_t id, enum direction direction, EVP_CIPHER_CTX *ctx)
{
	struct key *key;

	pthread_mutex_lock(&seal->lock);
	key = key_find(seal, id);
	if (key && key->pool[direction].count < POOL_MAX) {
		key->pool[direction].ctx[key->pool[direction].count++] = ctx;
		ctx = NULL;
	}
	pthread_mutex_unlock(&seal->lock);
	EVP_CIPHER_CTX_free(ctx);
}

enum err
seal_new(const struct secret *key, uint16_t key_id, const unsigned char id[SEAL_ID_LEN],
         struct seal **ret_seal)
{
	struct seal *seal = calloc(1, sizeof(*seal));
	enum err err;

	if (!seal)
		return ERR_NOMEM;
	pthread_mutex_init(&seal->lock, NULL);
	memcpy(seal->id, id, SEAL_ID_LEN);
	seal->used = key_id;
	err = seal_add(seal, key_id, key);
	if (!err) {
		seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		err = seal->cipher ? ERR_OK : ERR_CRYPTO;
	}
	if (err) {
		seal_free(seal);
		return err;
	}
	*ret_seal = seal;
	return ERR_OK;
}

void
seal_free(struct seal *seal)
{
	if (!seal)
		return;
	for (int i = 0; i < SEAL_KEYS_MAX; i++)
		key_drop(&seal->keys[i]);
	EVP_CIPHER_free(seal->cipher);
	pthread_mutex_destroy(&seal->lock);
	free(seal);
}

enum err
seal_add(struct seal *seal, uint16_t key_id, const struct secret *key)
{
	struct key *at = &seal->keys[0];
	enum err err = ERR_OK;

	if (key->len != KEY_LEN || !key_id)
		return ERR_INVALID;
	pthread_mutex_lock(&seal->lock);
	if (!key_find(seal, key_id)) {
		for (int i = 1; i < SEAL_KEYS_MAX; i++)
			if (seal->keys[i].id < at->id)
				at = &seal->keys[i];
		key_drop(at);
		err = secret_copy(&at->secret, key);
		if (!err)
			at->id = key_id;
	}
	pthread_mutex_unlock(&seal->lock);
	return err;
}

void
seal_use(struct seal *seal, uint16_t key_id)
{
	pthread_mutex_lock(&seal->lock);
	seal->used = key_id;
	pthread_mutex_unlock(&seal->lock);
}

uint16_t
seal_used(struct seal *seal)
{
	uint16_t used;

	pthread_mutex_lock(&seal->lock);
	used = seal->used;
	pthread_mutex_unlock(&seal->lock);
	return used;
}

bool
seal_has(struct seal *seal, uint16_t key_id)
{
	bool has;

	pthread_mutex_lock(&seal->lock);
	has = key_find(seal, key_id) != NULL;
	pthread_mutex_unlock(&seal->lock);
	return has;
}

enum err
seal_random(struct secret *ret_key)
{
	enum err err = secret_alloc(ret_key, KEY_LEN);

	if (!err && RAND_priv_bytes(ret_key->data, KEY_LEN) != 1)
		err = ERR_CRYPTO;
	return err;
}

enum err
seal_derive(const struct secret *master, const unsigned char id[SEAL_ID_LEN],
            struct secret *ret_key)
{
	static const char purpose[] = "certd store data key";
	unsigned char text[sizeof(purpose) + SEAL_ID_LEN];
	unsigned len = 0;
	enum err err = secret_alloc(ret_key, KEY_LEN);

	if (err)
		return err;
	memcpy(mempcpy(text, purpose, sizeof(purpose)), id, SEAL_ID_LEN);
	if (!HMAC(EVP_sha256(), master->data, (int)master->len, text, sizeof(text), ret_key->data,
	          &len) ||
	    len != KEY_LEN)
		err = ERR_CRYPTO;
	return err;
}

/* The additional data; 0 when the place does not fit, which no table's does. */
static size_t
aad_write(const struct seal *seal, const struct seal_place *place, struct span head,
          unsigned char aad[AAD_MAX])
{
	size_t word_len = strlen(place->table) + 1;
	unsigned char *p = aad;

	if (SEAL_ID_LEN + word_len + place->key_len + 1 + head.len > AAD_MAX)
		return 0;
	p = mempcpy(p, seal->id, SEAL_ID_LEN);
	p = mempcpy(p, place->table, word_len);
	p = mempcpy(p, place->key, place->key_len);
	*p++ = 0;
	p = mempcpy(p, head.data, head.len);
	return (size_t)(p - aad);
}

/* Returns its length. */
static size_t
head_write(const struct seal_head *head, unsigned char *p)
{
	uint16_t key_id = htole16(head->key_id);
	uint64_t revision = htole64(head->revision);

	p[0] = head->format;
	if (head->format == 1)
		return 1;
	memcpy(p + 1, &key_id, sizeof(key_id));
	memcpy(p + 3, &revision, sizeof(revision));
	return HEAD_MAX;
}

/* Nonce, additional data and LEN bytes of IN to OUT. */
static bool
run(EVP_CIPHER_CTX *ctx, const unsigned char *nonce, struct span aad, struct span in,
    unsigned char *out)
{
	int n;

	return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1 &&
	       (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

enum err
seal_close(struct seal *seal, const struct seal_place *place, const void *plain, size_t len,
           struct buf *out)
{
	struct seal_head head = {
		.format = place->format,
		.key_id = place->format == 1 ? 1 : seal_used(seal),
		.revision = place->revision,
	};
	unsigned char aad[AAD_MAX], *p, *text;
	size_t aad_len, head_len;
	EVP_CIPHER_CTX *ctx;
	bool known, done;
	int n;

	if (len > INT32_MAX || !buf_reserve(out, len + SEAL_OVERHEAD))
		return len > INT32_MAX ? ERR_TOOBIG : ERR_NOMEM;
	p = out->data + out->len;
	head_len = head_write(&head, p);
	aad_len = aad_write(seal, place, (struct span){p, head_len}, aad);
	if (!aad_len)
		return ERR_TOOBIG;
	ctx = ctx_take(seal, head.key_id, CLOSE, &known);
	if (!ctx)
		return ERR_CRYPTO;
	p += head_len;
	text = p + NONCE_LEN;
	done = RAND_bytes(p, NONCE_LEN) == 1 &&
	       run(ctx, p, (struct span){aad, aad_len}, (struct span){plain, len}, text) &&
	       EVP_CipherFinal_ex(ctx, text + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, text + len) == 1;
	ctx_give(seal, head.key_id, CLOSE, ctx);
	if (!done)
		return ERR_CRYPTO;
	out->len += head_len + NONCE_LEN + len + TAG_LEN;
	return ERR_OK;
}

enum err
seal_peek(const struct span *sealed, struct seal_head *ret_head)
{
	struct seal_head head = {.key_id = 1};

	if (sealed->len < SEAL_OVERHEAD_1)
		return ERR_CORRUPT;
	head.format = sealed->data[0];
	if (head.format != 1) {
		if (head.format == 0 || sealed->len < SEAL_OVERHEAD)
			return ERR_CORRUPT;
		memcpy(&head.key_id, sealed->data + 1, sizeof(head.key_id));
		memcpy(&head.revision, sealed->data + 3, sizeof(head.revision));
		head.key_id = le16toh(head.key_id);
		head.revision = le64toh(head.revision);
	}
	*ret_head = head;
	return ERR_OK;
}

enum err
seal_open(struct seal *seal, const struct seal_place *place, const struct span *sealed,
          struct buf *out, struct seal_head *ret_head)
{
	unsigned char aad[AAD_MAX], tag[TAG_LEN];
	const unsigned char *nonce;
	size_t aad_len, head_len, len;
	struct seal_head head;
	EVP_CIPHER_CTX *ctx;
	bool known, ran, done;
	int n;

	out->secret = true;
	out->failed = false;
	out->len = 0; /* wiped by whoever has read it, whole */
	if (seal_peek(sealed, &head) || sealed->len > INT32_MAX)
		return ERR_CORRUPT;
	head_len = head.format == 1 ? 1 : HEAD_MAX;
	len = sealed->len - head_len - NONCE_LEN - TAG_LEN;
	nonce = sealed->data + head_len;
	aad_len = aad_write(seal, place, (struct span){sealed->data, head_len}, aad);
	if (!aad_len || !buf_reserve(out, len))
		return aad_len ? ERR_NOMEM : ERR_TOOBIG;
	ctx = ctx_take(seal, head.key_id, OPEN, &known);
	if (!ctx)
		return known ? ERR_CRYPTO : ERR_AGAIN;
	memcpy(tag, nonce + NONCE_LEN + len, TAG_LEN);
	ran = run(ctx, nonce, (struct span){aad, aad_len}, (struct span){nonce + NONCE_LEN, len},
	          out->data) &&
	      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1;
	done = ran && EVP_CipherFinal_ex(ctx, out->data + len, &n) == 1;
	ctx_give(seal, head.key_id, OPEN, ctx);
	/* Before the tag was looked at, the library's failure says nothing about the record. The
	 * format is authentic behind it: a newer one is news, not damage. */
	if (!done || head.format > place->format) {
		buf_reset(out);
		return done ? ERR_VERSION : ran ? ERR_CORRUPT : ERR_CRYPTO;
	}
	out->len = len;
	*ret_head = head;
	return ERR_OK;
}
