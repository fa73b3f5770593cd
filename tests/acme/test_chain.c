/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme/key.h"
#include "base/cursor.h"
#include "base/hostname.h"
#include "base/problem.h"

enum { NOW = 1800000000, DAY = 86400 };

/* A small world: root -> inter -> leaf, each with its key; tests bend what they need. */
enum who { ROOT, INTER, LEAF, OTHER, WHO_COUNT };

struct spec {
	const char *san; /* of the leaf, as X509V3_EXT_conf() has it; NULL: none */
	int64_t leaf_from, leaf_until, inter_until;
	bool leaf_is_ca, leaf_for_clients, leaf_self_signed, inter_is_no_ca, broken_link;
};

static const struct spec good = {.san = "DNS:a.example,DNS:*.b.example",
                                 .leaf_from = NOW - DAY,
                                 .leaf_until = NOW + DAY,
                                 .inter_until = NOW + 9 * DAY};

struct world {
	EVP_PKEY *keys[WHO_COUNT];
	X509 *certs[WHO_COUNT];
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
make(const char *name, EVP_PKEY *key, X509 *issuer, int64_t from, int64_t until, bool is_ca)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 0x87654321);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
	                           -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	ASN1_TIME_set(X509_getm_notBefore(cert), from);
	ASN1_TIME_set(X509_getm_notAfter(cert), until);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");

	return cert;
}

static void
world_init(struct world *w, const struct spec *s)
{
	for (int i = 0; i < WHO_COUNT; i++)
		assert_int_equal(key_new(KEY_ECDSA_P256, &w->keys[i]), ERR_OK);
	w->certs[ROOT] = make("Root", w->keys[ROOT], NULL, 0, NOW + 90 * DAY, true);
	X509_sign(w->certs[ROOT], w->keys[ROOT], EVP_sha256());
	w->certs[OTHER] = make("Other", w->keys[OTHER], NULL, 0, NOW + 90 * DAY, true);
	X509_sign(w->certs[OTHER], w->keys[OTHER], EVP_sha256());
	w->certs[INTER] = make("Inter", w->keys[INTER], w->certs[ROOT], 0, s->inter_until,
	                       !s->inter_is_no_ca);
	X509_sign(w->certs[INTER], w->keys[ROOT], EVP_sha256());
	w->certs[LEAF] = make("", w->keys[LEAF], s->leaf_self_signed ? NULL : w->certs[INTER],
	                      s->leaf_from, s->leaf_until, s->leaf_is_ca);
	if (s->san)
		add_extension(w->certs[LEAF], NID_subject_alt_name, s->san);
	add_extension(w->certs[LEAF], NID_ext_key_usage,
	              s->leaf_for_clients ? "clientAuth" : "serverAuth");
	X509_sign(w->certs[LEAF],
	          w->keys[s->broken_link        ? OTHER
	                  : s->leaf_self_signed ? LEAF
	                                        : INTER],
	          EVP_sha256());
}

static void
world_done(struct world *w)
{
	for (int i = 0; i < WHO_COUNT; i++) {
		X509_free(w->certs[i]);
		EVP_PKEY_free(w->keys[i]);
	}
}

/* PEM of the certificates whose letters are in ORDER: l i r o; k is the leaf's key, x garbage. */
static void
write_pem(const struct world *w, const char *order, struct buf *out)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *data;
	long len;

	for (; *order; order++) {
		if (*order == 'k')
			PEM_write_bio_PKCS8PrivateKey(mem, w->keys[LEAF], NULL, NULL, 0, NULL,
			                              NULL);
		else if (*order == 'x')
			BIO_puts(mem,
			         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
		else if (*order == 'b')
			BIO_puts(mem,
			         "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
		else if (*order == 't')
			BIO_puts(mem, "some words between\n");
		else
			PEM_write_bio_X509(mem, w->certs[*order == 'l'   ? LEAF
			                                 : *order == 'i' ? INTER
			                                 : *order == 'r' ? ROOT
			                                                 : OTHER]);
	}
	len = BIO_get_mem_data(mem, &data);
	buf_reset(out);
	buf_add(out, data, (size_t)len);
	BIO_free(mem);
}

static enum err
check(const struct world *w, const char *order, const char *const *names, struct chain *chain,
      struct problem *why)
{
	struct hostname hosts[4];
	struct buf pem = {0};
	size_t count = 0;
	enum err err;

	for (; names[count]; count++)
		assert_int_equal(hostname_parse_any(names[count], &hosts[count], NULL), ERR_OK);
	write_pem(w, order, &pem);
	err = chain_check(pem.data, pem.len, w->keys[LEAF], hosts, count, NOW, chain, why);
	buf_done(&pem);
	return err;
}

/* "i" for [inter], "ir"... what chain->issuers holds. */
static void
letters_of(const struct world *w, const struct chain *chain, char *dst)
{
	struct cursor in;

	for (cursor_init(&in, chain->issuers.data, chain->issuers.len); in.left;) {
		struct span der = cursor_bytes32(&in);
		const unsigned char *at = der.data;
		X509 *cert = d2i_X509(NULL, &at, (long)der.len);

		assert_non_null(cert);
		*dst++ = X509_cmp(cert, w->certs[INTER]) == 0  ? 'i'
		         : X509_cmp(cert, w->certs[ROOT]) == 0 ? 'r'
		                                               : '?';
		X509_free(cert);
	}
	assert_false(in.bad);
	*dst = '\0';
}

static const char *const both[] = {"a.example", "x.b.example", NULL};

static void
chains_are_put_in_order(void **state)
{
	static const struct {
		const char *sent;
		const char *kept;
	} rows[] = {{"li", "i"}, {"lir", "i"}, {"il", "i"},    {"ril", "i"}, {"loi", "i"},
	            {"l", ""},   {"lii", "i"}, {"tltit", "i"}, {"lio", "i"}};
	struct world w;

	(void)state;
	world_init(&w, &good);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chain chain;
		struct problem why;
		const unsigned char *at;
		char letters[CHAIN_MAX + 1];
		X509 *leaf;

		chain_init(&chain);
		if (check(&w, rows[i].sent, both, &chain, &why))
			fail_msg("%s: %s", rows[i].sent, why.detail);
		letters_of(&w, &chain, letters);
		assert_string_equal(letters, rows[i].kept);
		at = chain.leaf.data;
		leaf = d2i_X509(NULL, &at, (long)chain.leaf.len);
		assert_int_equal(X509_cmp(leaf, w.certs[LEAF]), 0);
		assert_int_equal(chain.not_before, NOW - DAY);
		assert_int_equal(chain.not_after, NOW + DAY);
		X509_free(leaf);
		chain_done(&chain);
	}
	world_done(&w);
}

/* RFC 8738: an address is in the certificate as iPAddress, and nowhere else. */
static void
addresses_are_covered(void **state)
{
	static const struct {
		const char *san;
		const char *host;
		bool fine;
	} rows[] = {
		{"IP:192.0.2.1", "192.0.2.1", true},
		{"DNS:a.example,IP:2001:db8::1", "2001:db8::1", true},
		{"IP:2001:db8::1,IP:192.0.2.1", "192.0.2.1", true},
		{"IP:192.0.2.1", "192.0.2.2", false},
		{"DNS:192.0.2.1", "192.0.2.1", false},
		{"DNS:*.0.2.1", "192.0.2.1", false},
		{"IP:2001:db8::1", "2001:db8::2", false},
		{"IP:192.0.2.1", "a.example", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const names[] = {rows[i].host, NULL};
		struct spec spec = good;
		struct problem why = {0};
		struct chain chain;
		struct world w;

		spec.san = rows[i].san;
		world_init(&w, &spec);
		chain_init(&chain);
		if ((check(&w, "li", names, &chain, &why) == ERR_OK) != rows[i].fine)
			fail_msg("%s for %s: %s", rows[i].san, rows[i].host, why.detail);
		if (!rows[i].fine)
			assert_non_null(strstr(why.detail, rows[i].host));
		chain_done(&chain);
		world_done(&w);
	}
}

static void
spki_of(X509 *cert, unsigned char hash[32])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	assert_true(len > 0);
	assert_int_equal(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
}

static void
a_chain_is_known_by_its_end_or_a_key(void **state)
{
	static const struct {
		const char *sent;
		const char *issuer; /* NULL: any */
		char key;           /* whose, 0: any */
		bool matches;
	} rows[] = {
		{"li", "Root", 0, true},    {"il", "Root", 0, true},   {"lir", "Root", 0, true},
		{"li", "root", 0, false},   {"li", "Inter", 0, false}, {"l", "Inter", 0, true},
		{"lio", "Other", 0, true},  {"li", NULL, 'i', true},   {"li", NULL, 'r', false},
		{"lir", NULL, 'r', true},   {"li", NULL, 'l', false},  {"li", "Root", 'i', true},
		{"li", "Root", 'r', false}, {"", NULL, 0, false},      {"t", "Root", 0, false},
		{"li", NULL, 0, true},
	};
	unsigned char hash[32];
	struct world w;

	(void)state;
	world_init(&w, &good);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf pem = {0};
		char key = rows[i].key;

		write_pem(&w, rows[i].sent, &pem);
		if (key)
			spki_of(w.certs[key == 'i' ? INTER : key == 'r' ? ROOT : LEAF], hash);
		if (chain_matches(pem.data, pem.len, rows[i].issuer, key ? hash : NULL) !=
		    rows[i].matches)
			fail_msg("%s, issuer %s, key %c", rows[i].sent,
			         rows[i].issuer ? rows[i].issuer : "any", key ? key : '-');
		buf_done(&pem);
	}
	world_done(&w);
}

static const struct {
	const char *name;
	const char *sent;
	const char *host;
	struct spec bent; /* `san` NULL and no flag: as it is good */
	const char *detail;
} refusals[] = {
	{.name = "empty", .sent = "", .detail = "no certificate"},
	{.name = "words", .sent = "t", .detail = "no certificate"},
	{.name = "another key", .sent = "ir", .detail = "another key"},
	{.name = "private key", .sent = "lki", .detail = "PRIVATE KEY among"},
	{.name = "not DER", .sent = "lx", .detail = "certificate 2 of the CA's chain cannot be"},
	{.name = "not base64", .sent = "lb", .detail = "damaged"},
	{.name = "eleven", .sent = "liiiiiiiiii", .detail = "more than 10"},
	{.name = "stranger", .sent = "lo", .detail = "none of the certificates"},
	{.name = "name missing", .sent = "li", .host = "c.example", .detail = "cover c.example"},
	{.name = "too deep",
         .sent = "li",
         .host = "x.y.b.example",
         .detail = "cover x.y.b.example"},
	{.name = "apex of the wildcard", .sent = "li", .host = "b.example", .detail = "b.example"},
	{.name = "wildcard missing", .sent = "li", .host = "*.a.example", .detail = "*.a.example"},
	{.name = "no names",
         .sent = "li",
         .bent = {.leaf_until = NOW + DAY},
         .detail = "no subject"},
	{.name = "name is an address",
         .sent = "li",
         .bent = {.san = "IP:192.0.2.1", .leaf_until = NOW + DAY},
         .detail = "cover a.example"},
	{.name = "name is a mail address",
         .sent = "li",
         .bent = {.san = "email:x@a.example", .leaf_until = NOW + DAY},
         .detail = "cover a.example"},
	{.name = "expired",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW},
         .detail = "expired at 2027-01-15T08:00:00Z"},
	{.name = "not yet",
         .sent = "li",
         .bent = {.san = "DNS:a.example",
                  .leaf_from = NOW + CHAIN_CLOCK_SLACK + 1,
                  .leaf_until = NOW + DAY},
         .detail = "not valid before"},
	{.name = "upside down",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_from = NOW + 20, .leaf_until = NOW + 10},
         .detail = "no sensible dates"},
	{.name = "a CA",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .leaf_is_ca = true},
         .detail = "that of a CA"},
	{.name = "for clients",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .leaf_for_clients = true},
         .detail = "not made for TLS servers"},
	{.name = "self-signed",
         .sent = "l",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .leaf_self_signed = true},
         .detail = "signed by itself"},
	{.name = "signature broken",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .broken_link = true},
         .detail = "none of the certificates"},
	{.name = "issuer is no CA",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .inter_is_no_ca = true},
         .detail = "none of the certificates"},
	{.name = "issuer expired",
         .sent = "li",
         .bent = {.san = "DNS:a.example", .leaf_until = NOW + DAY, .inter_until = NOW - 1},
         .detail = "has itself expired"},
};

static void
bad_chains_are_refused_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const char *host = refusals[i].host ? refusals[i].host : "a.example";
		const char *const names[] = {host, NULL};
		struct spec spec = refusals[i].bent;
		struct chain chain;
		struct problem why = {0};
		struct world w;
		enum err err;

		if (!spec.leaf_until)
			spec = good;
		if (!spec.inter_until)
			spec.inter_until = NOW + DAY;
		world_init(&w, &spec);
		chain_init(&chain);
		err = check(&w, refusals[i].sent, names, &chain, &why);
		if (err != ERR_REFUSED || why.kind != PROBLEM_CERT_REJECTED ||
		    !strstr(why.detail, refusals[i].detail))
			fail_msg("%s: %s %s: %s", refusals[i].name, err_word(err),
			         problem_code(why.kind), why.detail);
		assert_null(chain.leaf.data);
		world_done(&w);
	}
}

static void
clocks_may_differ_by_an_hour(void **state)
{
	static const char *const names[] = {"a.example", NULL};
	struct spec spec = good;
	struct chain chain;
	struct problem why;
	struct world w;

	(void)state;
	spec.leaf_from = NOW + CHAIN_CLOCK_SLACK;
	world_init(&w, &spec);
	chain_init(&chain);
	assert_int_equal(check(&w, "li", names, &chain, &why), ERR_OK);
	chain_done(&chain);
	world_done(&w);
}

static void
garbage_is_no_chain(void **state)
{
	static const char *const texts[] = {"\0\0\0", "-----BEGIN CERTIFICATE-----\n",
	                                    "-----BEGIN CERTIFICATE-----\nMIIB", "<html>"};
	struct hostname name;
	struct chain chain;
	struct problem why;
	EVP_PKEY *key;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P256, &key), ERR_OK);
	assert_int_equal(hostname_parse("a.example", &name, NULL), ERR_OK);
	chain_init(&chain);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			chain_check(texts[i], strlen(texts[i]), key, &name, 1, NOW, &chain, &why),
			ERR_REFUSED);
	EVP_PKEY_free(key);
}

static void
facts_for_people(void **state)
{
	static const char *const names[] = {"a.example", NULL};
	struct chain chain;
	struct chain_facts facts;
	struct problem why;
	struct world w;

	(void)state;
	world_init(&w, &good);
	chain_init(&chain);
	assert_int_equal(check(&w, "li", names, &chain, &why), ERR_OK);
	assert_int_equal(chain_facts(chain.leaf.data, chain.leaf.len, &facts), ERR_OK);
	assert_string_equal(facts.serial, "87654321");
	assert_string_equal(facts.issuer, "Inter");
	assert_string_equal(facts.key, "ecdsa-p256");
	assert_int_equal(facts.names.len, sizeof("a.example\0*.b.example"));
	assert_memory_equal(facts.names.data, "a.example\0*.b.example", facts.names.len);
	buf_done(&facts.names);
	assert_int_equal(chain_facts("x", 1, &facts), ERR_INVALID);
	chain_done(&chain);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_are_put_in_order),
		cmocka_unit_test(addresses_are_covered),
		cmocka_unit_test(a_chain_is_known_by_its_end_or_a_key),
		cmocka_unit_test(bad_chains_are_refused_in_words),
		cmocka_unit_test(clocks_may_differ_by_an_hour),
		cmocka_unit_test(garbage_is_no_chain),
		cmocka_unit_test(facts_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
