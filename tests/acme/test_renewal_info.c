/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9773: names of certificates, URLs, answers. */
#include "acme/renewal_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/problem.h"

/* RFC 9773, appendix A. */
static const char rfc_pem[] = "-----BEGIN CERTIFICATE-----\n"
			      "MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n"
			      "cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n"
			      "BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n"
			      "7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n"
			      "qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n"
			      "yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n"
			      "+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n"
			      "-----END CERTIFICATE-----\n";

static struct buf
der_of(X509 *cert)
{
	struct buf der = {0};
	unsigned char *data = NULL;
	int len = i2d_X509(cert, &data);

	assert_true(len > 0);
	buf_add(&der, data, (size_t)len);
	OPENSSL_free(data);
	return der;
}

static void
the_certificate_of_the_rfc(void **state)
{
	BIO *in = BIO_new_mem_buf(rfc_pem, -1);
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	char id[RENEWAL_INFO_ID_MAX + 1];
	struct buf der;

	(void)state;
	assert_non_null(cert);
	der = der_of(cert);
	assert_true(renewal_info_id((struct span){der.data, der.len}, id));
	assert_string_equal(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	buf_done(&der);
	X509_free(cert);
	BIO_free(in);
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* A leaf with SERIAL (hex) and the authority key identifier AKI: contents of the extension in hex,
 * NULL: none. */
static struct buf
leaf(const char *serial, const char *aki)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIGNUM *number = NULL;
	char value[256];
	struct buf der;

	assert_true(BN_hex2bn(&number, serial) > 0);
	X509_set_version(cert, X509_VERSION_3);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_subject_alt_name, "DNS:a.test");
	snprintf(value, sizeof(value), "DER:%s", aki ? aki : "");
	if (aki)
		add_extension(cert, NID_authority_key_identifier, value);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	der = der_of(cert);
	X509_free(cert);
	BN_free(number);
	EVP_PKEY_free(key);
	return der;
}

static void
names_of_certificates(void **state)
{
	static const struct {
		const char *serial, *aki, *id; /* NULL: it has none */
	} rows[] = {
		{"8765432100", "30058003010203", "AQID.AIdlQyEA"},
		{"7765432100", "30058003010203", "AQID.d2VDIQA"},
		{"01", "30058003010203", "AQID.AQ"},
		{"80", "30058003010203", "AQID.AIA"},
		{"7F", "300480020000", "AAA.fw"},
		{"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "30058003010203",
	         "AQID.AP__________________________"},
		/* the issuer's name and number beside the key's */
		{"01", "300880030a0b0c820107", "CgsM.AQ"},
		{"01", NULL, NULL},
		{"01", "3000", NULL},
		{"01", "3003820107", NULL}, /* no keyIdentifier */
		{"01", "30028000", NULL},   /* an empty one */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf der = leaf(rows[i].serial, rows[i].aki);
		char id[RENEWAL_INFO_ID_MAX + 1] = "";
		bool has = renewal_info_id((struct span){der.data, der.len}, id);

		if (has != (rows[i].id != NULL) || (has && strcmp(id, rows[i].id) != 0))
			fail_msg("row %zu: %s", i, has ? id : "none");
		buf_done(&der);
	}
	assert_false(renewal_info_id((struct span){(const unsigned char *)"0", 1},
	                             (char[RENEWAL_INFO_ID_MAX + 1]){0}));
}

static void
urls(void **state)
{
	char url[URL_MAX + 1], base[URL_MAX + 1];

	(void)state;
	assert_true(renewal_info_url("https://ca/renewal-info", "A.B", url));
	assert_string_equal(url, "https://ca/renewal-info/A.B");
	assert_true(renewal_info_url("https://ca/ri/", "A.B", url));
	assert_string_equal(url, "https://ca/ri/A.B");
	memset(base, 'a', URL_MAX);
	base[URL_MAX] = '\0';
	assert_false(renewal_info_url(base, "A.B", url));
}

#define WINDOW(start, end) "{\"suggestedWindow\":{\"start\":\"" start "\",\"end\":\"" end "\"}"
#define FIRST              WINDOW("2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z")

static void
answers(void **state)
{
	static const struct {
		const char *body;
		int64_t start, end; /* 0: refused */
		const char *explanation;
	} rows[] = {
		{FIRST ",\"explanationURL\":\"https://acme.example.com/docs/ari\"}", 1735790400,
	         1735876800, "https://acme.example.com/docs/ari"}, /* RFC 9773 4.2 */
		{FIRST "}", 1735790400, 1735876800, ""},
		{WINDOW("2025-01-02T04:00:00.123456789Z", "2025-01-02T06:00:00+01:00") "}",
	         1735790400, 1735794000, ""},
		{FIRST ",\"explanationURL\":null,\"more\":[1,{}]}", 1735790400, 1735876800, ""},
		{FIRST ",\"explanationURL\":\"javascript:alert(1)\"}", 1735790400, 1735876800, ""},
		{FIRST ",\"explanationURL\":\"https://x/\\u001b[2J\"}", 1735790400, 1735876800, ""},
		{FIRST ",\"explanationURL\":7}", 1735790400, 1735876800, ""},
		{WINDOW("2025-01-02T04:00:00Z", "2025-01-02T04:00:00Z") "}", 0, 0, ""},
		{WINDOW("2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z") "}", 0, 0, ""},
		{WINDOW("2025-13-02T04:00:00Z", "2025-01-03T04:00:00Z") "}", 0, 0, ""},
		{WINDOW("tomorrow", "later") "}", 0, 0, ""},
		{"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\"}}", 0, 0, ""},
		{"{\"suggestedWindow\":{\"start\":1,\"end\":2}}", 0, 0, ""},
		{"{\"suggestedWindow\":[]}", 0, 0, ""},
		{"{}", 0, 0, ""},
		{"[]", 0, 0, ""},
		{"", 0, 0, ""},
		{"<html>", 0, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct renewal_info info = {.start = 7};
		struct problem why = {0};
		struct span body = {(const unsigned char *)rows[i].body, strlen(rows[i].body)};
		enum err err = renewal_info_read(body, &info, &why);

		if (!rows[i].start) {
			if (err != ERR_PROTO || info.start != 7 || !why.detail[0])
				fail_msg("row %zu is not refused", i);
			continue;
		}
		if (err || info.start != rows[i].start || info.end != rows[i].end ||
		    strcmp(info.explanation, rows[i].explanation) != 0)
			fail_msg("row %zu: %d, %lld to %lld, \"%s\"", i, err, (long long)info.start,
			         (long long)info.end, info.explanation);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_certificate_of_the_rfc),
		cmocka_unit_test(names_of_certificates),
		cmocka_unit_test(urls),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
