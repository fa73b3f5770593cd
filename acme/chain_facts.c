/* SPDX-License-Identifier: Apache-2.0 */
/* acme/chain_facts.c - what people want to know about a certificate */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/chain_link.h"
#include "acme/key.h"
#include "base/hostname.h"

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
add_address(const ASN1_OCTET_STRING *bytes, struct buf *out)
{
	struct hostname name;

	if (!hostname_of_address(ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes),
	                         &name))
		buf_add(out, name.name, name.len + 1u);
}

static void
add_dns_name(const ASN1_IA5STRING *name, struct buf *out)
{
	const unsigned char *text = ASN1_STRING_get0_data(name);
	size_t len = (size_t)ASN1_STRING_length(name);

	if (!len || memchr(text, 0, len))
		return;
	buf_add(out, text, len);
	buf_u8(out, 0);
}

static void
read_names(X509 *cert, struct buf *out)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);

		if (gn->type == GEN_DNS)
			add_dns_name(gn->d.dNSName, out);
		else if (gn->type == GEN_IPADD)
			add_address(gn->d.iPAddress, out);
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
	chain_issuer_name(cert, facts.issuer);
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
