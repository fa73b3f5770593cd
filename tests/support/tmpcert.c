/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpcert.h"

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

static EVP_PKEY *ca_key;
static X509 *ca;

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *
start_cert(const char *common_name, uint64_t serial, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	assert_non_null(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial);
	X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
	                           (const unsigned char *)common_name, -1, -1, 0);
	X509_set_pubkey(cert, key);
	return cert;
}

X509 *
tmpcert_ca(void)
{
	if (ca)
		return ca;
	assert_non_null(ca_key = EVP_EC_gen("P-256"));
	ca = start_cert("test CA", 1, ca_key);
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	X509_gmtime_adj(X509_getm_notBefore(ca), -10 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(ca), 10 * 86400);
	add_extension(ca, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(ca, ca_key, EVP_sha256()) > 0);
	return ca;
}

void
tmpcert_done(void)
{
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	ca = NULL;
	ca_key = NULL;
}

static X509 *
make_leaf(const struct domain *d, EVP_PKEY *key)
{
	X509 *cert = start_cert("test leaf", d->generation, key);
	char san[HOSTNAME_MAX + 8];

	X509_set_issuer_name(cert, X509_get_subject_name(tmpcert_ca()));
	ASN1_TIME_set(X509_getm_notBefore(cert), d->not_before);
	ASN1_TIME_set(X509_getm_notAfter(cert), d->not_after);
	snprintf(san, sizeof(san), "DNS:%s", d->name.name);
	add_extension(cert, NID_subject_alt_name, san);
	assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);
	return cert;
}

static void
add_der(X509 *x, struct buf *out, bool prefixed)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	assert_true(len > 0);
	if (prefixed)
		buf_bytes32(out, der, (size_t)len);
	else
		buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

static void
make_cert(const struct tmpcert *spec, const struct domain *d, struct cert *cert)
{
	EVP_PKEY *key = spec->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *leaf;

	assert_non_null(key);
	leaf = make_leaf(d, key);
	cert_init(cert);
	cert->generation = d->generation;
	cert->not_before = d->not_before;
	cert->not_after = d->not_after;
	cert->key_kind = spec->rsa ? CERT_KEY_PKCS8 : CERT_KEY_P256;
	assert_int_equal(key_save(key, &cert->key), ERR_OK);
	if (spec->damaged)
		buf_add_str(&cert->leaf, "this is no certificate");
	else
		add_der(leaf, &cert->leaf, false);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

void
tmpcert_store(struct tmpstore *t, const struct tmpcert *spec)
{
	struct domain d = tmpstore_domain(spec->name, 0);
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct cert cert;
	struct buf chain;

	snprintf(d.backend, sizeof(d.backend), "%s", spec->backend ? spec->backend : "echo");
	d.state = DOMAIN_VALID;
	d.generation = spec->generation ? spec->generation : 1;
	d.not_before = spec->not_before ? spec->not_before : time(NULL) - 3600;
	d.not_after = spec->not_after ? spec->not_after : time(NULL) + 86400;
	buf_init(&chain);
	add_der(tmpcert_ca(), &chain, true);
	make_cert(spec, &d, &cert);
	assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
}
