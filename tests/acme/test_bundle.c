/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles as people have them: what is taken, what is refused and why, and nothing in between. */
#include "acme/bundle.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "acme/key.h"
#include "acme/pem.h"
#include "base/cursor.h"
#include "base/problem.h"

enum { DAY = 86400 };

/* root -> inter -> leafs; other: a stranger */
static EVP_PKEY *keys[8], *key_root, *key_inter, *key_other;
static X509 *root, *inter, *other, *old_inter;
static int64_t now;
static struct bundle_judge *judge;

struct leaf {
	const char *san;     /* as in openssl.cnf; NULL: none */
	const char *more;    /* "nid value" of one more extension */
	int64_t from, until; /* days from now, 0 and 0: -1 to 30 */
};

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *
start_cert(const char *cn, EVP_PKEY *key, X509 *issuer, int64_t from, int64_t until)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), 0x4a91f);
	X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, (const unsigned char *)cn,
	                           -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	ASN1_TIME_set(X509_getm_notBefore(cert), now + from * DAY);
	ASN1_TIME_set(X509_getm_notAfter(cert), now + until * DAY);
	X509_set_pubkey(cert, key);
	return cert;
}

static X509 *
make_ca(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int64_t until)
{
	X509 *cert = start_cert(cn, key, issuer, -100, until);

	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static X509 *
make_leaf(const struct leaf *l, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert =
		start_cert("leaf", key, issuer, l->until ? l->from : -1, l->until ? l->until : 30);

	if (l->san)
		add_extension(cert, NID_subject_alt_name, l->san);
	if (l->more && strncmp(l->more, "ca ", 3) == 0)
		add_extension(cert, NID_basic_constraints, l->more + 3);
	else if (l->more)
		add_extension(cert,
		              strncmp(l->more, "eku ", 4) == 0 ? NID_ext_key_usage : NID_key_usage,
		              strchr(l->more, ' ') + 1);
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void
put(struct buf *out, BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	buf_add(out, text, (size_t)len);
	BIO_free(bio);
}

static void
put_cert(struct buf *out, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_X509(bio, cert));
	put(out, bio);
}

static void
put_key(struct buf *out, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	put(out, bio);
}

static void
put_key_traditional(struct buf *out, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, NULL, 0, NULL,
	                                                 cipher ? (void *)"pass" : NULL));
	put(out, bio);
}

static void
put_key_encrypted(struct buf *out, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), NULL, 0, NULL,
	                                          (void *)"pass"));
	put(out, bio);
}

static struct bundle got;
static struct problem why;

static enum err
read_texts(const struct buf *chain, const struct buf *key)
{
	struct bundle_pem pem = {.chain = (const char *)chain->data, .chain_len = chain->len};

	if (key) {
		pem.key = (const char *)key->data;
		pem.key_len = key->len;
	}
	bundle_done(&got);
	why = (struct problem){0};
	return bundle_read(judge, &pem, now, &got, &why);
}

static void
assert_refused(const struct buf *chain, const char *text)
{
	enum err err = read_texts(chain, NULL);

	if (err != ERR_REFUSED || !strstr(why.detail, text))
		fail_msg("wanted \"%s\", got %s \"%s\"", text, err_word(err), why.detail);
	assert_int_equal(got.name_count, 0);
	assert_int_equal(got.key.len, 0);
}

static void
assert_taken(const struct buf *chain, size_t names, size_t issuers)
{
	enum err err = read_texts(chain, NULL);
	size_t count = 0;
	struct cursor in;

	if (err)
		fail_msg("refused: %s \"%s\"", err_word(err), why.detail);
	cursor_init(&in, got.issuers.data, got.issuers.len);
	for (; in.left && !in.bad; count++)
		(void)cursor_bytes32(&in);
	assert_int_equal(got.name_count, names);
	assert_int_equal(count, issuers);
}

/* ---- set-up --------------------------------------------------------------------------------- */

enum { P256, P384, RSA2048, P224, RSA1024, ED25519, P521, P256_OTHER };

static int
setup(void **state)
{
	(void)state;
	now = time(NULL);
	keys[P256] = EVP_EC_gen("P-256");
	keys[P384] = EVP_EC_gen("P-384");
	keys[RSA2048] = EVP_RSA_gen(2048);
	keys[P224] = EVP_EC_gen("P-224");
	keys[RSA1024] = EVP_RSA_gen(1024);
	keys[ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	keys[P521] = EVP_EC_gen("P-521");
	keys[P256_OTHER] = EVP_EC_gen("P-256");
	key_root = EVP_EC_gen("P-384");
	key_inter = EVP_RSA_gen(2048);
	key_other = EVP_EC_gen("P-256");
	root = make_ca("root", key_root, NULL, key_root, 1000);
	inter = make_ca("inter", key_inter, root, key_root, 500);
	old_inter = make_ca("inter", key_inter, root, key_root, -1);
	other = make_ca("other", key_other, NULL, key_other, 500);
	return bundle_judge_new(&judge);
}

static int
teardown(void **state)
{
	(void)state;
	bundle_done(&got);
	bundle_judge_free(judge);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	EVP_PKEY_free(key_root);
	EVP_PKEY_free(key_inter);
	EVP_PKEY_free(key_other);
	X509_free(root);
	X509_free(inter);
	X509_free(old_inter);
	X509_free(other);
	return 0;
}

/* The leaf and its key, nothing else. */
static void
make_simple(const struct leaf *l, int key, struct buf *out)
{
	X509 *cert = make_leaf(l, keys[key], inter, key_inter);

	put_cert(out, cert);
	put_key(out, keys[key]);
	X509_free(cert);
}

/* ---- what is taken -------------------------------------------------------------------------- */

static const struct leaf plain = {.san = "DNS:shop.example.org"};

/* Every order of root, intermediate, leaf, key and a stranger gives the same. */
static void
test_any_order(void **state)
{
	X509 *leaf = make_leaf(&plain, keys[P256], inter, key_inter);
	int order[5] = {0, 1, 2, 3, 4};
	size_t tried = 0;

	(void)state;
	for (int code = 0; code < 3125; code++) {
		unsigned seen = 0;
		struct buf text = {0};

		for (int i = 0, rest = code; i < 5; i++, rest /= 5)
			seen |= 1u << (order[i] = rest % 5);
		if (seen != 31)
			continue;
		for (int i = 0; i < 5; i++) {
			buf_add_str(&text, "Bag Attributes\n  friendlyName: x: y\n# a comment\r\n");
			if (order[i] == 3)
				put_key(&text, keys[P256]);
			else
				put_cert(&text, order[i] == 0   ? leaf
				                : order[i] == 1 ? inter
				                : order[i] == 2 ? root
				                                : other);
		}
		assert_taken(&text, 1, 1);
		assert_string_equal(got.names[0].name, "shop.example.org");
		assert_string_equal(got.issuer, "inter");
		assert_string_equal(got.serial, "04a91f");
		assert_int_equal(got.key.len, KEY_P256_SCALAR_LEN);
		assert_false(got.self_signed);
		buf_done(&text);
		tried++;
	}
	assert_int_equal(tried, 120);
	X509_free(leaf);
}

/* Each kind of key in each of its forms, and out again. */
static void
test_keys(void **state)
{
	static const int kinds[] = {P256, P384, RSA2048};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		EVP_PKEY *key = keys[kinds[i / 2]], *back;
		X509 *leaf = make_leaf(&plain, key, inter, key_inter);
		struct buf chain = {0}, secret = {0}, out = {.secret = true};
		BIO *bio;

		put_cert(&chain, leaf);
		put_cert(&chain, inter);
		if (i % 2)
			put_key(&secret, key);
		else
			put_key_traditional(&secret, key, NULL);
		assert_int_equal(read_texts(&chain, &secret), ERR_OK);
		assert_int_equal(bundle_format_key(&got.key, &out), ERR_OK);
		bio = BIO_new_mem_buf(out.data, (int)out.len);
		back = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		assert_int_equal(EVP_PKEY_eq(back, key), 1);
		buf_reset(&out);
		assert_int_equal(bundle_format_chain(&got.leaf, &got.issuers, &out), ERR_OK);
		assert_int_equal(out.len, chain.len);
		assert_memory_equal(out.data, chain.data, chain.len);
		BIO_free(bio);
		EVP_PKEY_free(back);
		X509_free(leaf);
		buf_done(&chain);
		buf_wipe(&secret);
		buf_wipe(&out);
	}
}

static const struct {
	struct leaf leaf;
	int key;
	size_t names, left;
	const char *first; /* name */
} taken[] = {
	{{.san = "DNS:Shop.Example.ORG,DNS:shop.example.org,DNS:www.example.org"},
         P256,
         2,
         0,
         "shop.example.org"},
	{{.san = "DNS:*.example.org,IP:10.0.0.7,IP:fe80::1,email:a@b.example,URI:http://x/"},
         P256,
         1,
         4,
         "*.example.org"},
	{{.san = "DNS:a_b.example.org,DNS:ok.example.org,DNS:10.0.0.1"},
         P256,
         1,
         2,
         "ok.example.org"},
	{{.san = "DNS:a.example", .more = "eku serverAuth,clientAuth"}, P256, 1, 0, "a.example"},
	{{.san = "DNS:a.example", .more = "eku anyExtendedKeyUsage"}, P384, 1, 0, "a.example"},
	{{.san = "DNS:a.example", .more = "ku digitalSignature,keyEncipherment"},
         RSA2048,
         1,
         0,
         "a.example"},
	{{.san = "DNS:a.example", .more = "ca critical,CA:FALSE"}, P256, 1, 0, "a.example"},
	{{.san = "DNS:a.example", .from = 0, .until = 40000}, P256, 1, 0, "a.example"},
};

static void
test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct buf text = {0};

		make_simple(&taken[i].leaf, taken[i].key, &text);
		assert_taken(&text, taken[i].names, 0);
		assert_int_equal(got.left_count, taken[i].left);
		assert_string_equal(got.names[0].name, taken[i].first);
		assert_true(got.not_after > now && got.not_before <= now);
		buf_done(&text);
	}
}

static void
test_self_signed(void **state)
{
	X509 *leaf = make_leaf(&plain, keys[P256], NULL, keys[P256]);
	struct buf text = {0};

	(void)state;
	put_cert(&text, leaf);
	put_key(&text, keys[P256]);
	assert_taken(&text, 1, 0);
	assert_true(got.self_signed);
	X509_free(leaf);
	buf_done(&text);
}

/* An issuer that has expired further up ends the chain; parameters and requests are skipped. */
static void
test_odd_blocks(void **state)
{
	X509 *leaf = make_leaf(&plain, keys[P256], inter, key_inter);
	struct buf text = {0};

	(void)state;
	buf_add_str(&text, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC "
	                   "PARAMETERS-----\n");
	put_key_traditional(&text, keys[P256], NULL);
	put_cert(&text, leaf);
	put_cert(&text, leaf);
	put_cert(&text, inter);
	assert_taken(&text, 1, 1);
	X509_free(leaf);
	buf_done(&text);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static const struct {
	struct leaf leaf;
	int key;
	const char *text;
} refused[] = {
	{{.san = NULL}, P256, "no subject alternative names"},
	{{.san = "IP:10.0.0.7"}, P256, "none of the certificate's names is a host name: 10.0.0.7"},
	{{.san = "DNS:a..b"}, P256, "none of the certificate's names is a host name: a..b"},
	{{.san = "DNS:a.example", .from = -30, .until = -1}, P256, "has expired at 20"},
	{{.san = "DNS:a.example", .from = 2, .until = 9}, P256, "is not valid before 20"},
	{{.san = "DNS:a.example", .from = -1, .until = -2}, P256, "no sensible dates"},
	{{.san = "DNS:a.example", .more = "ca critical,CA:TRUE"}, P256, "that of a CA"},
	{{.san = "DNS:a.example", .more = "eku clientAuth"}, P256, "not made for TLS servers"},
	{{.san = "DNS:a.example", .more = "ku keyCertSign"}, P256, "not made for TLS servers"},
	{{.san = "DNS:a.example"}, P224, "on the curve secp224r1: certd takes P-256 and P-384"},
	{{.san = "DNS:a.example"}, P521, "on the curve secp521r1"},
	{{.san = "DNS:a.example"}, RSA1024, "an RSA key of 1024 bits: certd takes 2048 to 4096"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct buf text = {0};

		make_simple(&refused[i].leaf, refused[i].key, &text);
		assert_refused(&text, refused[i].text);
		buf_done(&text);
	}
}

static void
test_refused_keys(void **state)
{
	X509 *leaf = make_leaf(&plain, keys[P256], inter, key_inter);
	struct buf cert = {0}, text = {0};

	(void)state;
	put_cert(&cert, leaf);
#define TRY(reason, ...)                                                                           \
	buf_reset(&text);                                                                          \
	buf_add(&text, cert.data, cert.len);                                                       \
	__VA_ARGS__;                                                                               \
	assert_refused(&text, reason)
	TRY("no private key", (void)0);
	TRY("is not that of the certificate", put_key(&text, keys[P256_OTHER]));
	TRY("is not that of the certificate", put_key(&text, keys[RSA2048]));
	TRY("is that of none of", put_cert(&text, inter); put_key(&text, keys[P256_OTHER]));
	TRY("more than one private key", put_key(&text, keys[P256]); put_key(&text, keys[P256]));
	TRY("is encrypted: decrypt it first", put_key_encrypted(&text, keys[P256]));
	TRY("is encrypted", put_key_traditional(&text, keys[P256], EVP_aes_128_cbc()));
	TRY("a key of type ED25519", put_key(&text, keys[ED25519]));
	TRY("of the form \"OPENSSH PRIVATE KEY\"",
	    buf_add_str(&text,
	                "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE "
	                "KEY-----\n"));
	TRY("cannot be decoded", buf_add_str(&text, "-----BEGIN PRIVATE KEY-----\nAAAA\n"
	                                            "-----END PRIVATE KEY-----\n"));
	TRY("none of the other certificates has signed it", put_cert(&text, other);
	    put_key(&text, keys[P256]));
	TRY("the certificate that signed it has expired", put_cert(&text, old_inter);
	    put_key(&text, keys[P256]));
	TRY("one of the certificates cannot be decoded",
	    buf_add_str(&text, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
	    put_key(&text, keys[P256]));
#undef TRY
	X509_free(leaf);
	buf_done(&cert);
	buf_done(&text);
}

static const struct {
	const char *text;
	const char *reason;
} broken[] = {
	{"", "no certificate"},
	{"hello\n", "no certificate"},
	{"-----BEGIN CERTIFICATE-----\nMAA=\n", "damaged PEM"},
	{"-----BEGIN CERTIFICATE-----\nMA!=\n-----END CERTIFICATE-----\n", "damaged PEM"},
	{"-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n", "damaged PEM"},
	{"-----BEGIN CERTIFICATE-----\nMAA=\n-----END PRIVATE KEY-----\n", "damaged PEM"},
	{"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "an empty certificate"},
	{"-----BEGIN A LABEL THAT GOES ON AND ON AND ON AND ON AND ON-----\n", "damaged PEM"},
	{"-----BEGIN \n-----\nMAA=\n-----END \n-----\n", "damaged PEM"},
	{"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END CERTIFICATE-----",
         "an encrypted certificate"},
	{"-----BEGIN", "no certificate"},
	{"-----BEGIN ", "damaged PEM"},
};

static void
test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct buf text = {0};

		buf_add_str(&text, broken[i].text);
		assert_refused(&text, broken[i].reason);
		buf_done(&text);
	}
}

/* Eleven certificates; 101 names; 1 MiB and a byte. */
static void
test_too_many(void **state)
{
	struct buf text = {0}, san = {0};
	struct leaf many = {0};

	(void)state;
	make_simple(&plain, P256, &text);
	for (int i = 0; i < 11; i++) {
		X509 *more = make_ca("more", key_other, other, key_other, 10 + i);

		put_cert(&text, more);
		X509_free(more);
	}
	assert_refused(&text, "more than 10 certificates");
	for (int i = 0; i < BUNDLE_NAMES_MAX + 1; i++)
		buf_printf(&san, "%sDNS:n%d.example", i ? "," : "", i);
	many.san = buf_str(&san);
	buf_reset(&text);
	make_simple(&many, P256, &text);
	assert_refused(&text, "the certificate has 101 names: at most 100");
	buf_reset(&text);
	make_simple(&plain, P256, &text);
	while (text.len <= BUNDLE_PEM_MAX)
		buf_add_str(&text, "# a comment line that fills the file, again and again\n");
	assert_refused(&text, "larger than 1 MiB");
	text.len = BUNDLE_PEM_MAX;
	assert_taken(&text, 1, 0);
	buf_done(&text);
	buf_done(&san);
}

/* What OpenSSL's own builder of extensions does not make. */
static void
test_nul_in_name(void **state)
{
	static const char name[] = "a.example\0.evil.example";
	X509 *leaf = start_cert("leaf", keys[P256], inter, -1, 30);
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	struct buf pem = {0};

	(void)state;
	ASN1_STRING_set(text, name, sizeof(name) - 1);
	GENERAL_NAME_set0_value(gn, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, gn);
	assert_int_equal(X509_add1_ext_i2d(leaf, NID_subject_alt_name, names, 0, 0), 1);
	assert_true(X509_sign(leaf, key_inter, EVP_sha256()) > 0);
	put_cert(&pem, leaf);
	put_key(&pem, keys[P256]);
	assert_refused(&pem, "a name with a NUL in it: \"a.example\", then NUL");
	GENERAL_NAMES_free(names);
	X509_free(leaf);
	buf_done(&pem);
}

/* A signature, a name or a date that was changed afterwards: every single byte of the leaf. */
static void
test_changed_bytes(void **state)
{
	X509 *leaf = make_leaf(&plain, keys[P256], inter, key_inter);
	struct buf inter_pem = {0}, text = {0};
	unsigned char *der = NULL;
	int len = i2d_X509(leaf, &der);

	(void)state;
	put_cert(&inter_pem, inter);
	put_key(&inter_pem, keys[P256]);
	for (int i = 0; i < len; i++) {
		BIO *bio = BIO_new(BIO_s_mem());

		der[i] ^= 0x20;
		buf_reset(&text);
		PEM_write_bio(bio, "CERTIFICATE", "", der, len);
		put(&text, bio);
		buf_add(&text, inter_pem.data, inter_pem.len);
		assert_int_equal(read_texts(&text, NULL), ERR_REFUSED);
		der[i] ^= 0x20;
	}
	OPENSSL_free(der);
	X509_free(leaf);
	buf_done(&inter_pem);
	buf_done(&text);
}

/* ---- speed ---------------------------------------------------------------------------------- */

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Figures, no judgement: the machine may be busy. CPU time of this thread. */
static void
test_speed(void **state)
{
	enum { ROUNDS = 500 };
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	X509 *ca = make_ca("fast", ca_key, root, key_root, 100);
	X509 *leaf = make_leaf(&plain, keys[P256], ca, ca_key);
	struct buf chain = {0}, key = {0}, der = {0};
	double began, pem_us;

	(void)state;
	put_cert(&chain, leaf);
	put_cert(&chain, ca);
	put_key(&key, keys[P256]);
	assert_int_equal(read_texts(&chain, &key), ERR_OK);
	began = cpu_us();
	for (int i = 0; i < ROUNDS; i++) {
		struct pem pem;

		buf_reset(&der);
		pem_init(&pem, chain.data, chain.len);
		assert_int_equal(pem_next(&pem, &der), ERR_OK);
		assert_int_equal(pem_next(&pem, &der), ERR_OK);
		pem_init(&pem, key.data, key.len);
		assert_int_equal(pem_next(&pem, &der), ERR_OK);
	}
	pem_us = (cpu_us() - began) / ROUNDS;
	began = cpu_us();
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(read_texts(&chain, &key), ERR_OK);
	print_message("           PEM %.1f us, decoding and judging %.1f us a certificate\n",
	              pem_us, (cpu_us() - began) / ROUNDS - pem_us);
	buf_done(&chain);
	buf_done(&key);
	buf_done(&der);
	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),     cmocka_unit_test(test_keys),
		cmocka_unit_test(test_taken),         cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_odd_blocks),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_keys),  cmocka_unit_test(test_broken),
		cmocka_unit_test(test_too_many),      cmocka_unit_test(test_nul_in_name),
		cmocka_unit_test(test_changed_bytes), cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
