/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "acme/key.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"

/* RFC 7515 A.3 */
#define A3_D          "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define A3_X          "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define A3_Y          "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define A3_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define A3_INPUT                                                                                   \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"    \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIGNATURE                                                                               \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

/* RFC 7638 3.1 */
#define RSA_N                                                                                      \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"  \
	"BJ"                                                                                       \
	"ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"   \
	"FDW2"                                                                                     \
	"QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"            \
	"bFTWhAI4vMQFh"                                                                            \
	"6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

static void
decode(const char *text, struct buf *out)
{
	buf_reset(out);
	assert_int_equal(jose_base64url_decode(text, strlen(text), out), ERR_OK);
}

static EVP_PKEY *
a3_key(void)
{
	struct secret d = {0};
	struct buf bytes = {0};
	EVP_PKEY *key = NULL;

	decode(A3_D, &bytes);
	assert_int_equal(secret_set(&d, bytes.data, bytes.len), ERR_OK);
	assert_int_equal(key_load(&d, &key), ERR_OK);
	secret_done(&d);
	buf_done(&bytes);
	return key;
}

static EVP_PKEY *
rsa_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	struct buf bytes = {0};
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;
	BIGNUM *n, *e = BN_new();

	decode(RSA_N, &bytes);
	n = BN_bin2bn(bytes.data, (int)bytes.len, NULL);
	BN_set_word(e, 65537);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	buf_done(&bytes);
	return key;
}

static void
base64url_of_every_length(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
		{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},           {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"\xfb\xff\xbe", "-_--"}};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&out);
		jose_base64url(rows[i].bytes, strlen(rows[i].bytes), &out);
		assert_string_equal(buf_str(&out), rows[i].text);
		decode(rows[i].text, &out);
		assert_string_equal(buf_str(&out), rows[i].bytes);
	}
	buf_done(&out);
}

static void
base64url_is_strict(void **state)
{
	static const char *const bad[] = {
		"A",    "AAAAA", "Zg==", "Zm8=",   "Zh",    "Zm9",
		"Zm+v", "Zm/v",  "Zm 9", "Zm9v\n", "Zm9v.", "\xc3\xa4\xc3\xa4"};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!jose_base64url_decode(bad[i], strlen(bad[i]), &out))
			fail_msg("\"%s\" decodes", bad[i]);
	assert_int_equal(jose_base64url_decode("Zm\0v", 4, &out), ERR_INVALID);
	buf_done(&out);
}

static void
thumbprints_of_the_rfcs(void **state)
{
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	struct buf jwk = {0};
	EVP_PKEY *key = a3_key();

	(void)state;
	assert_int_equal(jose_jwk(key, &jwk), ERR_OK);
	assert_string_equal(buf_str(&jwk), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" A3_X
	                                   "\",\"y\":\"" A3_Y "\"}");
	assert_int_equal(jose_thumbprint(key, thumbprint), ERR_OK);
	assert_string_equal(thumbprint, A3_THUMBPRINT);
	assert_string_equal(jose_alg(key), "ES256");
	EVP_PKEY_free(key);
	key = rsa_key();
	buf_reset(&jwk);
	assert_int_equal(jose_jwk(key, &jwk), ERR_OK);
	assert_string_equal(buf_str(&jwk), "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}");
	assert_int_equal(jose_thumbprint(key, thumbprint), ERR_OK);
	assert_string_equal(thumbprint, RSA_THUMBPRINT);
	assert_string_equal(jose_alg(key), "RS256");
	EVP_PKEY_free(key);
	buf_done(&jwk);
}

static bool
verifies_der(EVP_PKEY *key, const char *digest, const char *input, const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL), 1);
	good = EVP_DigestVerify(ctx, signature->data, signature->len, (const unsigned char *)input,
	                        strlen(input)) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* Whether SIGNATURE (base64url; of an EC key r||s) verifies for INPUT. */
static bool
verifies(EVP_PKEY *key, const char *digest, const char *input, const char *signature)
{
	struct buf raw = {0};
	unsigned char *der = NULL;
	ECDSA_SIG *sig;
	int len, half;
	bool good;

	decode(signature, &raw);
	if (EVP_PKEY_is_a(key, "EC")) {
		half = (int)raw.len / 2;
		assert_int_equal(half * 8, (EVP_PKEY_get_bits(key) + 7) / 8 * 8);
		sig = ECDSA_SIG_new();
		ECDSA_SIG_set0(sig, BN_bin2bn(raw.data, half, NULL),
		               BN_bin2bn(raw.data + half, half, NULL));
		len = i2d_ECDSA_SIG(sig, &der);
		ECDSA_SIG_free(sig);
		buf_reset(&raw);
		buf_add(&raw, der, (size_t)len);
		OPENSSL_free(der);
	}
	good = verifies_der(key, digest, input, &raw);
	buf_done(&raw);
	return good;
}

static void
signature_of_rfc_7515_verifies(void **state)
{
	EVP_PKEY *key = a3_key();

	(void)state;
	assert_true(verifies(key, "SHA256", A3_INPUT, A3_SIGNATURE));
	assert_false(verifies(key, "SHA256", A3_INPUT "x", A3_SIGNATURE));
	EVP_PKEY_free(key);
}

/* Splits the JWS, checks its form and its signature; true when r or s has a leading zero byte. */
static bool
check_jws(EVP_PKEY *key, const char *digest, struct buf *jws, const char *header)
{
	struct buf input = {0}, out = {0};
	cJSON *json = NULL;
	bool padded;

	assert_int_equal(json_parse(jws->data, jws->len, &json), ERR_OK);
	assert_int_equal(cJSON_GetArraySize(json), 3);
	buf_printf(&input, "%s.%s", json_text(json, "protected"), json_text(json, "payload"));
	assert_true(verifies(key, digest, buf_str(&input), json_text(json, "signature")));
	decode(json_text(json, "protected"), &out);
	assert_string_equal(buf_str(&out), header);
	decode(json_text(json, "signature"), &out);
	padded = out.data[0] == 0 || out.data[out.len / 2] == 0;
	cJSON_Delete(json);
	buf_done(&input);
	buf_done(&out);
	return padded;
}

/* One signature in 128 has a short r or s: among 3,000 some are sure to be there. */
static void
signatures_are_padded(void **state)
{
	EVP_PKEY *key = a3_key();
	struct buf jws = {0};
	unsigned padded = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		buf_reset(&jws);
		assert_int_equal(
			jose_sign(key, "https://ca/acct/1", "n", "https://ca/x", "{}", &jws),
			ERR_OK);
		padded += check_jws(key, "SHA256", &jws,
		                    "{\"alg\":\"ES256\",\"nonce\":\"n\",\"url\":\"https://ca/x\","
		                    "\"kid\":\"https://ca/acct/1\"}");
	}
	assert_true(padded > 0);
	buf_done(&jws);
	EVP_PKEY_free(key);
}

static void
header_has_jwk_or_kid_and_is_escaped(void **state)
{
	EVP_PKEY *key = a3_key(), *p384;
	struct buf jws = {0};
	cJSON *json = NULL;

	(void)state;
	assert_int_equal(jose_sign(key, NULL, "n", "https://ca/\"x", "", &jws), ERR_OK);
	check_jws(
		key, "SHA256", &jws,
		"{\"alg\":\"ES256\",\"nonce\":\"n\",\"url\":\"https://ca/\\\"x\",\"jwk\":{\"crv\":"
		"\"P-256\",\"kty\":\"EC\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y "\"}}");
	assert_int_equal(json_parse(jws.data, jws.len, &json), ERR_OK);
	assert_string_equal(json_text(json, "payload"), ""); /* POST-as-GET */
	cJSON_Delete(json);
	buf_reset(&jws);
	assert_int_equal(key_new(KEY_ECDSA_P384, &p384), ERR_OK);
	assert_int_equal(jose_sign(p384, "k", "n", "u", "p", &jws), ERR_OK);
	check_jws(p384, "SHA384", &jws,
	          "{\"alg\":\"ES384\",\"nonce\":\"n\",\"url\":\"u\",\"kid\":\"k\"}");
	EVP_PKEY_free(p384);
	EVP_PKEY_free(key);
	buf_done(&jws);
}

static void
rs256_has_no_nonce_when_none_is_given(void **state)
{
	EVP_PKEY *key;
	struct buf jws = {0}, jwk = {0}, want = {0};

	(void)state;
	assert_int_equal(key_new(KEY_RSA_2048, &key), ERR_OK);
	assert_int_equal(jose_jwk(key, &jwk), ERR_OK);
	assert_int_equal(jose_sign(key, NULL, NULL, "u", "{}", &jws), ERR_OK);
	buf_printf(&want, "{\"alg\":\"RS256\",\"url\":\"u\",\"jwk\":%s}", buf_str(&jwk));
	check_jws(key, "SHA256", &jws, buf_str(&want));
	EVP_PKEY_free(key);
	buf_done(&jws);
	buf_done(&jwk);
	buf_done(&want);
}

static void
algorithms_have_their_keys(void **state)
{
	static const struct {
		const char *alg;
		enum err err;
		enum key_kind kind;
	} rows[] = {
		{"ES256", ERR_OK, KEY_ECDSA_P256},     {"ES384", ERR_OK, KEY_ECDSA_P384},
		{"RS256", ERR_OK, KEY_RSA_2048},       {"ES512", ERR_UNSUPPORTED, KEY_KINDS},
		{"none", ERR_UNSUPPORTED, KEY_KINDS},  {"es256", ERR_UNSUPPORTED, KEY_KINDS},
		{"HS256", ERR_UNSUPPORTED, KEY_KINDS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum key_kind kind = KEY_KINDS;
		EVP_PKEY *key;

		assert_int_equal(jose_key_kind(rows[i].alg, &kind), rows[i].err);
		assert_int_equal(kind, rows[i].kind);
		if (rows[i].err)
			continue;
		assert_int_equal(key_new(kind, &key), ERR_OK);
		assert_string_equal(jose_alg(key), rows[i].alg);
		EVP_PKEY_free(key);
	}
}

static void
other_keys_are_refused(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *curve = EVP_EC_gen("secp256k1");
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	struct buf out = {0};

	(void)state;
	assert_null(jose_alg(key));
	assert_null(jose_alg(curve));
	assert_int_equal(jose_jwk(key, &out), ERR_UNSUPPORTED);
	assert_int_equal(jose_thumbprint(curve, thumbprint), ERR_UNSUPPORTED);
	assert_int_equal(jose_sign(key, NULL, "n", "u", "", &out), ERR_UNSUPPORTED);
	EVP_PKEY_free(key);
	EVP_PKEY_free(curve);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_of_every_length),
		cmocka_unit_test(base64url_is_strict),
		cmocka_unit_test(thumbprints_of_the_rfcs),
		cmocka_unit_test(signature_of_rfc_7515_verifies),
		cmocka_unit_test(signatures_are_padded),
		cmocka_unit_test(header_has_jwk_or_kid_and_is_escaped),
		cmocka_unit_test(rs256_has_no_nonce_when_none_is_given),
		cmocka_unit_test(algorithms_have_their_keys),
		cmocka_unit_test(other_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
