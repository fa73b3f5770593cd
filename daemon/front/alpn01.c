/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/alpn01.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
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
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	size_t len = hostname_address(name, address);
	const void *value = len ? (const void *)address : name->name;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_STRING *text = len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	bool ok = names && general && text &&
	          ASN1_STRING_set(text, value, len ? (int)len : name->len);

	if (ok) {
		GENERAL_NAME_set0_value(general, len ? GEN_IPADD : GEN_DNS, text);
		text = NULL;
		ok = sk_GENERAL_NAME_push(names, general) > 0;
	}
	if (ok) {
		general = NULL;
		ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, false, 0) == 1;
	}
	ASN1_STRING_free(text);
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

static bool
same_extension(const X509 *a, const X509 *b, const ASN1_OBJECT *oid)
{
	int at_a = X509_get_ext_by_OBJ(a, oid, -1), at_b = X509_get_ext_by_OBJ(b, oid, -1);
	X509_EXTENSION *x = X509_get_ext(a, at_a), *y = X509_get_ext(b, at_b);

	return x && y && X509_get_ext_by_OBJ(a, oid, at_a) < 0 &&
	       X509_EXTENSION_get_critical(x) == X509_EXTENSION_get_critical(y) &&
	       ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(x), X509_EXTENSION_get_data(y)) == 0;
}

bool
alpn01_is_for(const X509 *cert, const struct challenge *challenge)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(OID_ACME_IDENTIFIER, 1);
	X509 *wanted = X509_new();
	bool is = oid && wanted && add_name(wanted, &challenge->name) &&
	          add_acme_identifier(wanted, challenge->keyauth) &&
	          same_extension(cert, wanted, oid) &&
	          same_extension(cert, wanted, OBJ_nid2obj(NID_subject_alt_name));

	X509_free(wanted);
	ASN1_OBJECT_free(oid);
	return is;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static const char v4_zone[] = ".in-addr.arpa", v6_zone[] = ".ip6.arpa";

void
alpn01_server_name(const struct hostname *identifier, struct hostname *ret_server_name)
{
	unsigned char a[HOSTNAME_ADDRESS_MAX];
	size_t len = hostname_address(identifier, a), at = 0;
	struct hostname n = *identifier;

	if (len == 4)
		at = (size_t)snprintf(n.name, sizeof(n.name), "%u.%u.%u.%u%s", a[3], a[2], a[1],
		                      a[0], v4_zone);
	for (size_t i = len; len == 16 && i-- > 0;)
		at += (size_t)snprintf(n.name + at, sizeof(n.name) - at, "%x.%x%s", a[i] & 15u,
		                       a[i] >> 4, i ? "." : v6_zone);
	if (len)
		n.len = (uint8_t)at;
	*ret_server_name = n;
}

/* "1.2.0.192": decimal, without leading zeros, all there is. */
static bool
read_v4(const char *text, const char *end, unsigned char a[4])
{
	for (size_t i = 4; i-- > 0; text++) {
		unsigned value = 0;
		const char *first = text;

		for (; text < end && *text >= '0' && *text <= '9' && text < first + 3; text++)
			value = value * 10 + (unsigned)(*text - '0');
		if (text == first || value > 255 || (*first == '0' && text > first + 1))
			return false;
		if (i ? text == end || *text != '.' : text != end)
			return false;
		a[i] = (unsigned char)value;
	}
	return true;
}

static bool
read_v6(const char *text, const char *end, unsigned char a[16])
{
	static const char digits[] = "0123456789abcdef";

	if (end - text != 63)
		return false;
	memset(a, 0, 16);
	for (size_t i = 0; i < 32; i++) {
		const char *digit = memchr(digits, text[2 * i], sizeof(digits) - 1);

		if (!digit || (i < 31 && text[2 * i + 1] != '.'))
			return false;
		a[15 - i / 2] |= (unsigned char)((digit - digits) << (i % 2 ? 4 : 0));
	}
	return true;
}

/* Where ZONE begins at the end of NAME; NULL: it does not. */
static const char *
zone_of(const struct hostname *name, const char *zone)
{
	size_t len = strlen(zone);

	if (name->len <= len || memcmp(name->name + name->len - len, zone, len) != 0)
		return NULL;
	return name->name + name->len - len;
}

void
alpn01_identifier(const struct hostname *server_name, struct hostname *ret_identifier)
{
	const char *v4 = zone_of(server_name, v4_zone), *v6 = zone_of(server_name, v6_zone);
	unsigned char a[HOSTNAME_ADDRESS_MAX];
	size_t len = 0;

	if (v4 && read_v4(server_name->name, v4, a))
		len = 4;
	else if (v6 && read_v6(server_name->name, v6, a))
		len = 16;
	if (!len || hostname_of_address(a, len, ret_identifier))
		*ret_identifier = *server_name;
}
