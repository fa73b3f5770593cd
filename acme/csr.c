/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/csr.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/hostname.h"

static bool
add_name(GENERAL_NAMES *names, const struct hostname *name)
{
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	size_t len = hostname_address(name, address);
	GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_STRING *text = ASN1_STRING_type_new(len ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	if (!gn || !text ||
	    !ASN1_STRING_set(text, len ? (const void *)address : name->name,
	                     len ? (int)len : name->len)) {
		GENERAL_NAME_free(gn);
		ASN1_STRING_free(text);
		return false;
	}
	GENERAL_NAME_set0_value(gn, len ? GEN_IPADD : GEN_DNS, text);
	if (sk_GENERAL_NAME_push(names, gn))
		return true;
	GENERAL_NAME_free(gn);
	return false;
}

static bool
add_names(X509_REQ *req, const struct hostname *names, size_t count)
{
	GENERAL_NAMES *san = sk_GENERAL_NAME_new_null();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool made = san != NULL;

	for (size_t i = 0; made && i < count; i++)
		made = add_name(san, &names[i]);
	made = made && X509V3_add1_i2d(&extensions, NID_subject_alt_name, san, 0, 0) == 1 &&
	       X509_REQ_add_extensions(req, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	return made;
}

enum err
csr_new(EVP_PKEY *key, const struct hostname *names, size_t count, struct buf *out)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len = -1;

	if (req && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_pubkey(req, key) == 1 && add_names(req, names, count) &&
	    X509_REQ_sign(req, key, EVP_sha256()) > 0)
		len = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	if (len <= 0)
		return ERR_CRYPTO;
	buf_reset(out);
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}
