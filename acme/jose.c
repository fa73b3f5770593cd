/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { INTEGER_MAX = 1024 }; /* bytes: RSA of 8192 bits */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What RFC 7518 3.1 and 6.2.1.1 say of the key types we sign with. */
struct signer {
	const char *alg;
	const char *curve; /* NULL: RSA */
	const char *digest;
	size_t integer_len; /* of a coordinate, of r and of s */
};

static const struct {
	const char *group;
	struct signer signer;
} ec_signers[] = {
	{"prime256v1", {"ES256", "P-256", "SHA256", 32}},
	{"secp384r1", {"ES384", "P-384", "SHA384", 48}},
};

static const struct signer rsa_signer = {"RS256", NULL, "SHA256", 0};

static const struct {
	const char *alg;
	enum key_kind kind;
} algs[] = {{"ES256", KEY_ECDSA_P256}, {"ES384", KEY_ECDSA_P384}, {"RS256", KEY_RSA_2048}};

static const struct signer *
signer_of(EVP_PKEY *key)
{
	char group[32];

	if (EVP_PKEY_is_a(key, "RSA"))
		return &rsa_signer;
	if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
		return NULL;
	for (size_t i = 0; i < sizeof(ec_signers) / sizeof(ec_signers[0]); i++)
		if (strcmp(group, ec_signers[i].group) == 0)
			return &ec_signers[i].signer;
	return NULL;
}

void
jose_base64url(const void *data, size_t len, struct buf *out)
{
	const unsigned char *in = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
		             (n > 2 ? in[i + 2] : 0);
		char quad[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
		                alphabet[v & 63]};

		buf_add(out, quad, n + 1);
	}
}

enum err
jose_base64url_decode(const char *text, size_t len, struct buf *out)
{
	uint32_t bits = 0;
	unsigned have = 0;

	if (len % 4 == 1)
		return ERR_INVALID;
	for (size_t i = 0; i < len; i++) {
		const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;

		if (!at)
			return ERR_INVALID;
		bits = (bits << 6 | (uint32_t)(at - alphabet)) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_u8(out, (uint8_t)(bits >> have));
		}
	}
	if (bits & ((1u << have) - 1))
		return ERR_INVALID;
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

/* `"name":"base64url of the key's integer PARAM"`, padded to LEN bytes; LEN 0: as long as it is. */
static enum err
add_integer(EVP_PKEY *key, const char *param, const char *name, size_t len, struct buf *out)
{
	unsigned char bytes[INTEGER_MAX];
	BIGNUM *bn = NULL;
	int n = -1;

	if (!EVP_PKEY_get_bn_param(key, param, &bn))
		return ERR_CRYPTO;
	if (!len)
		len = (size_t)BN_num_bytes(bn);
	if (len <= sizeof(bytes))
		n = BN_bn2binpad(bn, bytes, (int)len);
	BN_free(bn);
	if (n < 0)
		return ERR_CRYPTO;
	buf_printf(out, "\"%s\":\"", name);
	jose_base64url(bytes, (size_t)n, out);
	buf_add_str(out, "\"");
	return ERR_OK;
}

enum err
jose_jwk(EVP_PKEY *key, struct buf *out)
{
	const struct signer *s = signer_of(key);
	enum err err;

	if (!s)
		return ERR_UNSUPPORTED;
	if (s->curve) {
		buf_printf(out, "{\"crv\":\"%s\",\"kty\":\"EC\",", s->curve);
		err = add_integer(key, OSSL_PKEY_PARAM_EC_PUB_X, "x", s->integer_len, out);
		buf_add_str(out, ",");
		if (!err)
			err = add_integer(key, OSSL_PKEY_PARAM_EC_PUB_Y, "y", s->integer_len, out);
	} else {
		buf_add_str(out, "{");
		err = add_integer(key, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
		buf_add_str(out, ",\"kty\":\"RSA\",");
		if (!err)
			err = add_integer(key, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
	}
	buf_add_str(out, "}");
	if (err)
		return err;
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err
jose_thumbprint(EVP_PKEY *key, char ret_thumbprint[JOSE_THUMBPRINT_LEN + 1])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf jwk = {0}, text = {0};
	enum err err = jose_jwk(key, &jwk);

	if (err)
		goto out;
	SHA256(jwk.data, jwk.len, hash);
	jose_base64url(hash, sizeof(hash), &text);
	err = buf_str(&text) ? ERR_OK : ERR_NOMEM;
	if (!err)
		memcpy(ret_thumbprint, text.data, JOSE_THUMBPRINT_LEN + 1);
out:
	buf_done(&jwk);
	buf_done(&text);
	return err;
}

const char *
jose_alg(EVP_PKEY *key)
{
	const struct signer *s = signer_of(key);

	return s ? s->alg : NULL;
}

enum err
jose_key_kind(const char *alg, enum key_kind *ret_kind)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		if (strcmp(algs[i].alg, alg) == 0) {
			*ret_kind = algs[i].kind;
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

/* OpenSSL's DER SEQUENCE of r and s to r||s of fixed length (RFC 7518 3.4): one signature in 128
 * has an r or s with a leading zero byte, which DER drops and JWS keeps. */
static enum err
add_ec_signature(const unsigned char *der, size_t len, size_t integer_len, struct buf *out)
{
	unsigned char raw[2 * 48];
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool fits = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)integer_len) > 0 &&
	            BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + integer_len, (int)integer_len) > 0;

	ECDSA_SIG_free(sig);
	if (!fits)
		return ERR_CRYPTO;
	jose_base64url(raw, 2 * integer_len, out);
	return ERR_OK;
}

static enum err
add_signature(EVP_PKEY *key, const struct signer *s, const struct buf *input, struct buf *out)
{
	unsigned char sig[INTEGER_MAX];
	size_t len = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool made = ctx &&
	            EVP_DigestSignInit_ex(ctx, NULL, s->digest, NULL, NULL, key, NULL) == 1 &&
	            EVP_DigestSign(ctx, sig, &len, input->data, input->len) == 1;

	EVP_MD_CTX_free(ctx);
	if (!made)
		return ERR_CRYPTO;
	if (s->curve)
		return add_ec_signature(sig, len, s->integer_len, out);
	jose_base64url(sig, len, out);
	return ERR_OK;
}

/* The protected header (RFC 8555 6.2), base64url, appended to OUT. */
static enum err
add_header(EVP_PKEY *key, const char *kid, const char *nonce, const char *url, struct buf *out)
{
	struct buf jwk = {0}, text = {0};
	cJSON *json = cJSON_CreateObject();
	bool made = json && cJSON_AddStringToObject(json, "alg", jose_alg(key)) &&
	            (!nonce || cJSON_AddStringToObject(json, "nonce", nonce)) &&
	            cJSON_AddStringToObject(json, "url", url);
	enum err err = made ? ERR_OK : ERR_NOMEM;

	if (!err && !kid)
		err = jose_jwk(key, &jwk);
	if (!err && !(kid ? cJSON_AddStringToObject(json, "kid", kid)
	                  : cJSON_AddRawToObject(json, "jwk", buf_str(&jwk))))
		err = ERR_NOMEM;
	if (!err)
		err = json_print(json, &text);
	if (!err)
		jose_base64url(text.data, text.len, out);
	cJSON_Delete(json);
	buf_done(&jwk);
	buf_done(&text);
	return err;
}

enum err
jose_sign(EVP_PKEY *key, const char *kid, const char *nonce, const char *url, const char *payload,
          struct buf *out)
{
	const struct signer *s = signer_of(key);
	struct buf input = {0}; /* header "." payload */
	size_t header_len;
	enum err err;

	if (!s)
		return ERR_UNSUPPORTED;
	err = add_header(key, kid, nonce, url, &input);
	if (err)
		goto out;
	header_len = input.len;
	buf_add_str(&input, ".");
	jose_base64url(payload, strlen(payload), &input);
	err = ERR_NOMEM;
	if (!buf_ok(&input))
		goto out;
	buf_add_str(out, "{\"protected\":\"");
	buf_add(out, input.data, header_len);
	buf_add_str(out, "\",\"payload\":\"");
	buf_add(out, input.data + header_len + 1, input.len - header_len - 1);
	buf_add_str(out, "\",\"signature\":\"");
	err = add_signature(key, s, &input, out);
	buf_add_str(out, "\"}");
	if (!err && !buf_ok(out))
		err = ERR_NOMEM;
out:
	buf_done(&input);
	return err;
}
