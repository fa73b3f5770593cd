/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/inspect.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/chain_link.h"
#include "acme/key.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hostname.h"
#include "base/secret.h"

static void PRINTF_LIKE(3, 4)
	find(struct inspection *in, enum inspect_fault fault, const char *format, ...)
{
	va_list ap;

	if (in->faults & (1u << fault))
		return;
	in->faults |= 1u << fault;
	va_start(ap, format);
	vsnprintf(in->why[fault], sizeof(in->why[fault]), format, ap);
	va_end(ap);
}

static enum err
read_cert(struct span der, X509 **ret_cert)
{
	const unsigned char *p = der.data;
	X509 *cert = der.len ? d2i_X509(NULL, &p, (long)der.len) : NULL;

	if (!cert || p != der.data + der.len) {
		X509_free(cert);
		return ERR_CORRUPT;
	}
	*ret_cert = cert;
	return ERR_OK;
}

static enum err
load_key(const struct inspect_subject *subject, EVP_PKEY **ret_key)
{
	const unsigned char *p = subject->key_der.data;

	if (subject->key)
		return key_load(subject->key, ret_key);
	*ret_key = d2i_AutoPrivateKey(NULL, &p, (long)subject->key_der.len);
	return *ret_key ? ERR_OK : ERR_CORRUPT;
}

static enum err
look_at_key(X509 *leaf, const struct inspect_subject *subject, struct inspection *in)
{
	EVP_PKEY *theirs = X509_get0_pubkey(leaf), *key;
	enum err err = load_key(subject, &key);

	if (err)
		return err == ERR_NOMEM ? err : ERR_CORRUPT;
	if (!theirs || EVP_PKEY_eq(theirs, key) != 1)
		find(in, INSPECT_KEY, "the %skey is not that of its certificate",
		     subject->key ? "stored " : "");
	EVP_PKEY_free(key);
	return ERR_OK;
}

static enum err
look_at_names(const struct inspect_subject *subject, struct inspection *in)
{
	struct chain_facts facts = {0};
	struct hostname pattern;
	size_t at = 0;
	bool covered = false;
	enum err err = chain_facts(subject->leaf.data, subject->leaf.len, &facts);

	while (!err && !covered && at < facts.names.len) {
		const char *text = (const char *)facts.names.data + at;

		covered = !hostname_parse_any(text, &pattern, NULL) &&
		          hostname_matches(&pattern, subject->name);
		at += strlen(text) + 1;
	}
	if (!err && !covered)
		find(in, INSPECT_NAME, "its certificate does not cover it, but %.100s",
		     facts.names.len ? (const char *)facts.names.data : "no name at all");
	buf_done(&facts.names);
	return err == ERR_NOMEM ? err : err ? ERR_CORRUPT : ERR_OK;
}

static enum err
look_at_dates(X509 *leaf, int64_t now, struct inspection *in)
{
	char text[CLOCK_TEXT_MAX];

	if (!chain_read_time(X509_get0_notBefore(leaf), &in->not_before) ||
	    !chain_read_time(X509_get0_notAfter(leaf), &in->not_after))
		return ERR_CORRUPT;
	if (now < in->not_before)
		find(in, INSPECT_NOT_YET, "its certificate is not valid before %s",
		     clock_format(in->not_before, text));
	if (in->not_after <= now)
		find(in, INSPECT_EXPIRED, "its certificate has expired at %s",
		     clock_format(in->not_after, text));
	return ERR_OK;
}

/* ---- the chain ------------------------------------------------------------------------------ */

/* Whether CERT says where its issuer's certificate is to be had (RFC 5280, 4.2.2.1): a CA below a
 * root does. */
static bool
names_issuer(X509 *cert)
{
	AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
	bool yes = false;

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(aia); i++)
		yes |= OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(aia, i)->method) ==
		       NID_ad_ca_issuers;
	AUTHORITY_INFO_ACCESS_free(aia);
	return yes;
}

/* CERT stands behind BELOW. */
static void
look_at_link(X509 *cert, X509 *below, int64_t now, struct inspection *in)
{
	char name[CHAIN_ISSUER_MAX + 1], text[CLOCK_TEXT_MAX];
	int64_t until;

	chain_issuer_name(below, name);
	if (!chain_has_signed(cert, below))
		find(in, INSPECT_CHAIN,
		     "its chain is not in order: what stands where %s should be has not signed it",
		     name);
	else if (X509_check_ca(cert) < 1)
		find(in, INSPECT_CHAIN, "%s, in its chain, is no CA", name);
	else if (!chain_read_time(X509_get0_notAfter(cert), &until) || until <= now)
		find(in, INSPECT_CHAIN, "%s, in its chain, has expired at %s", name,
		     clock_format(until, text));
}

static enum err
look_at_chain(X509 *leaf, struct span issuers, int64_t now, struct inspection *in)
{
	X509 *below = leaf, *cert;
	struct cursor c;
	enum err err = ERR_OK;

	cursor_init(&c, issuers.data, issuers.len);
	while (!err && c.left && !c.bad) {
		err = read_cert(cursor_bytes32(&c), &cert);
		if (err)
			break;
		look_at_link(cert, below, now, in);
		if (below != leaf)
			X509_free(below);
		below = cert;
	}
	if (!err && !cursor_end(&c))
		err = ERR_CORRUPT;
	if (!err && below == leaf && names_issuer(leaf) && !chain_has_signed(leaf, leaf))
		find(in, INSPECT_CHAIN, "its chain is incomplete: its issuer is not there");
	if (below != leaf)
		X509_free(below);
	return err;
}

enum err
inspect(const struct inspect_subject *subject, int64_t now, struct inspection *ret_inspection)
{
	struct inspection in = {0};
	X509 *leaf = NULL;
	enum err err;

	ERR_clear_error();
	err = read_cert(subject->leaf, &leaf);
	if (!err && (subject->key || subject->key_der.len))
		err = look_at_key(leaf, subject, &in);
	if (!err && subject->name)
		err = look_at_names(subject, &in);
	if (!err)
		err = look_at_dates(leaf, now, &in);
	if (!err)
		err = look_at_chain(leaf, subject->issuers, now, &in);
	X509_free(leaf);
	ERR_clear_error();
	if (!err)
		*ret_inspection = in;
	return err;
}
