/* SPDX-License-Identifier: Apache-2.0 */
/* acme/chain_match.c - which of a CA's chains was asked for */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/chain_link.h"

enum { SPKI_LEN = SHA256_DIGEST_LENGTH };

void
chain_issuer_name(X509 *cert, char issuer[CHAIN_ISSUER_MAX + 1])
{
	const X509_NAME *name = X509_get_issuer_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at < 0 ? 0 : at);
	unsigned char *text = NULL;
	int len = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;

	snprintf(issuer, CHAIN_ISSUER_MAX + 1, "%.*s", len > 0 ? len : 0, text ? (char *)text : "");
	OPENSSL_free(text);
}

static size_t
read_all(const void *pem, size_t len, X509 *certs[CHAIN_MAX])
{
	BIO *in = len <= INT_MAX ? BIO_new_mem_buf(len ? pem : "", (int)len) : NULL;
	size_t count = 0;

	while (in && count < CHAIN_MAX && (certs[count] = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		count++;
	ERR_clear_error();
	BIO_free(in);
	return count;
}

static bool
is_issued_by(X509 *cert, X509 *issuer)
{
	return X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) == 0;
}

/* Whether nobody else of the chain has issued certificate AT. */
static bool
is_last(X509 *const certs[CHAIN_MAX], size_t count, size_t at)
{
	for (size_t i = 0; i < count; i++)
		if (i != at && is_issued_by(certs[at], certs[i]))
			return false;
	return true;
}

static bool
ends_with(X509 *const certs[CHAIN_MAX], size_t count, const char *issuer)
{
	char name[CHAIN_ISSUER_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		chain_issuer_name(certs[i], name);
		if (is_last(certs, count, i) && strcmp(name, issuer) == 0)
			return true;
	}
	return false;
}

/* Whether a certificate that has issued another, or itself, has the key. */
static bool
has_key(X509 *const certs[CHAIN_MAX], size_t count, const unsigned char *spki)
{
	unsigned char hash[SPKI_LEN], *der = NULL;
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certs[i]), &der);

		if (len > 0 && X509_check_ca(certs[i]) > 0)
			found = SHA256(der, (size_t)len, hash) && memcmp(hash, spki, SPKI_LEN) == 0;
		OPENSSL_free(der);
		der = NULL;
	}
	ERR_clear_error();
	return found;
}

bool
chain_matches(const void *pem, size_t len, const char *issuer, const unsigned char *spki)
{
	X509 *certs[CHAIN_MAX];
	size_t count = read_all(pem, len, certs);
	bool yes = count > 0 && (!issuer || ends_with(certs, count, issuer)) &&
	           (!spki || has_key(certs, count, spki));

	for (size_t i = 0; i < count; i++)
		X509_free(certs[i]);
	return yes;
}
