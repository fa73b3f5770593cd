/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of trusted certificates may be, and the name that is passed on. */
#include "daemon/front/client_cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static X509 *
cert_new(void)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	return cert;
}

static void
add_cn(X509 *cert, int type, const char *text, int len)
{
	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName,
	                                            type, (const unsigned char *)text, len, -1, 0),
	                 1);
}

static void
test_cn(void **state)
{
	static const char long_name[300] = {[0 ... 299] = 'x'};
	static const struct {
		int type;
		const char *text;
		int len;
		const char *cn;
	} cases[] = {
		{V_ASN1_UTF8STRING, "robot", 5, "robot"},
		{V_ASN1_PRINTABLESTRING, "robot 7", 7, "robot 7"},
		{V_ASN1_UTF8STRING, "b\xc3\xbc", 3, "b\xc3\xbc"},
		{V_ASN1_T61STRING, "b\xfc", 2, "b\xc3\xbc"},
		{V_ASN1_BMPSTRING, "\0r\0\xfc", 4, "r\xc3\xbc"},
		{V_ASN1_UTF8STRING, "admin\0evil", 10, ""},
		{V_ASN1_UTF8STRING, long_name, CLIENT_CERT_CN_MAX + 1, ""},
	};
	char cn[CLIENT_CERT_CN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		X509 *cert = cert_new();

		memset(cn, '?', sizeof(cn));
		client_cert_cn(cert, cn);
		assert_string_equal(cn, "");
		/* ub-common-name is 64 (RFC 5280); others care less. */
		X509_NAME_ENTRY *e = X509_NAME_ENTRY_new();
		ASN1_STRING *s = ASN1_STRING_type_new(cases[i].type);

		assert_int_equal(ASN1_STRING_set(s, cases[i].text, cases[i].len), 1);
		assert_int_equal(X509_NAME_ENTRY_set_object(e, OBJ_nid2obj(NID_commonName)), 1);
		assert_int_equal(X509_NAME_ENTRY_set_data(e, cases[i].type, s->data, s->length), 1);
		assert_int_equal(X509_NAME_add_entry(X509_get_subject_name(cert), e, -1, 0), 1);
		client_cert_cn(cert, cn);
		assert_string_equal(cn, cases[i].cn);
		add_cn(cert, V_ASN1_UTF8STRING, "second", 6);
		client_cert_cn(cert, cn);
		assert_string_equal(cn, "");
		X509_NAME_ENTRY_free(e);
		ASN1_STRING_free(s);
		X509_free(cert);
	}
}

static void
test_subject(void **state)
{
	static char long_name[CLIENT_CERT_SUBJECT_MAX + 1], longest[CLIENT_CERT_SUBJECT_MAX + 1];
	static const struct {
		int type;
		const char *text;
		const char *subject; /* of O=Lab and this CN */
	} cases[] = {
		{V_ASN1_UTF8STRING, "robot", "CN=robot,O=Lab"},
		{V_ASN1_UTF8STRING, "a,b+c=\"d\"", "CN=a\\,b\\+c=\\\"d\\\",O=Lab"},
		{V_ASN1_UTF8STRING, "b\xc3\xbc", "CN=b\\C3\\BC,O=Lab"},
		{V_ASN1_T61STRING, "b\xfc", "CN=b\\C3\\BC,O=Lab"},
		{V_ASN1_UTF8STRING, "a\r\nX: y", "CN=a\\0D\\0AX: y,O=Lab"},
		{V_ASN1_UTF8STRING, long_name, ""},
		{V_ASN1_UTF8STRING, long_name + 3 + 6, longest},
	};
	char subject[CLIENT_CERT_SUBJECT_MAX + 1];

	(void)state;
	memset(long_name, 'x', CLIENT_CERT_SUBJECT_MAX);
	snprintf(longest, sizeof(longest), "CN=%s,O=Lab", long_name + 3 + 6);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		X509 *cert = cert_new();
		X509_NAME *name = X509_get_subject_name(cert);
		X509_NAME_ENTRY *e = X509_NAME_ENTRY_new();
		ASN1_STRING *s = ASN1_STRING_type_new(cases[i].type);

		client_cert_subject(cert, subject);
		assert_string_equal(subject, "");
		assert_int_equal(
			X509_NAME_add_entry_by_txt(name, "O", V_ASN1_UTF8STRING,
		                                   (const unsigned char *)"Lab", -1, -1, 0),
			1);
		assert_int_equal(ASN1_STRING_set(s, cases[i].text, -1), 1);
		assert_int_equal(X509_NAME_ENTRY_set_object(e, OBJ_nid2obj(NID_commonName)), 1);
		assert_int_equal(X509_NAME_ENTRY_set_data(e, cases[i].type, s->data, s->length), 1);
		assert_int_equal(X509_NAME_add_entry(name, e, -1, 0), 1);
		client_cert_subject(cert, subject);
		assert_string_equal(subject, cases[i].subject);
		X509_NAME_ENTRY_free(e);
		ASN1_STRING_free(s);
		X509_free(cert);
	}
}

/* COUNT certificates, with text around them. */
static char *
pem_of(int count, long *ret_len)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *out = BIO_new(BIO_s_mem());
	char *data, *text;

	for (int i = 0; i < count; i++) {
		X509 *cert = cert_new();

		X509_set_pubkey(cert, key);
		add_cn(cert, V_ASN1_UTF8STRING,
		       (char[]){(char)('A' + i % 26), (char)('a' + i / 26)}, 2);
		assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
		BIO_puts(out, "# somebody's root\n");
		PEM_write_bio_X509(out, cert);
		X509_free(cert);
	}
	*ret_len = BIO_get_mem_data(out, &data);
	assert_non_null(text = malloc((size_t)*ret_len + 1));
	if (*ret_len)
		memcpy(text, data, (size_t)*ret_len);
	text[*ret_len] = '\0';
	BIO_free(out);
	EVP_PKEY_free(key);
	return text;
}

static void
test_file(void **state)
{
	const char *why = "";
	long len;
	char *text;

	(void)state;
	for (int count = 0; count <= CLIENT_CERT_TRUSTED_MAX + 1; count += count < 2 ? 1 : 21) {
		bool good = count > 0 && count <= CLIENT_CERT_TRUSTED_MAX;

		text = pem_of(count, &len);
		assert_int_equal(client_cert_is_file(text, (size_t)len, &why), good);
		if (!good)
			assert_string_equal(
				why, count ? "has too many certificates" : "has no certificate");
		free(text);
	}
	text = pem_of(2, &len);
	assert_false(client_cert_is_file(text, (size_t)len - 40, &why));
	assert_string_equal(why, "has a certificate that cannot be read");
	strstr(text, "-----\n")[6] = '!';
	assert_false(client_cert_is_file(text, (size_t)len, &why));
	assert_string_equal(why, "has a certificate that cannot be read");
	free(text);
	text = calloc(1, CLIENT_CERT_FILE_MAX + 1);
	assert_false(client_cert_is_file(text, CLIENT_CERT_FILE_MAX + 1, &why));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cn),
		cmocka_unit_test(test_subject),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
