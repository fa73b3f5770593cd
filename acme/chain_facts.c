/* SPDX-License-Identifier: Apache-2.0 */
/* acme/chain_facts.c - what people want to know about a certificate */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/key.h"

static void
read_serial(X509 *cert, char serial[CHAIN_SERIAL_MAX + 1])
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert);
	const unsigned char *bytes = ASN1_STRING_get0_data(number);
	int len = ASN1_STRING_length(number);

	serial[0] = '\0';
	for (int i = 0; i < len && i < CHAIN_SERIAL_MAX / 2; i++)
		snprintf(serial + 2 * i, 3, "%02x", bytes[i]);
}

static void
read_issuer(X509 *cert, char issuer[CHAIN_ISSUER_MAX + 1])
{
	const X509_NAME *name = X509_get_issuer_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at < 0 ? 0 : at);
	unsigned char *text = NULL;
	int len = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;

	snprintf(issuer, CHAIN_ISSUER_MAX + 1, "%.*s", len > 0 ? len : 0, text ? (char *)text : "");
	OPENSSL_free(text);
}

static void
read_key(X509 *cert, char *dst, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[32] = "";

	if (!key)
		snprintf(dst, size, "unknown");
	else if (EVP_PKEY_is_a(key, "RSA"))
		snprintf(dst, size, "rsa-%d", EVP_PKEY_get_bits(key));
	else if (EVP_PKEY_is_a(key, "EC") &&
	         EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		snprintf(dst, size, "ecdsa-p%d", EVP_PKEY_get_bits(key));
	else
		snprintf(dst, size, "%s", EVP_PKEY_get0_type_name(key));
}

static void
read_names(X509 *cert, struct buf *out)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);
		const unsigned char *text;
		size_t len;

		if (gn->type != GEN_DNS)
			continue;
		text = ASN1_STRING_get0_data(gn->d.dNSName);
		len = (size_t)ASN1_STRING_length(gn->d.dNSName);
		if (!len || memchr(text, 0, len))
			continue;
		buf_add(out, text, len);
		buf_u8(out, 0);
	}
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
}

enum err
chain_facts(const void *leaf_der, size_t len, struct chain_facts *ret_facts)
{
	const unsigned char *at = leaf_der;
	X509 *cert = d2i_X509(NULL, &at, (long)len);
	struct chain_facts facts = {0};

	if (!cert)
		return ERR_INVALID;
	read_serial(cert, facts.serial);
	read_issuer(cert, facts.issuer);
	read_key(cert, facts.key, sizeof(facts.key));
	read_names(cert, &facts.names);
	X509_free(cert);
	if (!buf_ok(&facts.names)) {
		buf_done(&facts.names);
		return ERR_NOMEM;
	}
	*ret_facts = facts;
	return ERR_OK;
}
