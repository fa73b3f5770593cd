/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "acme/jose.h"
#include "acme/key.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"

/* RFC 7515 A.3 */
#define A3_D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define A3_JWK                                                                                     \
	"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

/* By another program, with the key 01 02 ... 20 (hex), kid "kid-1" and the URL below. */
static const struct {
	const char *mac;
	const char *signature;
} vectors[] = {
	{"HS256", "33pevaShXwcCH9QK6MFoxFPhNjVxCFel-vV7zLKadMY"},
	{"HS384", "ga34cyrNl3Bx_cw9NEyvJ5P5Kt0u5dl-lKGh8njcp2Q3T5zbQZZoSbhIG-drlxRC"},
	{"HS512",
         "0BIOlYhyiC50ivr0dPmHqs_1bmx7rV7iECr2pkb3y1qyXKy_7yLf3AYI5YViMbzvePR1l0XUkbbT7Yk1BzOFVw"},
};

static void
assert_decoded(const cJSON *jws, const char *member, const char *want)
{
	const char *text = json_text(jws, member);
	struct buf out = {0};

	assert_non_null(text);
	assert_int_equal(jose_base64url_decode(text, strlen(text), &out), ERR_OK);
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
}

static void
bindings_are_those_of_another_program(void **state)
{
	struct secret d = {0}, mac_key = {0};
	EVP_PKEY *key = NULL;

	(void)state;
	assert_int_equal(binding_key_parse(A3_D, strlen(A3_D), &d), ERR_OK);
	assert_int_equal(key_load(&d, &key), ERR_OK);
	assert_int_equal(secret_alloc(&mac_key, 32), ERR_OK);
	for (int i = 0; i < 32; i++)
		mac_key.data[i] = (unsigned char)(i + 1);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct binding binding = {.kid = "kid-1", .key = &mac_key};
		struct buf out = {0}, header = {0};
		cJSON *json = NULL;

		assert_int_equal(binding_mac_parse(vectors[i].mac, &binding.mac), ERR_OK);
		assert_string_equal(binding_mac_word(binding.mac), vectors[i].mac);
		assert_int_equal(binding_sign(&binding, key, "https://ca.example/acct", &out),
		                 ERR_OK);
		assert_int_equal(json_parse(out.data, out.len, &json), ERR_OK);
		assert_int_equal(cJSON_GetArraySize(json), 3);
		buf_printf(&header,
		           "{\"alg\":\"%s\",\"kid\":\"kid-1\",\"url\":\"https://ca.example/acct\"}",
		           vectors[i].mac);
		assert_decoded(json, "protected", buf_str(&header));
		assert_decoded(json, "payload", A3_JWK);
		assert_string_equal(json_text(json, "signature"), vectors[i].signature);
		cJSON_Delete(json);
		buf_done(&out);
		buf_done(&header);
	}
	EVP_PKEY_free(key);
	secret_done(&d);
	secret_done(&mac_key);
}

static const struct {
	const char *text;
	enum err err;
	const char *bytes;
	size_t len;
} keys[] = {
	{"-_8", ERR_OK, "\xfb\xff", 2},
	{"+/8", ERR_OK, "\xfb\xff", 2},
	{"+/8=", ERR_OK, "\xfb\xff", 2},
	{"-_8=\n", ERR_OK, "\xfb\xff", 2},
	{"  AA==\r\n", ERR_OK, "\0", 1},
	{"AAAA", ERR_OK, "\0\0\0", 3},
	{"", ERR_INVALID, "", 0},
	{"\n", ERR_INVALID, "", 0},
	{"=", ERR_INVALID, "", 0},
	{"A", ERR_INVALID, "", 0},
	{"AA AA", ERR_INVALID, "", 0},
	{"AA===", ERR_INVALID, "", 0},
	{"AB", ERR_INVALID, "", 0},
	{"key: AAAA", ERR_INVALID, "", 0},
	{"\xc3\xa4\xc3\xa4", ERR_INVALID, "", 0},
};

static void
keys_come_in_several_alphabets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct secret key = {0};
		enum err err = binding_key_parse(keys[i].text, strlen(keys[i].text), &key);

		if (err != keys[i].err || key.len != keys[i].len ||
		    memcmp(key.data ? key.data : (void *)"", keys[i].bytes, key.len) != 0)
			fail_msg("\"%s\": %s, %zu bytes", keys[i].text, err_text(err), key.len);
		secret_done(&key);
	}
}

static void
other_macs_are_refused(void **state)
{
	enum binding_mac mac;

	(void)state;
	assert_int_equal(binding_mac_parse("HS1", &mac), ERR_INVALID);
	assert_int_equal(binding_mac_parse("hs256", &mac), ERR_INVALID);
	assert_int_equal(binding_mac_parse("", &mac), ERR_INVALID);
	assert_string_equal(binding_mac_word(BINDING_MACS), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bindings_are_those_of_another_program),
		cmocka_unit_test(keys_come_in_several_alphabets),
		cmocka_unit_test(other_macs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
