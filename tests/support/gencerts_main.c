/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gencerts - many distinct certificates, quickly, for benches
 *
 *   gencerts [-k KEYS] [-f FROM] [-d DAYS] COUNT [CA.pem]
 *
 * Prints COUNT lines {"name","chain_pem","key_pem"} for d0000000.load.test and on, as `certctl
 * import -f -` reads them: distinct P-256 leaves over KEYS keys (default 64), each with one issuer.
 * The issuer's certificate is written to CA.pem. FROM is the first number; the CA is the same for
 * every run with the same CA.pem, so several runs side by side make one set.
 */
#include <getopt.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 4096 };

struct key {
	EVP_PKEY *pkey;
	char *json; /* its PEM with \n escaped */
};

static struct key keys[KEYS_MAX];
static size_t key_count = 64;
static EVP_PKEY *ca_key;
static X509 *ca;
static char *ca_json;

static void
check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "gencerts: %s failed\n", what);
	exit(1);
}

/* PEM as the inside of a JSON string. */
static char *
escaped(BIO *bio)
{
	char *text, *out, *p;
	long len = BIO_get_mem_data(bio, &text);

	out = p = malloc((size_t)len * 2 + 1);
	check(out != NULL, "malloc");
	for (long i = 0; i < len; i++) {
		if (text[i] == '\n')
			*p++ = '\\';
		*p++ = text[i] == '\n' ? 'n' : text[i];
	}
	*p = '\0';
	return out;
}

/* Public certificates carry two or three signed certificate timestamps (RFC 6962): as many bytes.
 */
static void
add_timestamps(X509 *x, long serial)
{
	unsigned char bytes[366];
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)((unsigned long)serial * 2654435761u >> (i % 24));
	check(value && ASN1_OCTET_STRING_set(value, bytes, sizeof(bytes)), "timestamps");
	e = X509_EXTENSION_create_by_NID(NULL, NID_ct_precert_scts, 0, value);
	check(e && X509_add_ext(x, e, -1), "timestamps");
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
}

static X509 *
make_cert(const char *name, EVP_PKEY *key, long serial, long days, int is_ca)
{
	static const char *const leaf_usage = "critical,digitalSignature";
	X509 *x = X509_new();
	X509V3_CTX ctx;
	char san[300];

	check(x && X509_set_version(x, 2), "X509_new");
	ASN1_INTEGER_set_int64(X509_get_serialNumber(x), 0x4000000000000000 + serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
	X509_set_pubkey(x, key);
	if (is_ca)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		                           (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, is_ca ? X509_get_subject_name(x) : X509_get_subject_name(ca));
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, is_ca ? x : ca, x, NULL, NULL, 0);
	snprintf(san, sizeof(san), "DNS:%s", name);
	const struct {
		int nid;
		const char *value;
	} extensions[] = {
		{NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"},
		{NID_key_usage, is_ca ? "critical,keyCertSign,cRLSign" : leaf_usage},
		{NID_ext_key_usage, is_ca ? NULL : "serverAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, is_ca ? NULL : "keyid"},
		{NID_info_access, is_ca ? NULL : "caIssuers;URI:http://ca.load.test/issuer.crt"},
		{NID_subject_alt_name, is_ca ? NULL : san},
	};
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		X509_EXTENSION *e = NULL;

		if (!extensions[i].value)
			continue;
		e = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
		check(e && X509_add_ext(x, e, -1), OBJ_nid2sn(extensions[i].nid));
		X509_EXTENSION_free(e);
	}
	if (!is_ca)
		add_timestamps(x, serial);
	check(X509_sign(x, ca_key, EVP_sha256()) > 0, "X509_sign");
	return x;
}

/* Reads the CA of an earlier run, or makes one. */
static void
open_ca(const char *path)
{
	BIO *file = path ? BIO_new_file(path, "r") : NULL, *mem = BIO_new(BIO_s_mem());

	if (file) {
		ca = PEM_read_bio_X509(file, NULL, NULL, NULL);
		ca_key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
		check(ca && ca_key, "reading the CA");
		BIO_free(file);
	} else {
		ca_key = EVP_EC_gen("P-256");
		check(ca_key != NULL, "the CA's key");
		ca = make_cert("load test CA", ca_key, 0, 3650, 1);
		file = path ? BIO_new_file(path, "w") : NULL;
		check(!path || (file && PEM_write_bio_X509(file, ca) &&
		                PEM_write_bio_PrivateKey(file, ca_key, NULL, NULL, 0, NULL, NULL)),
		      "writing the CA");
		BIO_free(file);
	}
	PEM_write_bio_X509(mem, ca);
	ca_json = escaped(mem);
	BIO_free(mem);
}

static void
make_keys(void)
{
	for (size_t i = 0; i < key_count; i++) {
		BIO *mem = BIO_new(BIO_s_mem());

		keys[i].pkey = EVP_EC_gen("P-256");
		check(keys[i].pkey && PEM_write_bio_PrivateKey(mem, keys[i].pkey, NULL, NULL, 0,
		                                               NULL, NULL),
		      "a key");
		keys[i].json = escaped(mem);
		BIO_free(mem);
	}
}

static void
print_line(long number, long days)
{
	const struct key *key = &keys[(size_t)number % key_count];
	BIO *mem = BIO_new(BIO_s_mem());
	char name[64], *leaf;
	X509 *x;

	snprintf(name, sizeof(name), "d%07ld.load.test", number);
	x = make_cert(name, key->pkey, number + 1, days, 0);
	PEM_write_bio_X509(mem, x);
	leaf = escaped(mem);
	printf("{\"name\":\"%s\",\"chain_pem\":\"%s%s\",\"key_pem\":\"%s\"}\n", name, leaf, ca_json,
	       key->json);
	free(leaf);
	BIO_free(mem);
	X509_free(x);
}

int
main(int argc, char **argv)
{
	long count, from = 0, days = 90;
	int c;

	while ((c = getopt(argc, argv, "k:f:d:")) != -1) {
		if (c == 'k')
			key_count = (size_t)atol(optarg);
		else if (c == 'f')
			from = atol(optarg);
		else if (c == 'd')
			days = atol(optarg);
		else
			return 2;
	}
	if (optind >= argc || key_count < 1 || key_count > KEYS_MAX) {
		fprintf(stderr, "usage: gencerts [-k KEYS] [-f FROM] [-d DAYS] COUNT [CA.pem]\n");
		return 2;
	}
	count = atol(argv[optind]);
	open_ca(argv[optind + 1]);
	make_keys();
	for (long i = from; i < from + count; i++)
		print_line(i, days);
	return 0;
}
