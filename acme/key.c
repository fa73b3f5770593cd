/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "base/secret.h"

static const char p256_group[] = "prime256v1";

static const struct {
	const char *word;
	const char *group; /* NULL: RSA */
	unsigned bits;
} kinds[KEY_KINDS] = {
	[KEY_ECDSA_P256] = {"ecdsa-p256", p256_group, 256},
	[KEY_ECDSA_P384] = {"ecdsa-p384", "secp384r1", 384},
	[KEY_RSA_2048] = {"rsa-2048", NULL, 2048},
	[KEY_RSA_3072] = {"rsa-3072", NULL, 3072},
	[KEY_RSA_4096] = {"rsa-4096", NULL, 4096},
};

const char *
key_kind_word(enum key_kind kind)
{
	return (unsigned)kind < KEY_KINDS ? kinds[kind].word : "unknown";
}

enum err
key_kind_parse(const char *word, enum key_kind *ret_kind)
{
	for (size_t i = 0; i < KEY_KINDS; i++) {
		if (strcmp(word, kinds[i].word) == 0) {
			*ret_kind = (enum key_kind)i;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

bool
key_kind_is_rsa(enum key_kind kind)
{
	return (unsigned)kind < KEY_KINDS && !kinds[kind].group;
}

enum err
key_new(enum key_kind kind, EVP_PKEY **ret_key)
{
	EVP_PKEY *key;

	if ((unsigned)kind >= KEY_KINDS)
		return ERR_INVALID;
	key = kinds[kind].group ? EVP_EC_gen(kinds[kind].group) : EVP_RSA_gen(kinds[kind].bits);
	if (!key)
		return ERR_CRYPTO;
	*ret_key = key;
	return ERR_OK;
}

static bool
is_p256(EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, p256_group) == 0;
}

static enum err
save_p256(EVP_PKEY *key, struct secret *ret_bytes)
{
	struct secret bytes = {0};
	BIGNUM *d = NULL;
	enum err err = ERR_CRYPTO;

	if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d))
		return ERR_CRYPTO;
	err = secret_alloc(&bytes, KEY_P256_SCALAR_LEN);
	if (!err && BN_bn2binpad(d, bytes.data, KEY_P256_SCALAR_LEN) != KEY_P256_SCALAR_LEN)
		err = ERR_CRYPTO;
	if (!err)
		secret_take(ret_bytes, &bytes);
	secret_done(&bytes);
	BN_clear_free(d);
	return err;
}

enum err
key_save(EVP_PKEY *key, struct secret *ret_bytes)
{
	PKCS8_PRIV_KEY_INFO *info;
	unsigned char *der = NULL;
	enum err err;
	int len;

	if (is_p256(key))
		return save_p256(key, ret_bytes);
	info = EVP_PKEY2PKCS8(key);
	if (!info)
		return ERR_CRYPTO;
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (len <= 0)
		return ERR_CRYPTO;
	err = secret_set(ret_bytes, der, (size_t)len);
	OPENSSL_clear_free(der, (size_t)len);
	return err;
}

/* The public point of SCALAR, uncompressed; refuses a scalar outside [1, order). */
static enum err
point_of(const struct secret *scalar, unsigned char point[KEY_P256_POINT_LEN])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *p = group ? EC_POINT_new(group) : NULL;
	BIGNUM *d = BN_secure_new();
	bool made = false;

	if (p && d && BN_bin2bn(scalar->data, (int)scalar->len, d)) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		made = !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
		       EC_POINT_mul(group, p, d, NULL, NULL, NULL) == 1 &&
		       EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point,
		                          KEY_P256_POINT_LEN, NULL) == KEY_P256_POINT_LEN;
	}
	BN_clear_free(d);
	EC_POINT_free(p);
	EC_GROUP_free(group);
	return made ? ERR_OK : ERR_CRYPTO;
}

static enum err
load_pkcs8(const struct secret *bytes, EVP_PKEY **ret_key)
{
	const unsigned char *at = bytes->data;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)bytes->len);
	EVP_PKEY *key = NULL;

	if (info && at == bytes->data + bytes->len)
		key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (!key)
		return ERR_CRYPTO;
	*ret_key = key;
	return ERR_OK;
}

enum err
key_load(const struct secret *bytes, EVP_PKEY **ret_key)
{
	unsigned char point[KEY_P256_POINT_LEN];
	enum err err;

	if (bytes->len != KEY_P256_SCALAR_LEN)
		return load_pkcs8(bytes, ret_key);
	err = point_of(bytes, point);
	return err ? err : key_load_p256(bytes, point, sizeof(point), ret_key);
}

/* OSSL_PARAM integers are in the machine's byte order; ours are big-endian. */
static bool
to_native(const struct secret *scalar, unsigned char native[KEY_P256_SCALAR_LEN])
{
	BIGNUM *d = BN_bin2bn(scalar->data, (int)scalar->len, NULL);
	bool made = d && BN_bn2nativepad(d, native, KEY_P256_SCALAR_LEN) == KEY_P256_SCALAR_LEN;

	BN_clear_free(d);
	return made;
}

enum err
key_load_p256(const struct secret *scalar, const unsigned char *point, size_t point_len,
              EVP_PKEY **ret_key)
{
	unsigned char native[KEY_P256_SCALAR_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)p256_group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point,
	                                          point_len),
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;
	bool made;

	if (scalar->len != KEY_P256_SCALAR_LEN || point_len != KEY_P256_POINT_LEN)
		return ERR_INVALID;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	made = ctx && to_native(scalar, native) && EVP_PKEY_fromdata_init(ctx) == 1 &&
	       EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_cleanse(native, sizeof(native));
	if (!made)
		return ERR_CRYPTO;
	*ret_key = key;
	return ERR_OK;
}
