/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about a leaf, its key and what stands behind it, one wrong at a time. */
#include "acme/inspect.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "acme/key.h"
#include "base/buf.h"
#include "base/hostname.h"
#include "base/secret.h"

enum { DAY = 86400 };

/* LEAF is signed by INTER, that by ROOT. OLD and NO_CA have INTER's name and key. BARE_LEAF names
 * no place for its issuer. */
enum who { ROOT, INTER, OLD, NO_CA, STRANGER, LEAF, BARE_LEAF, OWN, WHO_COUNT, NOBODY = WHO_COUNT };

static const struct {
	const char *cn;
	enum who key, by;
	int days; /* from now, the end */
	const char *san, *ca, *aia;
} specs[WHO_COUNT] = {
	[ROOT] = {"root", ROOT, ROOT, 9, NULL, "critical,CA:TRUE", NULL},
	[INTER] = {"inter", INTER, ROOT, 9, NULL, "critical,CA:TRUE", NULL},
	[OLD] = {"inter", INTER, ROOT, -1, NULL, "critical,CA:TRUE", NULL},
	[NO_CA] = {"inter", INTER, ROOT, 9, NULL, "critical,CA:FALSE", NULL},
	[STRANGER] = {"inter", STRANGER, ROOT, 9, NULL, "critical,CA:TRUE", NULL},
	[LEAF] = {"leaf", LEAF, INTER, 5, "DNS:other.example,DNS:*.a.example,IP:192.0.2.7", NULL,
                  "caIssuers;URI:http://ca.example/inter.der"},
	[BARE_LEAF] = {"leaf", LEAF, INTER, 5, NULL, NULL, NULL},
	[OWN] = {"own", LEAF, OWN, 5, "DNS:x.a.example", NULL,
                 "caIssuers;URI:http://ca.example/own.der"},
};

static EVP_PKEY *keys[WHO_COUNT];
static X509 *certs[WHO_COUNT];
static int64_t now;

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;

	if (!value)
		return;
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static void
set_name(X509_NAME *name, const char *cn)
{
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

static X509 *
make(enum who who)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = keys[specs[who].key];

	assert_non_null(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), who + 1);
	set_name(X509_get_subject_name(cert), specs[who].cn);
	set_name(X509_get_issuer_name(cert), specs[specs[who].by].cn);
	ASN1_TIME_set(X509_getm_notBefore(cert), now - 9 * DAY);
	ASN1_TIME_set(X509_getm_notAfter(cert), now + specs[who].days * DAY);
	X509_set_pubkey(cert, key);
	extend(cert, NID_subject_alt_name, specs[who].san);
	extend(cert, NID_basic_constraints, specs[who].ca);
	extend(cert, NID_info_access, specs[who].aia);
	/* OWN has LEAF's key, and signs with it */
	assert_true(X509_sign(cert, keys[specs[specs[who].by].key], EVP_sha256()) > 0);
	return cert;
}

static int
begin(void **state)
{
	(void)state;
	now = time(NULL);
	for (int i = 0; i < WHO_COUNT; i++)
		assert_non_null(keys[i] = EVP_EC_gen("P-256"));
	for (int i = 0; i < WHO_COUNT; i++)
		certs[i] = make(i);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (int i = 0; i < WHO_COUNT; i++) {
		X509_free(certs[i]);
		EVP_PKEY_free(keys[i]);
	}
	return 0;
}

static void
add(struct buf *out, enum who who, bool prefixed)
{
	unsigned char *der = NULL;
	int len = i2d_X509(certs[who], &der);

	assert_true(len > 0);
	if (prefixed)
		buf_bytes32(out, der, (size_t)len);
	else
		buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

#define BIT(fault) (1u << INSPECT_##fault)

static const struct row {
	const char *what, *name;
	enum who leaf, key;
	enum who issuers[3]; /* up to NOBODY */
	int days;            /* that have passed */
	unsigned faults;
} rows[] = {
	{"good", "x.a.example", LEAF, LEAF, {INTER, NOBODY}, 0, 0},
	{"good, with the root", "x.a.example", LEAF, LEAF, {INTER, ROOT, NOBODY}, 0, 0},
	{"an address", "192.0.2.7", LEAF, LEAF, {INTER, NOBODY}, 0, 0},
	{"the wildcard", "*.a.example", LEAF, LEAF, {INTER, NOBODY}, 0, 0},
	{"another key", "x.a.example", LEAF, STRANGER, {INTER, NOBODY}, 0, BIT(KEY)},
	{"a label too many", "y.x.a.example", LEAF, LEAF, {INTER, NOBODY}, 0, BIT(NAME)},
	{"another address", "192.0.2.8", LEAF, LEAF, {INTER, NOBODY}, 0, BIT(NAME)},
	{"no names", "x.a.example", BARE_LEAF, LEAF, {INTER, NOBODY}, 0, BIT(NAME)},
	{"nothing behind", "x.a.example", LEAF, LEAF, {NOBODY}, 0, BIT(CHAIN)},
	{"a root has signed, maybe", "x.a.example", BARE_LEAF, LEAF, {NOBODY}, 0, BIT(NAME)},
	{"signed by itself", "x.a.example", OWN, LEAF, {NOBODY}, 0, 0},
	{"the wrong order", "x.a.example", LEAF, LEAF, {ROOT, INTER, NOBODY}, 0, BIT(CHAIN)},
	{"one of that name", "x.a.example", LEAF, LEAF, {STRANGER, NOBODY}, 0, BIT(CHAIN)},
	{"an expired issuer", "x.a.example", LEAF, LEAF, {OLD, NOBODY}, 0, BIT(CHAIN)},
	{"no CA", "x.a.example", LEAF, LEAF, {NO_CA, NOBODY}, 0, BIT(CHAIN)},
	{"not valid yet", "x.a.example", LEAF, LEAF, {INTER, NOBODY}, -10, BIT(NOT_YET)},
	{"expired", "x.a.example", LEAF, LEAF, {INTER, NOBODY}, 5, BIT(EXPIRED)},
	{"all at once",
         "b",
         LEAF,
         INTER,
         {OLD, NOBODY},
         6,
         BIT(KEY) | BIT(NAME) | BIT(CHAIN) | BIT(EXPIRED)},
};

static enum err
ask(const struct row *r, size_t cut, struct inspection *ret)
{
	struct hostname name;
	struct buf leaf = {0}, issuers = {0};
	struct secret key;
	struct inspect_subject subject = {.name = &name, .key = &key};
	enum err err;

	secret_init(&key);
	assert_int_equal(hostname_parse_any(r->name, &name, NULL), ERR_OK);
	assert_int_equal(key_save(keys[r->key], &key), ERR_OK);
	add(&leaf, r->leaf, false);
	for (int i = 0; r->issuers[i] != NOBODY; i++)
		add(&issuers, r->issuers[i], true);
	subject.leaf = (struct span){leaf.data, leaf.len};
	subject.issuers = (struct span){issuers.data, issuers.len - cut};
	err = inspect(&subject, now + r->days * DAY, ret);
	buf_done(&leaf);
	buf_done(&issuers);
	secret_done(&key);
	return err;
}

static void
each_fault_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inspection in;

		assert_int_equal(ask(&rows[i], 0, &in), ERR_OK);
		if (in.faults != rows[i].faults)
			fail_msg("%s: %#x", rows[i].what, in.faults);
		for (int k = 0; k < INSPECT_END; k++)
			if ((in.faults >> k & 1) != (in.why[k][0] != '\0'))
				fail_msg("%s: \"%s\"", rows[i].what, in.why[k]);
		assert_int_equal(in.not_after, now + 5 * DAY);
	}
}

static void
what_cannot_be_read_is_corrupt(void **state)
{
	struct inspection in;

	(void)state;
	for (size_t cut = 1; cut < 300; cut += 23)
		assert_int_equal(ask(&rows[0], cut, &in), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_found),
		cmocka_unit_test(what_cannot_be_read_is_corrupt),
	};

	return cmocka_run_group_tests_name("inspect", tests, begin, end);
}
