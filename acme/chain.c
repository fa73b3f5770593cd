/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/chain.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acme/chain_link.h"
#include "base/clock.h"
#include "base/hostname.h"
#include "base/problem.h"

/* What the CA sent, in its order; `used` marks what has found its place. */
struct bag {
	X509 *certs[CHAIN_MAX];
	bool used[CHAIN_MAX];
	size_t count;
};

void
chain_init(struct chain *chain)
{
	*chain = (struct chain){0};
}

void
chain_done(struct chain *chain)
{
	buf_done(&chain->leaf);
	buf_done(&chain->issuers);
	chain_init(chain);
}

/* A sentence for the operator; always ERR_REFUSED, so that callers return it. */
static enum err PRINTF_LIKE(2, 3) refuse(struct problem *why, const char *format, ...)
{
	char text[PROBLEM_DETAIL_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	problem_set(why, PROBLEM_CERT_REJECTED, "%s", text);
	return ERR_REFUSED;
}

static void
bag_done(struct bag *bag)
{
	for (size_t i = 0; i < bag->count; i++)
		X509_free(bag->certs[i]);
}

/* One PEM block into BAG. */
static enum err
add_block(struct bag *bag, const char *name, const unsigned char *der, long len,
          struct problem *why)
{
	const unsigned char *at = der;
	X509 *cert;

	if (strcmp(name, PEM_STRING_X509) != 0)
		return refuse(why, "the CA's answer holds a %.40s among the certificates", name);
	if (bag->count == CHAIN_MAX)
		return refuse(why, "the CA's chain has more than %d certificates", CHAIN_MAX);
	cert = d2i_X509(NULL, &at, len);
	if (!cert || at != der + len) {
		X509_free(cert);
		return refuse(why, "certificate %zu of the CA's chain cannot be decoded",
		              bag->count + 1);
	}
	bag->certs[bag->count++] = cert;
	return ERR_OK;
}

static enum err
read_pem(const void *pem, size_t len, struct bag *bag, struct problem *why)
{
	BIO *in = len <= INT_MAX ? BIO_new_mem_buf(len ? pem : "", (int)len) : NULL;
	enum err err = in ? ERR_OK : ERR_NOMEM;
	char *name, *header;
	unsigned char *der;
	long der_len;

	while (!err && PEM_read_bio(in, &name, &header, &der, &der_len) == 1) {
		err = add_block(bag, name, der, der_len, why);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)der_len);
	}
	if (!err && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		err = refuse(why, "the CA's chain is damaged PEM");
	else if (!err && !bag->count)
		err = refuse(why, "the CA's answer holds no certificate");
	ERR_clear_error();
	BIO_free(in);
	return err;
}

/* The certificate for our key, wherever it stands. */
static enum err
find_leaf(struct bag *bag, EVP_PKEY *key, X509 **ret_leaf, struct problem *why)
{
	for (size_t i = 0; i < bag->count; i++) {
		EVP_PKEY *theirs = X509_get0_pubkey(bag->certs[i]);

		if (theirs && EVP_PKEY_eq(theirs, key) == 1) {
			bag->used[i] = true;
			*ret_leaf = bag->certs[i];
			return ERR_OK;
		}
	}
	ERR_clear_error();
	return refuse(why, "the CA's certificate is for another key than ours");
}

bool
chain_has_signed(X509 *issuer, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool yes = key &&
	           X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) == 0 &&
	           X509_verify(cert, key) == 1;

	ERR_clear_error();
	return yes;
}

bool
chain_read_time(const ASN1_TIME *t, int64_t *ret_at)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return false;
	*ret_at = (int64_t)timegm(&tm);
	return true;
}

static X509 *
take_issuer(struct bag *bag, X509 *cert)
{
	for (size_t i = 0; i < bag->count; i++) {
		if (bag->used[i] || !chain_has_signed(bag->certs[i], cert) ||
		    X509_check_ca(bag->certs[i]) < 1)
			continue;
		bag->used[i] = true;
		return bag->certs[i];
	}
	return NULL;
}

static void
add_der(X509 *cert, bool prefixed, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (len <= 0)
		out->failed = true;
	else if (prefixed)
		buf_bytes32(out, der, (size_t)len);
	else
		buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* Leaf, then who signed it, and so on; up to a root, one that has expired, or the end. */
static enum err
build(struct bag *bag, X509 *leaf, int64_t now, struct chain *chain, struct problem *why)
{
	X509 *cert = leaf, *issuer;
	int64_t until;

	if (chain_has_signed(leaf, leaf))
		return refuse(why, "the CA's certificate is signed by itself");
	add_der(leaf, false, &chain->leaf);
	while ((issuer = take_issuer(bag, cert))) {
		bool expired = !chain_read_time(X509_get0_notAfter(issuer), &until) || until <= now;

		if (cert == leaf && expired)
			return refuse(why, "the certificate that signed ours has itself expired");
		if (expired || chain_has_signed(issuer, issuer))
			break;
		add_der(issuer, true, &chain->issuers);
		cert = issuer;
	}
	if (cert == leaf && !issuer && bag->count > 1)
		return refuse(why, "none of the certificates behind ours has signed it");
	return buf_ok(&chain->leaf) && buf_ok(&chain->issuers) ? ERR_OK : ERR_NOMEM;
}

/* A dNSName as a normalized name; false for what no name of ours can be. */
static bool
dns_name(const GENERAL_NAME *gn, struct hostname *ret_name)
{
	const ASN1_IA5STRING *text = gn->type == GEN_DNS ? gn->d.dNSName : NULL;
	int len = text ? ASN1_STRING_length(text) : 0;
	char copy[HOSTNAME_MAX + 1];

	if (len <= 0 || len > HOSTNAME_MAX || memchr(ASN1_STRING_get0_data(text), 0, (size_t)len))
		return false;
	memcpy(copy, ASN1_STRING_get0_data(text), (size_t)len);
	copy[len] = '\0';
	return hostname_parse(copy, ret_name, NULL) == ERR_OK;
}

/* An iPAddress likewise (RFC 5280, 4.2.1.6). */
static bool
address(const GENERAL_NAME *gn, struct hostname *ret_name)
{
	const ASN1_OCTET_STRING *bytes = gn->type == GEN_IPADD ? gn->d.iPAddress : NULL;

	return bytes && !hostname_of_address(ASN1_STRING_get0_data(bytes),
	                                     (size_t)ASN1_STRING_length(bytes), ret_name);
}

static bool
covers(const GENERAL_NAMES *san, const struct hostname *name)
{
	struct hostname pattern;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++)
		if ((dns_name(sk_GENERAL_NAME_value(san, i), &pattern) ||
		     address(sk_GENERAL_NAME_value(san, i), &pattern)) &&
		    hostname_matches(&pattern, name))
			return true;
	return false;
}

static enum err
check_names(X509 *leaf, const struct hostname *names, size_t count, struct problem *why)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	enum err err = ERR_OK;

	if (!san)
		return refuse(why, "the CA's certificate has no subject alternative names");
	for (size_t i = 0; !err && i < count; i++)
		if (!covers(san, &names[i]))
			err = refuse(why, "the CA's certificate does not cover %s", names[i].name);
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	return err;
}

static enum err
check_dates(X509 *leaf, int64_t now, struct chain *chain, struct problem *why)
{
	char text[CLOCK_TEXT_MAX];

	if (!chain_read_time(X509_get0_notBefore(leaf), &chain->not_before) ||
	    !chain_read_time(X509_get0_notAfter(leaf), &chain->not_after) ||
	    chain->not_after <= chain->not_before)
		return refuse(why, "the CA's certificate has no sensible dates");
	if (chain->not_before > now + CHAIN_CLOCK_SLACK)
		return refuse(why,
		              "the CA's certificate is not valid before %s: is our clock right?",
		              clock_format(chain->not_before, text));
	if (chain->not_after <= now)
		return refuse(why,
		              "the CA's certificate has expired at %s already: is our clock right?",
		              clock_format(chain->not_after, text));
	return ERR_OK;
}

static enum err
check_use(X509 *leaf, struct problem *why)
{
	if (X509_check_ca(leaf) > 0)
		return refuse(why, "the CA's certificate is that of a CA");
	if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return refuse(why, "the CA's certificate is not made for TLS servers");
	return ERR_OK;
}

enum err
chain_check(const void *pem, size_t len, EVP_PKEY *key, const struct hostname *names, size_t count,
            int64_t now, struct chain *ret_chain, struct problem *ret_why)
{
	struct chain chain = {0};
	struct bag bag = {.count = 0};
	X509 *leaf = NULL;
	enum err err;

	ERR_clear_error();
	err = read_pem(pem, len, &bag, ret_why);
	if (!err)
		err = find_leaf(&bag, key, &leaf, ret_why);
	if (!err)
		err = check_use(leaf, ret_why);
	if (!err)
		err = check_names(leaf, names, count, ret_why);
	if (!err)
		err = check_dates(leaf, now, &chain, ret_why);
	if (!err)
		err = build(&bag, leaf, now, &chain, ret_why);
	if (!err) {
		chain_done(ret_chain);
		*ret_chain = chain;
		chain_init(&chain);
	}
	chain_done(&chain);
	bag_done(&bag);
	return err;
}
