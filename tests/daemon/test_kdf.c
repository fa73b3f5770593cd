/* SPDX-License-Identifier: Apache-2.0 */
/* What ours derive is what OpenSSL's derive, whatever they are asked for (daemon/front/kdf.h), and
 * what a trace of RFC 8448 has. */
#include "daemon/front/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

enum {
	OUT_MAX = 4096,
	PARAMS_MAX = 12,
	EXTRACT = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
	EXPAND = EVP_KDF_HKDF_MODE_EXPAND_ONLY
};

static const char *ours;

/* What is asked; NULL data: not given. */
struct ask {
	const char *kdf, *digest, *label;
	const void *key, *salt, *data, *seed;
	size_t key_len, salt_len, data_len, seed_len, len;
	int mode;
};

static void
add(OSSL_PARAM **p, const char *name, const void *data, size_t len)
{
	if (data)
		*(*p)++ = OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, len);
}

static void
make_params(struct ask *ask, OSSL_PARAM *p)
{
	bool prf = strcmp(ask->kdf, "TLS1-PRF") == 0;

	if (ask->mode)
		*p++ = OSSL_PARAM_construct_int("mode", &ask->mode);
	if (ask->digest)
		*p++ = OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)ask->digest,
		                                        0);
	add(&p, prf ? "secret" : "key", ask->key, ask->key_len);
	add(&p, "salt", ask->salt, ask->salt_len);
	if (prf) {
		add(&p, "seed", ask->label, strlen(ask->label));
		add(&p, "seed", ask->seed, ask->seed_len);
	} else {
		add(&p, "prefix", "tls13 ", 6);
		add(&p, "label", ask->label, strlen(ask->label));
		add(&p, "data", ask->data, ask->data_len);
	}
	*p = OSSL_PARAM_construct_end();
}

/* By PROPERTIES' implementation; FIRST: the parameters come in a call of their own. */
static bool
derive(struct ask *ask, const char *properties, bool first, unsigned char *out)
{
	OSSL_PARAM params[PARAMS_MAX];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, ask->kdf, properties);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	bool ok;

	assert_non_null(ctx);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)),
	                    properties == ours ? "certd" : "default");
	make_params(ask, params);
	ok = (!first || EVP_KDF_CTX_set_params(ctx, params) > 0) &&
	     EVP_KDF_derive(ctx, out, ask->len, first ? NULL : params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static void
compare(struct ask *ask)
{
	unsigned char got[OUT_MAX] = {0}, want[OUT_MAX] = {0};
	bool right = derive(ask, "provider=default", false, want);

	assert_int_equal(derive(ask, ours, false, got), right);
	if (right)
		assert_memory_equal(got, want, ask->len);
	assert_int_equal(derive(ask, ours, true, got), right);
	if (right)
		assert_memory_equal(got, want, ask->len);
}

static size_t
up_to(size_t most)
{
	uint32_t n;

	assert_int_equal(RAND_bytes((unsigned char *)&n, sizeof(n)), 1);
	return n % (most + 1);
}

static const char *
any_digest(void)
{
	static const char *const names[] = {"SHA256", "SHA2-256", "SHA384", "SHA2-384"};

	return names[up_to(3)];
}

static void
expands_as_openssl_does(void **state)
{
	unsigned char key[200], data[64];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct ask ask = {.kdf = "TLS13-KDF",
		                  .digest = any_digest(),
		                  .mode = EXPAND,
		                  .label = "c hs traffic" + up_to(11),
		                  .key = key,
		                  .key_len = 1 + up_to(sizeof(key) - 1),
		                  .data = up_to(1) ? data : NULL,
		                  .data_len = up_to(sizeof(data)),
		                  .len = 1 + up_to(up_to(9) ? 64 : 255 * 32 / 8)};

		RAND_bytes(key, sizeof(key));
		RAND_bytes(data, sizeof(data));
		compare(&ask);
	}
}

static void
extracts_as_openssl_does(void **state)
{
	unsigned char key[1024], salt[48];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct ask ask = {.kdf = "TLS13-KDF",
		                  .digest = up_to(1) ? "SHA256" : "SHA384",
		                  .mode = EXTRACT,
		                  .label = "derived",
		                  .key = up_to(3) ? key : NULL,
		                  .key_len = 1 + up_to(sizeof(key) - 1),
		                  .salt = up_to(3) ? salt : NULL};

		ask.len = ask.salt_len = strcmp(ask.digest, "SHA256") ? 48 : 32;
		RAND_bytes(key, sizeof(key));
		RAND_bytes(salt, sizeof(salt));
		compare(&ask);
	}
}

static void
prf_is_openssls(void **state)
{
	unsigned char key[1024], seed[1024];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct ask ask = {.kdf = "TLS1-PRF",
		                  .digest = any_digest(),
		                  .label = "extended master secret",
		                  .key = key,
		                  .key_len = 1 + up_to(up_to(3) ? 79 : sizeof(key) - 1),
		                  .seed = seed,
		                  .seed_len = up_to(up_to(3) ? 128 : 1000),
		                  .len = 1 + up_to(up_to(3) ? 160 : 1000)};

		RAND_bytes(key, sizeof(key));
		RAND_bytes(seed, sizeof(seed));
		compare(&ask);
	}
}

/* RFC 8448, 3: the early secret, and the next one's salt and extract with the shared secret. */
static void
key_schedule_of_rfc8448(void **state)
{
	static const unsigned char early[] = {0x33, 0xad, 0x0a, 0x1c, 0x60, 0x7e, 0xc0, 0x3b,
	                                      0x09, 0xe6, 0xcd, 0x98, 0x93, 0x68, 0x0c, 0xe2,
	                                      0x10, 0xad, 0xf3, 0x00, 0xaa, 0x1f, 0x26, 0x60,
	                                      0xe1, 0xb2, 0x2e, 0x10, 0xf1, 0x70, 0xf9, 0x2a};
	static const unsigned char shared[] = {0x8b, 0xd4, 0x05, 0x4f, 0xb5, 0x5b, 0x9d, 0x63,
	                                       0xfd, 0xfb, 0xac, 0xf9, 0xf0, 0x4b, 0x9f, 0x0d,
	                                       0x35, 0xe6, 0xd6, 0x3f, 0x53, 0x75, 0x63, 0xef,
	                                       0xd4, 0x62, 0x72, 0x90, 0x0f, 0x89, 0x49, 0x2d};
	static const unsigned char handshake[] = {0x1d, 0xc8, 0x26, 0xe9, 0x36, 0x06, 0xaa, 0x6f,
	                                          0xdc, 0x0a, 0xad, 0xc1, 0x2f, 0x74, 0x1b, 0x01,
	                                          0x04, 0x6a, 0xa6, 0xb9, 0x9f, 0x69, 0x1e, 0xd2,
	                                          0x21, 0xa9, 0xf0, 0xca, 0x04, 0x3f, 0xbe, 0xac};
	struct ask first = {.kdf = "TLS13-KDF",
	                    .digest = "SHA256",
	                    .mode = EXTRACT,
	                    .label = "derived",
	                    .len = 32};
	struct ask second = first;
	unsigned char got[32];

	(void)state;
	assert_true(derive(&first, ours, false, got));
	assert_memory_equal(got, early, sizeof(early));
	second.salt = early;
	second.salt_len = sizeof(early);
	second.key = shared;
	second.key_len = sizeof(shared);
	assert_true(derive(&second, ours, false, got));
	assert_memory_equal(got, handshake, sizeof(handshake));
}

static void
nonsense_is_refused(void **state)
{
	static unsigned char many[2000];
	struct ask rows[] = {
		{.kdf = "TLS13-KDF",
	         .mode = EXPAND,
	         .label = "iv",
	         .key = many,
	         .key_len = 32,
	         .len = 12},
		{.kdf = "TLS13-KDF",
	         .digest = "SHA256",
	         .label = "iv",
	         .key = many,
	         .key_len = 32,
	         .len = 12},
		{.kdf = "TLS13-KDF", .digest = "SHA256", .mode = EXPAND, .label = "iv", .len = 12},
		{.kdf = "TLS13-KDF",
	         .digest = "MD5",
	         .mode = EXPAND,
	         .label = "iv",
	         .key = many,
	         .key_len = 32,
	         .len = 12},
		{.kdf = "TLS13-KDF",
	         .digest = "SHA256",
	         .mode = EXTRACT,
	         .label = "derived",
	         .len = 31},
		{.kdf = "TLS13-KDF",
	         .digest = "SHA256",
	         .mode = EXPAND,
	         .label = "iv",
	         .key = many,
	         .key_len = sizeof(many),
	         .len = 12},
		{.kdf = "TLS13-KDF",
	         .digest = "SHA256",
	         .mode = EXPAND,
	         .label = "iv",
	         .key = many,
	         .key_len = 32,
	         .data = many,
	         .data_len = 256,
	         .len = 12},
		{.kdf = "TLS1-PRF", .label = "x", .key = many, .key_len = 32, .len = 12},
		{.kdf = "TLS1-PRF", .digest = "SHA256", .label = "x", .len = 12},
		{.kdf = "TLS1-PRF",
	         .digest = "SHA256",
	         .label = "",
	         .key = many,
	         .key_len = 32,
	         .len = 12},
		{.kdf = "TLS1-PRF",
	         .digest = "SHA256",
	         .label = "x",
	         .key = many,
	         .key_len = 32,
	         .seed = many,
	         .seed_len = sizeof(many),
	         .len = 12},
	};
	unsigned char out[OUT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(derive(&rows[i], ours, false, out));
		assert_false(derive(&rows[i], ours, true, out));
	}
}

static void
a_context_begins_anew(void **state)
{
	unsigned char key[32] = {1}, got[32], want[32];
	struct ask ask = {.kdf = "TLS1-PRF",
	                  .digest = "SHA256",
	                  .label = "x",
	                  .key = key,
	                  .key_len = sizeof(key),
	                  .len = sizeof(want)};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, ask.kdf, ours);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[PARAMS_MAX];

	(void)state;
	assert_true(derive(&ask, ours, false, want));
	make_params(&ask, params);
	for (int i = 0; i < 3; i++) {
		assert_true(EVP_KDF_derive(ctx, got, sizeof(got), params) > 0);
		assert_memory_equal(got, want, sizeof(want));
		EVP_KDF_CTX_reset(ctx);
		assert_false(EVP_KDF_derive(ctx, got, sizeof(got), NULL) > 0);
	}
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* Where the system's properties rule ours out, they are not what is found, nor is anything else
 * that they rule out. */
static void
properties_of_the_system_hold(void **state)
{
	static const char *const rows[] = {"fips=yes", "provider=default", "provider=fips",
	                                   "provider!=certd", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EVP_KDF *kdf;
		EVP_MD *md;
		bool is_ours;

		assert_int_equal(EVP_set_default_properties(NULL, rows[i]), 1);
		kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", ours);
		md = EVP_MD_fetch(NULL, "SHA256", ours);
		is_ours = kdf &&
		          strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "certd") == 0;
		assert_int_equal(is_ours, rows[i][0] == '\0');
		assert_int_equal(md != NULL, !strstr(rows[i], "fips"));
		EVP_KDF_free(kdf);
		EVP_MD_free(md);
	}
}

static int
load(void **state)
{
	(void)state;
	ours = kdf_properties();
	return ours && strcmp(ours, KDF_PROPERTIES) == 0 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands_as_openssl_does),
		cmocka_unit_test(extracts_as_openssl_does),
		cmocka_unit_test(prf_is_openssls),
		cmocka_unit_test(key_schedule_of_rfc8448),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_context_begins_anew),
		cmocka_unit_test(properties_of_the_system_hold),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
