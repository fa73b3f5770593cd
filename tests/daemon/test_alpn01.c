/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a tls-alpn-01 challenge: RFC 8737, 3; of an address: RFC 8738, 6. */
#include "daemon/front/alpn01.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/challenge.h"

#define KEYAUTH "token.thumbprint"

static struct hostname
name_of(const char *text)
{
	struct hostname name = {0};

	if (hostname_parse_any(text, &name, NULL) && hostname_parse_sni(text, strlen(text), &name))
		fail_msg("%s is no name", text);
	return name;
}

static const struct {
	const char *identifier, *server_name;
} pairs[] = {
	{"192.0.2.1", "1.2.0.192.in-addr.arpa"},
	{"10.100.0.9", "9.0.100.10.in-addr.arpa"},
	{"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
	{"2001:db8:85a3::8a2e:370:7334",
         "4.3.3.7.0.7.3.0.e.2.a.8.0.0.0.0.0.0.0.0.3.a.5.8.8.b.d.0.1.0.0.2.ip6.arpa"},
	{"shop.example.org", "shop.example.org"},
};

static void
addresses_are_asked_for_by_their_reverse_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct hostname name, server_name, back;

		name = name_of(pairs[i].identifier);
		alpn01_server_name(&name, &server_name);
		assert_string_equal(server_name.name, pairs[i].server_name);
		assert_int_equal(server_name.len, strlen(server_name.name));
		alpn01_identifier(&server_name, &back);
		assert_string_equal(back.name, pairs[i].identifier);
		assert_int_equal(back.len, strlen(back.name));
	}
}

static void
other_names_stay_as_they_are(void **state)
{
	static const char *const names[] = {
		"in-addr.arpa",
		"ip6.arpa",
		"2.0.192.in-addr.arpa",
		"1.1.2.0.192.in-addr.arpa",
		"256.2.0.192.in-addr.arpa",
		"01.2.0.192.in-addr.arpa",
		"0.0.0.0.in-addr.arpa",
		"1.2.0.192.in-addr.arpa.example.org",
		"a.2.0.192.in-addr.arpa",
		"1.2.0.192xin-addr.arpa",
		"1.0.0.2.ip6.arpa",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.g.ip6.arpa",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.1.ip6.arpa",
		"10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.ip6.arpa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct hostname name = name_of(names[i]), back;

		alpn01_identifier(&name, &back);
		assert_string_equal(back.name, names[i]);
	}
}

static X509 *
make(const char *identifier, const char *keyauth, struct challenge *ret_challenge)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = NULL;

	*ret_challenge =
		(struct challenge){.kind = CHALLENGE_TLS_ALPN_01, .name = name_of(identifier)};
	snprintf(ret_challenge->keyauth, sizeof(ret_challenge->keyauth), "%s", keyauth);
	assert_int_equal(alpn01_cert(ret_challenge, key, &cert), ERR_OK);
	assert_int_equal(X509_verify(cert, key), 1);
	EVP_PKEY_free(key);
	return cert;
}

static void
check_extension(const X509 *cert)
{
	/* RFC 8737: 30 31 06 08 2B 06 01 05 05 07 01 1F 01 01 FF 04 22 04 20 and the hash */
	static const unsigned char head[] = {0x30, 0x31, 0x06, 0x08, 0x2b, 0x06, 0x01,
	                                     0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01,
	                                     0xff, 0x04, 0x22, 0x04, 0x20};
	unsigned char wanted[sizeof(head) + SHA256_DIGEST_LENGTH], *der = NULL;
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	int len = i2d_X509_EXTENSION(X509_get_ext(cert, X509_get_ext_by_OBJ(cert, oid, -1)), &der);

	memcpy(wanted, head, sizeof(head));
	SHA256((const unsigned char *)KEYAUTH, strlen(KEYAUTH), wanted + sizeof(head));
	assert_int_equal(len, sizeof(wanted));
	assert_memory_equal(der, wanted, sizeof(wanted));
	OPENSSL_free(der);
	ASN1_OBJECT_free(oid);
}

static void
certificates_name_what_is_proven(void **state)
{
	static const struct {
		const char *identifier;
		int type, len;
		const char *value;
	} cases[] = {
		{"shop.example.org", GEN_DNS, 16, "shop.example.org"},
		{"192.0.2.1", GEN_IPADD, 4, "\xc0\x00\x02\x01"},
		{"2001:db8::1", GEN_IPADD, 16, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct challenge c;
		X509 *cert = make(cases[i].identifier, KEYAUTH, &c);
		GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
		int type;
		ASN1_STRING *value;

		assert_int_equal(sk_GENERAL_NAME_num(names), 1);
		value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
		assert_int_equal(type, cases[i].type);
		assert_int_equal(ASN1_STRING_length(value), cases[i].len);
		assert_memory_equal(ASN1_STRING_get0_data(value), cases[i].value,
		                    (size_t)cases[i].len);
		check_extension(cert);
		GENERAL_NAMES_free(names);
		X509_free(cert);
	}
}

static void
one_certificate_is_for_one_challenge(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "192.0.2.1", "192.0.2.2",
	                                    "2001:db8::1"};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	struct challenge challenges[COUNT], other;
	X509 *certs[COUNT], *wrong;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		certs[i] = make(names[i], KEYAUTH, &challenges[i]);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < COUNT; j++)
			assert_int_equal(alpn01_is_for(certs[i], &challenges[j]), i == j);
	wrong = make(names[0], "token.another", &other);
	assert_false(alpn01_is_for(wrong, &challenges[0]));
	X509_free(wrong);
	wrong = X509_new();
	assert_false(alpn01_is_for(wrong, &challenges[0])); /* one without extensions */
	X509_free(wrong);
	for (size_t i = 0; i < COUNT; i++)
		X509_free(certs[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_asked_for_by_their_reverse_name),
		cmocka_unit_test(other_names_stay_as_they_are),
		cmocka_unit_test(certificates_name_what_is_proven),
		cmocka_unit_test(one_certificate_is_for_one_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
