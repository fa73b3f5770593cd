/* SPDX-License-Identifier: Apache-2.0 */
/* Signing requests: all names in the SAN, each as what it is, and nothing in the subject. */
#include "acme/csr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme/key.h"
#include "base/buf.h"
#include "base/hostname.h"

static const struct {
	const char *name;
	int type;
	size_t len;
	const char *bytes;
} names[] = {
	{"a.example", GEN_DNS, 9, "a.example"},
	{"192.0.2.1", GEN_IPADD, 4, "\300\0\2\1"},
	{"*.b.example", GEN_DNS, 11, "*.b.example"},
	{"2001:db8::1", GEN_IPADD, 16, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"},
};

enum { COUNT = sizeof(names) / sizeof(names[0]) };

static void
check_names(X509_REQ *req)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

	assert_int_equal(sk_GENERAL_NAME_num(san), COUNT);
	for (int i = 0; i < COUNT; i++) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);
		const ASN1_STRING *value = gn->d.ia5;

		assert_int_equal(gn->type, names[i].type);
		assert_int_equal(ASN1_STRING_length(value), names[i].len);
		assert_memory_equal(ASN1_STRING_get0_data(value), names[i].bytes, names[i].len);
	}
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void
names_are_in_the_san_only(void **state)
{
	struct hostname hosts[COUNT];
	struct buf der = {0};

	(void)state;
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(hostname_parse_any(names[i].name, &hosts[i], NULL), ERR_OK);
	for (int kind = 0; kind < KEY_KINDS; kind++) {
		const unsigned char *at;
		EVP_PKEY *key;
		X509_REQ *req;

		assert_int_equal(key_new((enum key_kind)kind, &key), ERR_OK);
		assert_int_equal(csr_new(key, hosts, COUNT, &der), ERR_OK);
		at = der.data;
		req = d2i_X509_REQ(NULL, &at, (long)der.len);
		assert_non_null(req);
		assert_int_equal(X509_REQ_verify(req, key), 1);
		assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
		check_names(req);
		X509_REQ_free(req);
		EVP_PKEY_free(key);
	}
	buf_done(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_in_the_san_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
