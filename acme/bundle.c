/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/bundle.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/bundle_inside.h"
#include "acme/key.h"
#include "acme/pem.h"
#include "base/clock.h"
#include "base/problem.h"

/* What the PEM texts hold. */
struct parts {
	struct bundle_judge *judge;
	int64_t now;
	struct buf certs; /* DER, one after the other */
	struct buf block; /* the one being read: may be a key */
	size_t ends[CHAIN_MAX];
	size_t count;
	struct bundle_key key;
	bool has_key;
};

enum err
bundle_refuse(struct problem *why, const char *format, ...)
{
	char text[PROBLEM_DETAIL_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	problem_set(why, PROBLEM_CERT_REJECTED, "%s", text);
	return ERR_REFUSED;
}

/* ---- judges --------------------------------------------------------------------------------- */

enum err
bundle_judge_new(struct bundle_judge **ret_judge)
{
	struct bundle_judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return ERR_NOMEM;
	judge->p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	judge->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	judge->sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
	judge->sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	if (!judge->p256 || !judge->sha256 || !judge->sha384 || !judge->sha512) {
		bundle_judge_free(judge);
		return ERR_CRYPTO;
	}
	*ret_judge = judge;
	return ERR_OK;
}

void
bundle_judge_free(struct bundle_judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < ISSUER_SETS; i++)
		bundle_issuers_done(&judge->sets[i]);
	EC_GROUP_free(judge->p256);
	EVP_MD_free(judge->sha256);
	EVP_MD_free(judge->sha384);
	EVP_MD_free(judge->sha512);
	free(judge);
}

void
bundle_done(struct bundle *bundle)
{
	free(bundle->names);
	free(bundle->left);
	buf_done(&bundle->leaf);
	buf_done(&bundle->issuers);
	secret_done(&bundle->key);
	*bundle = (struct bundle){0};
}

/* ---- reading PEM ---------------------------------------------------------------------------- */

static struct span
cert_at(const struct parts *parts, size_t i)
{
	size_t from = i ? parts->ends[i - 1] : 0;

	return (struct span){parts->certs.data + from, parts->ends[i] - from};
}

/* The block that was read, unless it is there already: servers' files often repeat. */
static enum err
add_cert(struct parts *parts, struct problem *why)
{
	for (size_t i = 0; i < parts->count; i++)
		if (span_equal(cert_at(parts, i),
		               (struct span){parts->block.data, parts->block.len}))
			return ERR_OK;
	if (!parts->block.len)
		return bundle_refuse(why, "an empty certificate");
	if (parts->count == CHAIN_MAX)
		return bundle_refuse(why, "more than %d certificates", CHAIN_MAX);
	buf_add(&parts->certs, parts->block.data, parts->block.len);
	parts->ends[parts->count++] = parts->certs.len;
	return ERR_OK;
}

static enum bundle_key_form
form_of(const char *label)
{
	if (strcmp(label, "PRIVATE KEY") == 0)
		return FORM_PKCS8;
	if (strcmp(label, "EC PRIVATE KEY") == 0)
		return FORM_SEC1;
	return strcmp(label, "RSA PRIVATE KEY") == 0 ? FORM_PKCS1 : FORM_NONE;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static enum err
add_block(struct parts *parts, const struct pem *pem, struct problem *why)
{
	enum bundle_key_form form = form_of(pem->label);
	enum err err;

	if (strcmp(pem->label, PEM_STRING_X509) == 0 ||
	    strcmp(pem->label, PEM_STRING_X509_OLD) == 0)
		return pem->encrypted ? bundle_refuse(why, "an encrypted certificate")
		                      : add_cert(parts, why);
	if (!ends_with(pem->label, "PRIVATE KEY"))
		return ERR_OK; /* parameters, requests, revocation lists */
	if (pem->encrypted || strcmp(pem->label, PEM_STRING_PKCS8) == 0)
		return bundle_refuse(why, "the private key is encrypted: decrypt it first, as with "
		                          "openssl pkey -in FILE");
	if (form == FORM_NONE)
		return bundle_refuse(why, "a key of the form \"%s\", which certd does not read",
		                     pem->label);
	if (parts->has_key)
		return bundle_refuse(why, "more than one private key");
	err = bundle_key_read(parts->judge, form,
	                      (struct span){parts->block.data, parts->block.len}, &parts->key, why);
	parts->has_key = !err;
	return err;
}

static enum err
read_text(struct parts *parts, const char *text, size_t len, struct problem *why)
{
	struct pem pem;
	enum err err = ERR_OK;

	pem_init(&pem, text, len);
	while (!err) {
		buf_reset(&parts->block);
		err = pem_next(&pem, &parts->block);
		if (err == ERR_NOTFOUND)
			return ERR_OK;
		if (err == ERR_INVALID)
			return bundle_refuse(why, "damaged PEM");
		if (!err)
			err = add_block(parts, &pem, why);
	}
	return err;
}

static enum err
read_parts(struct parts *parts, const struct bundle_pem *pem, struct problem *why)
{
	enum err err;

	if (pem->chain_len > BUNDLE_PEM_MAX || pem->key_len > BUNDLE_PEM_MAX)
		return bundle_refuse(why, "larger than 1 MiB");
	err = read_text(parts, pem->chain, pem->chain_len, why);
	if (!err && pem->key)
		err = read_text(parts, pem->key, pem->key_len, why);
	if (err)
		return err;
	if (!parts->count)
		return bundle_refuse(why, "no certificate in it");
	if (!parts->has_key)
		return bundle_refuse(why, "no private key in it");
	return buf_ok(&parts->certs) ? ERR_OK : ERR_NOMEM;
}

/* ---- judging -------------------------------------------------------------------------------- */

static enum err
find_leaf(const struct parts *parts, struct certview *ret_view, struct problem *why)
{
	size_t read = 0;

	for (size_t i = 0; i < parts->count; i++) {
		if (certview_read(cert_at(parts, i), ret_view))
			continue;
		read++;
		if (bundle_key_fits(&parts->key, ret_view))
			return ERR_OK;
	}
	if (!read)
		return bundle_refuse(why, "the certificate cannot be decoded");
	return bundle_refuse(why, parts->count == 1
	                                  ? "the private key is not that of the certificate"
	                                  : "the private key is that of none of the certificates");
}

static bool
openssl_reads(const struct certview *view)
{
	const unsigned char *at = view->whole.data;
	X509 *cert = d2i_X509(NULL, &at, (long)view->whole.len);

	X509_free(cert);
	ERR_clear_error();
	return cert != NULL;
}

static enum err
check_leaf(const struct certview *view, int64_t now, struct problem *why)
{
	char text[CLOCK_TEXT_MAX];

	if (view->whole.len > UINT16_MAX)
		return bundle_refuse(why, "the certificate has %zu bytes: too large to serve",
		                     view->whole.len);
	if (view->is_odd && !openssl_reads(view))
		return bundle_refuse(why, "the certificate cannot be decoded");
	if (view->is_ca)
		return bundle_refuse(why, "the certificate is that of a CA, not of a server");
	if (!view->is_for_servers)
		return bundle_refuse(why, "the certificate is not made for TLS servers");
	if (view->not_after <= view->not_before)
		return bundle_refuse(why, "the certificate has no sensible dates");
	if (view->not_after <= now)
		return bundle_refuse(why, "the certificate has expired at %s",
		                     clock_format(view->not_after, text));
	if (view->not_before > now + CHAIN_CLOCK_SLACK)
		return bundle_refuse(why,
		                     "the certificate is not valid before %s: is our clock right?",
		                     clock_format(view->not_before, text));
	return ERR_OK;
}

/* Leaf's issuer, then who signed that, up to a root, one that has expired, or the end. */
static enum err
add_issuers(struct parts *parts, struct issuer_set *set, const struct certview *view,
            struct bundle *bundle, struct problem *why)
{
	int at = bundle_issuers_signer(parts->judge, set, view);

	if (at < 0)
		return bundle_refuse(why, "none of the other certificates has signed it");
	if (set->list[at].not_after <= parts->now)
		return bundle_refuse(why, "the certificate that signed it has expired");
	for (size_t i = 0; i < set->count && at >= 0; i++) {
		const struct issuer *one = &set->list[at];

		if (one->is_root || one->not_after <= parts->now)
			break;
		buf_bytes32(&bundle->issuers, one->der.data, one->der.len);
		at = one->next;
	}
	return ERR_OK;
}

static enum err
order_chain(struct parts *parts, const struct certview *view, struct bundle *bundle,
            struct problem *why)
{
	struct buf others = {0};
	struct issuer_set *set = NULL;
	enum err err = ERR_OK;

	bundle->self_signed = bundle_is_self_signed(view);
	if (bundle->self_signed)
		return ERR_OK;
	for (size_t i = 0; i < parts->count; i++)
		if (cert_at(parts, i).data != view->whole.data)
			buf_bytes32(&others, cert_at(parts, i).data, cert_at(parts, i).len);
	if (!buf_ok(&others))
		err = ERR_NOMEM;
	else if (others.len)
		err = bundle_issuers_find(parts->judge, &others, &set, why);
	if (!err && set)
		err = add_issuers(parts, set, view, bundle, why);
	buf_done(&others);
	return err;
}

static enum err
fill(const struct certview *view, struct parts *parts, struct bundle *bundle)
{
	char *serial = bundle->serial;

	for (size_t i = 0; i < view->serial.len && i < CHAIN_SERIAL_MAX / 2; i++)
		snprintf(serial + 2 * i, 3, "%02x", view->serial.data[i]);
	certview_common_name(view->issuer, bundle->issuer, sizeof(bundle->issuer));
	buf_add(&bundle->leaf, view->whole.data, view->whole.len);
	secret_take(&bundle->key, &parts->key.stored);
	bundle->not_before = view->not_before;
	bundle->not_after = view->not_after;
	return buf_ok(&bundle->leaf) && buf_ok(&bundle->issuers) ? ERR_OK : ERR_NOMEM;
}

enum err
bundle_read(struct bundle_judge *judge, const struct bundle_pem *pem, int64_t now,
            struct bundle *ret_bundle, struct problem *ret_why)
{
	struct parts parts = {.judge = judge, .now = now, .block.secret = true};
	struct bundle bundle = {0};
	struct certview view;
	enum err err;

	ERR_clear_error();
	err = read_parts(&parts, pem, ret_why);
	if (!err)
		err = find_leaf(&parts, &view, ret_why);
	if (!err)
		err = check_leaf(&view, now, ret_why);
	if (!err)
		err = bundle_names_read(&view, &bundle, ret_why);
	if (!err)
		err = order_chain(&parts, &view, &bundle, ret_why);
	if (!err)
		err = fill(&view, &parts, &bundle);
	if (err)
		bundle_done(&bundle);
	else
		*ret_bundle = bundle;
	bundle_key_done(&parts.key);
	buf_done(&parts.certs);
	buf_wipe(&parts.block);
	return err;
}
