/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/kdf.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/front/kdf_hmac.h"

/* The largest secret is one of ffdhe8192, as are the seeds OpenSSL takes. */
enum { SECRET_MAX = 1024, SEED_MAX = 1024, PREFIX_MAX = 16, LABEL_MAX = 249, DATA_MAX = 255 };

static struct {
	const char *name, *other;
	EVP_MD *md;
} digests[] = {
	{"SHA2-256", "SHA256", NULL},
	{"SHA2-384", "SHA384", NULL},
};
enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

/* Bytes of one parameter, copied: the caller's need not stay. */
struct bytes {
	unsigned char *data;
	size_t size, len;
	bool set;
};

struct kdf {
	const EVP_MD *md;
	int mode;
	struct bytes key, salt, prefix, label, data, seed;
	struct kdf_hmac hmac;
	unsigned char
		room[SECRET_MAX + KDF_DIGEST_MAX + PREFIX_MAX + LABEL_MAX + DATA_MAX + SEED_MAX];
};

/* ---- parameters ----------------------------------------------------------------------------- */

static unsigned char *
give_room(struct bytes *b, unsigned char *room, size_t size)
{
	*b = (struct bytes){.data = room, .size = size};
	return room + size;
}

static void *
kdf_new(void *provider)
{
	struct kdf *k = malloc(sizeof(*k));
	unsigned char *room;

	(void)provider;
	if (!k)
		return NULL;
	memset(k, 0, offsetof(struct kdf, room));
	room = give_room(&k->key, k->room, SECRET_MAX);
	room = give_room(&k->salt, room, KDF_DIGEST_MAX);
	room = give_room(&k->prefix, room, PREFIX_MAX);
	room = give_room(&k->label, room, LABEL_MAX);
	room = give_room(&k->data, room, DATA_MAX);
	give_room(&k->seed, room, SEED_MAX);
	return k;
}

static void
forget(struct bytes *b)
{
	OPENSSL_cleanse(b->data, b->len);
	b->len = 0;
	b->set = false;
}

static void
kdf_reset(void *ctx)
{
	struct kdf *k = ctx;

	forget(&k->key);
	forget(&k->salt);
	forget(&k->prefix);
	forget(&k->label);
	forget(&k->data);
	forget(&k->seed);
	kdf_hmac_done(&k->hmac);
	k->md = NULL;
	k->mode = 0;
}

static void
kdf_free(void *ctx)
{
	if (!ctx)
		return;
	kdf_reset(ctx);
	free(ctx);
}

/* Behind what is there already. */
static int
append(struct bytes *b, const OSSL_PARAM *p)
{
	if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > b->size - b->len)
		return 0;
	if (p->data_size > 0)
		memcpy(b->data + b->len, p->data, p->data_size);
	b->len += p->data_size;
	b->set = true;
	return 1;
}

static int
take(struct bytes *b, const OSSL_PARAM *p)
{
	forget(b);
	return append(b, p);
}

static int
set_digest(struct kdf *k, const OSSL_PARAM *p)
{
	k->md = NULL;
	if (p->data_type != OSSL_PARAM_UTF8_STRING || !p->data)
		return 0;
	for (size_t i = 0; i < DIGESTS && !k->md; i++)
		if (strcmp(p->data, digests[i].name) == 0 || strcmp(p->data, digests[i].other) == 0)
			k->md = digests[i].md;
	return k->md != NULL;
}

static int
set_mode(struct kdf *k, const OSSL_PARAM *p)
{
	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		k->mode = !strcmp(p->data, "EXTRACT_ONLY")  ? EVP_KDF_HKDF_MODE_EXTRACT_ONLY
		          : !strcmp(p->data, "EXPAND_ONLY") ? EVP_KDF_HKDF_MODE_EXPAND_ONLY
		                                            : 0;
		return k->mode != 0;
	}
	return OSSL_PARAM_get_int(p, &k->mode);
}

static int
hkdf_set(void *ctx, const OSSL_PARAM params[])
{
	struct kdf *k = ctx;
	int ok = 1;

	for (const OSSL_PARAM *p = params; p && p->key && ok; p++) {
		if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0)
			ok = set_mode(k, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
			ok = set_digest(k, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_KEY) == 0)
			ok = take(&k->key, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_PREFIX) == 0)
			ok = take(&k->prefix, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_LABEL) == 0)
			ok = take(&k->label, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DATA) == 0)
			ok = take(&k->data, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_SALT) == 0)
			ok = take(&k->salt, p);
	}
	return ok;
}

/* Several seeds are one behind the other. */
static int
prf_set(void *ctx, const OSSL_PARAM params[])
{
	struct kdf *k = ctx;
	int ok = 1;

	for (const OSSL_PARAM *p = params; p && p->key && ok; p++) {
		if (strcmp(p->key, OSSL_KDF_PARAM_SEED) == 0)
			ok = append(&k->seed, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
			ok = set_digest(k, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_SECRET) == 0)
			ok = take(&k->key, p);
	}
	return ok;
}

static const OSSL_PARAM *
hkdf_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM known[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, NULL),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_DATA, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provider;
	return known;
}

static const OSSL_PARAM *
prf_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM known[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SECRET, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SEED, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provider;
	return known;
}

/* ---- deriving ------------------------------------------------------------------------------- */

static struct span
span_of(const struct bytes *b)
{
	return (struct span){.data = b->data, .len = b->len};
}

/* HKDF-Expand-Label with the key that is set (RFC 8446, 7.1). */
static bool
expand_label(struct kdf *k, struct span data, unsigned char *out, size_t len)
{
	unsigned char info[2 + 1 + PREFIX_MAX + LABEL_MAX + 1 + DATA_MAX], *p = info;

	if (k->prefix.len + k->label.len > UINT8_MAX || len > UINT16_MAX)
		return false;
	*p++ = (unsigned char)(len >> 8);
	*p++ = (unsigned char)len;
	*p++ = (unsigned char)(k->prefix.len + k->label.len);
	p = mempcpy(p, k->prefix.data, k->prefix.len);
	p = mempcpy(p, k->label.data, k->label.len);
	*p++ = (unsigned char)data.len;
	if (data.len > 0)
		p = mempcpy(p, data.data, data.len);
	return kdf_expand(&k->hmac, (struct span){.data = info, .len = (size_t)(p - info)}, out,
	                  len);
}

/* The next secret of the key schedule: the salt is derived from the last one, if there is one, and
 * zeros stand for a key that is not there. */
static bool
extract(struct kdf *k, unsigned char *out, size_t len)
{
	static const unsigned char zeros[KDF_DIGEST_MAX];
	unsigned char salt[KDF_DIGEST_MAX], nothing[KDF_DIGEST_MAX];
	size_t size = (size_t)EVP_MD_get_size(k->md);
	struct span from = {.data = zeros, .len = size}, in = k->key.set ? span_of(&k->key) : from;
	bool ok = len == size;

	if (ok && k->salt.set) {
		ok = EVP_Digest(NULL, 0, nothing, NULL, k->md, NULL) &&
		     kdf_hmac_set(&k->hmac, k->md, span_of(&k->salt)) &&
		     expand_label(k, (struct span){.data = nothing, .len = size}, salt, size);
		from.data = salt;
	}
	ok = ok && kdf_extract(&k->hmac, k->md, from, in, out);
	OPENSSL_cleanse(salt, sizeof(salt));
	return ok;
}

static int
hkdf_derive(void *ctx, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
	struct kdf *k = ctx;

	if (!hkdf_set(k, params) || !k->md)
		return 0;
	switch (k->mode) {
	case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
		return extract(k, out, len);
	case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
		return k->key.set && kdf_hmac_set(&k->hmac, k->md, span_of(&k->key)) &&
		       expand_label(k, span_of(&k->data), out, len);
	default:
		return 0;
	}
}

static int
prf_derive(void *ctx, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
	struct kdf *k = ctx;

	return prf_set(k, params) && k->md && k->key.set && k->seed.len > 0 && len > 0 &&
	       kdf_hmac_set(&k->hmac, k->md, span_of(&k->key)) &&
	       kdf_p_hash(&k->hmac, span_of(&k->seed), out, len);
}

/* ---- the provider --------------------------------------------------------------------------- */

#define ENTRY(id, function)                                                                        \
	{                                                                                          \
		OSSL_FUNC_KDF_##id, (void (*)(void))function                                       \
	}
#define SHARED ENTRY(NEWCTX, kdf_new), ENTRY(FREECTX, kdf_free), ENTRY(RESET, kdf_reset)

static const OSSL_DISPATCH hkdf[] = {
	SHARED,
	ENTRY(DERIVE, hkdf_derive),
	ENTRY(SET_CTX_PARAMS, hkdf_set),
	ENTRY(SETTABLE_CTX_PARAMS, hkdf_settable),
	{0, NULL},
};
static const OSSL_DISPATCH prf[] = {
	SHARED,
	ENTRY(DERIVE, prf_derive),
	ENTRY(SET_CTX_PARAMS, prf_set),
	ENTRY(SETTABLE_CTX_PARAMS, prf_settable),
	{0, NULL},
};
static const OSSL_ALGORITHM algorithms[] = {
	{OSSL_KDF_NAME_TLS1_3_KDF, "provider=certd,certd.kdf=yes", hkdf, NULL},
	{OSSL_KDF_NAME_TLS1_PRF, "provider=certd,certd.kdf=yes", prf, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *ret_no_cache)
{
	(void)provider;
	*ret_no_cache = 0;
	return operation == OSSL_OP_KDF ? algorithms : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
              void **ret_provider)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
		{0, NULL},
	};

	(void)in;
	*out = functions;
	*ret_provider = (void *)(uintptr_t)core;
	return 1;
}

static bool is_loaded;

static void
load(void)
{
	bool ok = true;

	for (size_t i = 0; i < DIGESTS && ok; i++)
		ok = (digests[i].md = EVP_MD_fetch(NULL, digests[i].name, NULL)) != NULL;
	is_loaded = ok && OSSL_PROVIDER_add_builtin(NULL, "certd", provider_init) &&
	            OSSL_PROVIDER_try_load(NULL, "certd", 1);
	if (!is_loaded)
		log_notice("handshakes take some more time: this OpenSSL does not take key "
		           "derivations of ours");
	ERR_clear_error();
}

const char *
kdf_properties(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return is_loaded ? KDF_PROPERTIES : NULL;
}
