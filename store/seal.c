/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/secret.h"

enum {
	KEY_LEN = 32,
	NONCE_LEN = 12,
	TAG_LEN = 16,
	HEAD_LEN = 1 + NONCE_LEN,
	AAD_MAX = 640, /* id 16, table word, key of at most 511, three more bytes */
	POOL_MAX = 32,
};

enum direction { OPEN, CLOSE };

/* Contexts with the key schedule in place: setting one up costs more than a small record. */
struct pool {
	EVP_CIPHER_CTX *ctx[POOL_MAX];
	unsigned count;
};

struct seal {
	unsigned char id[SEAL_ID_LEN];
	EVP_CIPHER *cipher;
	struct secret key;
	pthread_mutex_t lock; /* guards pool */
	struct pool pool[2];  /* by direction */
};

static EVP_CIPHER_CTX *
ctx_new(struct seal *seal, enum direction direction)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx &&
	    EVP_CipherInit_ex2(ctx, seal->cipher, seal->key.data, NULL, direction, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static EVP_CIPHER_CTX *
ctx_take(struct seal *seal, enum direction direction)
{
	struct pool *pool = &seal->pool[direction];
	EVP_CIPHER_CTX *ctx = NULL;

	pthread_mutex_lock(&seal->lock);
	if (pool->count)
		ctx = pool->ctx[--pool->count];
	pthread_mutex_unlock(&seal->lock);
	return ctx ? ctx : ctx_new(seal, direction);
}

static void
ctx_give(struct seal *seal, enum direction direction, EVP_CIPHER_CTX *ctx)
{
	struct pool *pool = &seal->pool[direction];

	pthread_mutex_lock(&seal->lock);
	if (ctx && pool->count < POOL_MAX) {
		pool->ctx[pool->count++] = ctx;
		ctx = NULL;
	}
	pthread_mutex_unlock(&seal->lock);
	EVP_CIPHER_CTX_free(ctx);
}

enum err
seal_new(const struct secret *master, const unsigned char id[SEAL_ID_LEN], struct seal **ret_seal)
{
	struct seal *seal;
	enum err err;

	if (master->len != KEY_LEN)
		return ERR_INVALID;
	seal = calloc(1, sizeof(*seal));
	if (!seal)
		return ERR_NOMEM;
	pthread_mutex_init(&seal->lock, NULL);
	memcpy(seal->id, id, SEAL_ID_LEN);
	err = secret_copy(&seal->key, master);
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
	for (unsigned d = 0; d < 2; d++)
		while (seal->pool[d].count)
			EVP_CIPHER_CTX_free(seal->pool[d].ctx[--seal->pool[d].count]);
	EVP_CIPHER_free(seal->cipher);
	secret_done(&seal->key);
	pthread_mutex_destroy(&seal->lock);
	free(seal);
}

/* 0 when the place does not fit, which no table's does. */
static size_t
aad_write(const struct seal *seal, const struct seal_place *place, unsigned char format,
          unsigned char aad[AAD_MAX])
{
	size_t word_len = strlen(place->table) + 1;
	unsigned char *p = aad;

	if (SEAL_ID_LEN + word_len + place->key_len + 2 > AAD_MAX)
		return 0;
	p = mempcpy(p, seal->id, SEAL_ID_LEN);
	p = mempcpy(p, place->table, word_len);
	p = mempcpy(p, place->key, place->key_len);
	*p++ = 0;
	*p++ = format;
	return (size_t)(p - aad);
}

/* Nonce, additional data and LEN bytes of IN to OUT. */
static bool
run(EVP_CIPHER_CTX *ctx, const unsigned char *nonce, const unsigned char *aad, size_t aad_len,
    struct span in, unsigned char *out)
{
	int n;

	return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
	       (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

enum err
seal_close(struct seal *seal, const struct seal_place *place, const void *plain, size_t len,
           struct buf *out)
{
	unsigned char aad[AAD_MAX];
	size_t aad_len = aad_write(seal, place, place->format, aad);
	EVP_CIPHER_CTX *ctx;
	unsigned char *p;
	int n;
	bool done;

	if (!aad_len || len > INT32_MAX)
		return ERR_TOOBIG;
	if (!buf_reserve(out, len + SEAL_OVERHEAD))
		return ERR_NOMEM;
	ctx = ctx_take(seal, CLOSE);
	if (!ctx)
		return ERR_CRYPTO;
	p = out->data + out->len;
	p[0] = place->format;
	done = RAND_bytes(p + 1, NONCE_LEN) == 1 &&
	       run(ctx, p + 1, aad, aad_len, (struct span){plain, len}, p + HEAD_LEN) &&
	       EVP_CipherFinal_ex(ctx, p + HEAD_LEN + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, p + HEAD_LEN + len) == 1;
	ctx_give(seal, CLOSE, ctx);
	if (!done)
		return ERR_CRYPTO;
	out->len += len + SEAL_OVERHEAD;
	return ERR_OK;
}

enum err
seal_open(struct seal *seal, const struct seal_place *place, const struct span *sealed,
          struct buf *out, unsigned char *ret_format)
{
	unsigned char aad[AAD_MAX], tag[TAG_LEN];
	size_t aad_len, len;
	EVP_CIPHER_CTX *ctx;
	bool done;
	int n;

	if (sealed->len < SEAL_OVERHEAD || sealed->len > INT32_MAX)
		return ERR_CORRUPT;
	len = sealed->len - SEAL_OVERHEAD;
	aad_len = aad_write(seal, place, sealed->data[0], aad);
	out->secret = true;
	buf_reset(out);
	if (!aad_len)
		return ERR_TOOBIG;
	if (!buf_reserve(out, len))
		return ERR_NOMEM;
	ctx = ctx_take(seal, OPEN);
	if (!ctx)
		return ERR_CRYPTO;
	memcpy(tag, sealed->data + HEAD_LEN + len, TAG_LEN);
	done = run(ctx, sealed->data + 1, aad, aad_len, (struct span){sealed->data + HEAD_LEN, len},
	           out->data) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	       EVP_CipherFinal_ex(ctx, out->data + len, &n) == 1;
	ctx_give(seal, OPEN, ctx);
	/* The format is authentic from here on: a newer one is news, not damage. */
	if (!done || sealed->data[0] == 0 || sealed->data[0] > place->format) {
		buf_reset(out);
		return done && sealed->data[0] ? ERR_VERSION : ERR_CORRUPT;
	}
	out->len = len;
	*ret_format = sealed->data[0];
	return ERR_OK;
}
