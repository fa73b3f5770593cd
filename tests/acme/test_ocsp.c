/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ocsp.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/problem.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

/* The issuer, its responder, an ordinary certificate of it, and a CA of the same name. */
enum who { ISSUER, RESPONDER, LEAF, OTHER_LEAF, STRANGER, WHO_COUNT };

static EVP_PKEY *keys[WHO_COUNT];
static X509 *certs[WHO_COUNT];
static struct buf leaf, issuers;
static int64_t now;

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *
cert_new(const char *cn, int serial, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
	                           0);
	X509_set_issuer_name(cert, subject);
	X509_gmtime_adj(X509_getm_notBefore(cert), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), DAY);
	X509_set_pubkey(cert, key);
	return cert;
}

static void
sign(enum who whom, enum who by)
{
	X509_set_issuer_name(certs[whom], X509_get_subject_name(certs[by]));
	assert_true(X509_sign(certs[whom], keys[by], EVP_sha256()) > 0);
}

static void
add_der(struct buf *out, X509 *cert, bool prefixed)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (prefixed)
		buf_u32(out, (uint32_t)len);
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

static int
begin(void **state)
{
	static const char *const names[] = {"CA", "responder", "leaf", "other", "CA"};

	(void)state;
	now = clock_wall();
	for (int i = 0; i < WHO_COUNT; i++) {
		keys[i] = EVP_EC_gen("P-256");
		certs[i] = cert_new(names[i], 100 + i, keys[i]);
	}
	extend(certs[ISSUER], NID_basic_constraints, "critical,CA:TRUE");
	extend(certs[STRANGER], NID_basic_constraints, "critical,CA:TRUE");
	extend(certs[RESPONDER], NID_ext_key_usage, "OCSPSigning");
	extend(certs[LEAF], NID_info_access,
	       "caIssuers;URI:http://ca.example/ca.der,"
	       "OCSP;URI:http://ocsp.example/a,"
	       "OCSP;URI:http://second.example/");
	extend(certs[LEAF], NID_tlsfeature, "status_request");
	sign(ISSUER, ISSUER);
	sign(STRANGER, STRANGER);
	sign(RESPONDER, ISSUER);
	sign(LEAF, ISSUER);
	sign(OTHER_LEAF, ISSUER);
	add_der(&leaf, certs[LEAF], false);
	add_der(&issuers, certs[ISSUER], true);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (int i = 0; i < WHO_COUNT; i++) {
		EVP_PKEY_free(keys[i]);
		X509_free(certs[i]);
	}
	buf_done(&leaf);
	buf_done(&issuers);
	return 0;
}

static struct ocsp_subject
subject(void)
{
	return (struct ocsp_subject){.leaf = {leaf.data, leaf.len},
	                             .issuers = {issuers.data, issuers.len}};
}

static void
the_request_names_the_certificate(void **state)
{
	struct ocsp_subject s = subject(), none = {.leaf = s.leaf}, junk = {.leaf = s.issuers};
	struct buf der = {0};
	const unsigned char *at;
	OCSP_REQUEST *request;
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, certs[LEAF], certs[ISSUER]);

	(void)state;
	assert_int_equal(ocsp_request(&s, &der), ERR_OK);
	at = der.data;
	assert_non_null(request = d2i_OCSP_REQUEST(NULL, &at, (long)der.len));
	assert_ptr_equal(at, der.data + der.len);
	assert_int_equal(OCSP_request_onereq_count(request), 1);
	assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), id),
	                 0);
	assert_int_equal(OCSP_REQUEST_get_ext_count(request), 0);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(request);
	assert_int_equal(ocsp_request(&none, &der), ERR_INVALID);
	assert_int_equal(ocsp_request(&junk, &der), ERR_INVALID);
	buf_done(&der);
}

struct spec {
	const char *name;
	enum who about, by;
	int status;          /* V_OCSP_CERTSTATUS_... */
	int64_t from, until; /* from now; UNTIL 0: none */
	int refusal;         /* OCSP_RESPONSE_STATUS_...; 0: an answer */
	bool cut, bent;      /* its last byte is missing; one bit of the signature is another */
	enum err err;
	const char *why; /* is in the sentence */
};

static const struct spec specs[] = {
	{"by the issuer", LEAF, ISSUER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_OK},
	{"by its responder", LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_OK},
	{"a clock behind", LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, 200, DAY, .err = ERR_OK},
	{"from the future", LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, 400, DAY, .err = ERR_PROTO,
         .why = "future"},
	{"over", LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, -DAY, -1, .err = ERR_PROTO,
         .why = "no longer"},
	{"endless", LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, -DAY, 0, .err = ERR_PROTO,
         .why = "how long"},
	{"unknown", LEAF, RESPONDER, V_OCSP_CERTSTATUS_UNKNOWN, -HOUR, DAY, .err = ERR_PROTO,
         .why = "does not know"},
	{"revoked", LEAF, RESPONDER, V_OCSP_CERTSTATUS_REVOKED, -HOUR, DAY, .err = ERR_REFUSED,
         .why = "keyCompromise"},
	{"another's", OTHER_LEAF, RESPONDER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_PROTO,
         .why = "another certificate"},
	{"by nobody", LEAF, OTHER_LEAF, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_PROTO,
         .why = "not signed"},
	{"by itself", LEAF, LEAF, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_PROTO,
         .why = "not signed"},
	{"by a stranger", LEAF, STRANGER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .err = ERR_PROTO,
         .why = "not signed"},
	{"bent", LEAF, ISSUER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .bent = true, .err = ERR_PROTO,
         .why = "not signed"},
	{"cut", LEAF, ISSUER, V_OCSP_CERTSTATUS_GOOD, -HOUR, DAY, .cut = true, .err = ERR_PROTO,
         .why = "no OCSP response"},
	{"later", .refusal = OCSP_RESPONSE_STATUS_TRYLATER, .err = ERR_PROTO, .why = "trylater"},
	{"not allowed", .refusal = OCSP_RESPONSE_STATUS_UNAUTHORIZED, .err = ERR_PROTO,
         .why = "unauthorized"},
};

static OCSP_BASICRESP *
basic_of(const struct spec *s)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, certs[s->about], certs[ISSUER]);
	ASN1_TIME *from = ASN1_TIME_adj(NULL, now, 0, s->from), *revoked = NULL;
	ASN1_TIME *until = s->until ? ASN1_TIME_adj(NULL, now, 0, s->until) : NULL;

	if (s->status == V_OCSP_CERTSTATUS_REVOKED)
		revoked = ASN1_TIME_adj(NULL, now, 0, -2 * HOUR);
	assert_non_null(OCSP_basic_add1_status(
		basic, id, s->status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, revoked, from, until));
	assert_int_equal(OCSP_basic_sign(basic, certs[s->by], keys[s->by], EVP_sha256(), NULL, 0),
	                 1);
	ASN1_TIME_free(revoked);
	ASN1_TIME_free(until);
	ASN1_TIME_free(from);
	OCSP_CERTID_free(id);
	return basic;
}

static size_t
response_of(const struct spec *s, unsigned char **ret_der)
{
	OCSP_BASICRESP *basic = s->refusal ? NULL : basic_of(s);
	OCSP_RESPONSE *response;
	int len;

	if (s->bent) {
		const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(basic);

		((unsigned char *)(uintptr_t)ASN1_STRING_get0_data(signature))[20] ^= 1;
	}
	response = OCSP_response_create(s->refusal, basic);
	*ret_der = NULL;
	len = i2d_OCSP_RESPONSE(response, ret_der);
	assert_true(len > 0);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return (size_t)len - s->cut;
}

static void
answers_are_judged(void **state)
{
	struct ocsp_subject who = subject();

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		const struct spec *s = &specs[i];
		struct ocsp_answer answer = {0};
		struct problem why = {0};
		unsigned char *der;
		size_t len = response_of(s, &der);
		enum err err = ocsp_judge(&who, (struct span){der, len}, now, &answer, &why);

		if (err != s->err || (s->why && !strstr(why.detail, s->why)))
			fail_msg("%s: %s, %s", s->name, err_word(err), why.detail);
		if (!err) {
			assert_int_equal(answer.this_update, now + s->from);
			assert_int_equal(answer.next_update, now + s->until);
		}
		OPENSSL_free(der);
	}
}

/* Whatever bytes: an answer or a sentence. */
static void
junk_is_refused(void **state)
{
	struct ocsp_subject who = subject(), lonely = {.leaf = who.leaf};
	struct ocsp_answer answer;
	struct problem why = {0};
	unsigned char *der;
	size_t len = response_of(&specs[0], &der);

	(void)state;
	assert_int_equal(ocsp_judge(&who, (struct span){0}, now, &answer, &why), ERR_PROTO);
	assert_int_equal(ocsp_judge(&lonely, (struct span){der, len}, now, &answer, &why),
	                 ERR_PROTO);
	for (size_t i = 0; i < len; i++) {
		der[i] ^= 0x20;
		(void)!ocsp_judge(&who, (struct span){der, len}, now, &answer, &why);
		der[i] ^= 0x20;
		assert_int_equal(ocsp_judge(&who, (struct span){der, i}, now, &answer, &why),
		                 ERR_PROTO);
	}
	assert_int_equal(ocsp_judge(&who, (struct span){der, len}, now, &answer, &why), ERR_OK);
	OPENSSL_free(der);
}

static void
responders_are_found(void **state)
{
	static const struct {
		const char *access; /* NULL: no extension */
		const char *url;    /* NULL: nobody to ask */
	} rows[] = {
		{NULL, NULL},
		{"caIssuers;URI:http://ca.example/", NULL},
		{"OCSP;URI:http://o.example", "http://o.example"},
		{"OCSP;URI:https://o.example:8443/x?y", "https://o.example:8443/x?y"},
		{"OCSP;URI:HTTP://o.example/", "HTTP://o.example/"},
		{"OCSP;DNS:o.example,OCSP;URI:http://o.example/", "http://o.example/"},
		{"OCSP;URI:ftp://o.example/", NULL},
		{"OCSP;URI:file:///etc/passwd", NULL},
		{"OCSP;URI:http://", NULL},
		{"OCSP;URI:http://u@o.example/", NULL},
		{"OCSP;URI:http://o.example/a b", NULL},
		{"OCSP;URI:o.example", NULL},
	};
	char url[OCSP_URL_MAX + 1];
	bool must_staple;

	(void)state;
	assert_true(ocsp_responder((struct span){leaf.data, leaf.len}, url, &must_staple));
	assert_string_equal(url, "http://ocsp.example/a");
	assert_true(must_staple);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *cert = cert_new("x", 1, keys[LEAF]);
		struct buf der = {0};
		bool found;

		if (rows[i].access)
			extend(cert, NID_info_access, rows[i].access);
		X509_sign(cert, keys[ISSUER], EVP_sha256());
		add_der(&der, cert, false);
		found = ocsp_responder((struct span){der.data, der.len}, url, &must_staple);
		if (found != (rows[i].url != NULL) || (found && strcmp(url, rows[i].url) != 0))
			fail_msg("%s: %s", rows[i].access, found ? url : "nobody");
		assert_true(!found || !must_staple);
		buf_done(&der);
		X509_free(cert);
	}
	assert_false(ocsp_responder((struct span){leaf.data, leaf.len - 1}, url, &must_staple));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_names_the_certificate),
		cmocka_unit_test(answers_are_judged),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(responders_are_found),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
