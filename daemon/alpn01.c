/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/alpn01.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#include "store/challenge.h"

/* id-pe-acmeIdentifier (RFC 8737, 6.1). */
#define OID_ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

enum { VALID_BEFORE_S = 3600, VALID_FOR_S = 24 * 3600, SERIAL_BITS = 64 };

/* The extension's value is the DER of an OCTET STRING with SHA-256 of the key authorization. */
static bool
add_acme_identifier(X509 *cert, const char *keyauth)
{
	unsigned char der[2 + SHA256_DIGEST_LENGTH] = {V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
	ASN1_OBJECT *oid = OBJ_txt2obj(OID_ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool ok;

	SHA256((const unsigned char *)keyauth, strlen(keyauth), der + 2);
	ok = oid && value && ASN1_OCTET_STRING_set(value, der, sizeof(der)) &&
	     (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, true, value)) &&
	     X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return ok;
}

static bool
add_name(X509 *cert, const struct hostname *name)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool ok = names && general && text && ASN1_STRING_set(text, name->name, name->len);

	if (ok) {
		GENERAL_NAME_set0_value(general, GEN_DNS, text);
		text = NULL;
		ok = sk_GENERAL_NAME_push(names, general) > 0;
	}
	if (ok) {
		general = NULL;
		ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, false, 0) == 1;
	}
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(general);
	GENERAL_NAMES_free(names);
	return ok;
}

static bool
fill(X509 *cert, const struct challenge *challenge, EVP_PKEY *key)
{
	static const unsigned char common_name[] = "certd challenge";
	X509_NAME *subject = X509_get_subject_name(cert);
	BIGNUM *serial = BN_new();
	bool ok;

	ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	     BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) &&
	     X509_set_version(cert, X509_VERSION_3) &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -VALID_BEFORE_S) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), VALID_FOR_S) &&
	     X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, common_name, -1, -1,
	                                0) &&
	     X509_set_issuer_name(cert, subject) && X509_set_pubkey(cert, key) &&
	     add_name(cert, &challenge->name) && add_acme_identifier(cert, challenge->keyauth) &&
	     X509_sign(cert, key, EVP_sha256()) > 0;
	BN_free(serial);
	return ok;
}

enum err
alpn01_cert(const struct challenge *challenge, EVP_PKEY *key, X509 **ret_cert)
{
	X509 *cert = X509_new();

	if (!cert || !fill(cert, challenge, key)) {
		X509_free(cert);
		return ERR_CRYPTO;
	}
	*ret_cert = cert;
	return ERR_OK;
}
