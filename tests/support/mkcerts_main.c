/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkcerts COUNT [DOMAIN] - COUNT certificates as lines for `certctl import -f -`
 *
 * Names n0000000.DOMAIN and so on; P-256 leaves of one intermediate over a few keys, each line
 * {"chain_pem","key_pem"} with the intermediate. The root goes to stderr, for those who verify.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 16 };

static void
must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "mkcerts: %s failed\n", what);
	exit(1);
}

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(ext && X509_add_ext(cert, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static X509 *
make(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, uint64_t serial)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), 0x5000000000000000u + serial);
	if (*cn)
		X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
		                           (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert),
	                (issuer ? 90 : 900) * 86400L + (long)serial % 86400);
	X509_set_pubkey(cert, key);
	if (signer == key || !strchr(cn, '.')) {
		extend(cert, NID_basic_constraints, "critical,CA:TRUE");
	} else {
		char san[300];

		snprintf(san, sizeof(san), "DNS:%s", cn);
		extend(cert, NID_subject_alt_name, san);
		extend(cert, NID_key_usage, "critical,digitalSignature");
		extend(cert, NID_ext_key_usage, "serverAuth");
		extend(cert, NID_basic_constraints, "critical,CA:FALSE");
	}
	must(X509_sign(cert, signer, EVP_sha256()) > 0, "signing");
	return cert;
}

static void
put(BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	for (long i = 0; i < len; i++)
		if (text[i] == '\n')
			fputs("\\n", stdout);
		else
			putchar(text[i]);
	BIO_reset(bio);
}

int
main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0;
	const char *domain = argc > 2 ? argv[2] : "import.test";
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *inter_key = EVP_EC_gen("P-256"), *keys[KEYS];
	X509 *root = make("mkcerts root", root_key, NULL, root_key, 0);
	X509 *inter = make("mkcerts intermediate", inter_key, root, root_key, 1);
	BIO *bio = BIO_new(BIO_s_mem());
	char name[256];

	for (int i = 0; i < KEYS; i++)
		keys[i] = EVP_EC_gen("P-256");
	for (long i = 0; i < count; i++) {
		X509 *leaf;

		snprintf(name, sizeof(name), "n%07ld.%s", i, domain);
		leaf = make(name, keys[i % KEYS], inter, inter_key, (uint64_t)i + 2);
		fputs("{\"chain_pem\":\"", stdout);
		PEM_write_bio_X509(bio, leaf);
		PEM_write_bio_X509(bio, inter);
		put(bio);
		fputs("\",\"key_pem\":\"", stdout);
		PEM_write_bio_PKCS8PrivateKey(bio, keys[i % KEYS], NULL, NULL, 0, NULL, NULL);
		put(bio);
		fputs("\"}\n", stdout);
		X509_free(leaf);
	}
	PEM_write_X509(stderr, root);
	for (int i = 0; i < KEYS; i++)
		EVP_PKEY_free(keys[i]);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(inter_key);
	X509_free(root);
	X509_free(inter);
	BIO_free(bio);
	return 0;
}
