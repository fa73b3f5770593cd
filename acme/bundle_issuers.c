/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed what. The certificates behind a leaf are the same for all of a CA's leaves, so they
 * are decoded and their own order is found once; a leaf then costs one signature, on a context that
 * is kept. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "acme/bundle_inside.h"
#include "acme/chain_link.h"
#include "base/problem.h"

enum { ISSUER_BITS_MAX = 8192 };

/* AlgorithmIdentifiers, the values. */
static const struct {
	unsigned char bytes[16];
	size_t len;
	int md; /* SHA-2 of this many bits */
	const char *type;
} algorithms[] = {
	{{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, 10, 256, "EC"},
	{{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3}, 10, 384, "EC"},
	{{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4}, 10, 512, "EC"},
	{{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0}, 13, 256, "RSA"},
	{{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0c, 5, 0}, 13, 384, "RSA"},
	{{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0d, 5, 0}, 13, 512, "RSA"},
};

void
bundle_issuers_done(struct issuer_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		EVP_PKEY_CTX_free(set->list[i].ctx);
		X509_free(set->list[i].cert);
	}
	buf_done(&set->bytes);
	*set = (struct issuer_set){0};
}

static enum err
add_issuer(struct issuer_set *set, struct span der, struct problem *why)
{
	const unsigned char *at = der.data;
	struct issuer *one = &set->list[set->count];
	X509 *cert = d2i_X509(NULL, &at, (long)der.len);
	const unsigned char *name;
	size_t name_len;

	*one = (struct issuer){.cert = cert, .der = der, .next = -1};
	set->count++;
	if (!cert || at != der.data + der.len)
		return bundle_refuse(why, "one of the certificates cannot be decoded");
	one->key = X509_get0_pubkey(cert);
	if (!one->key || EVP_PKEY_get_bits(one->key) > ISSUER_BITS_MAX)
		return bundle_refuse(why,
		                     "one of the certificates has a key that certd cannot use");
	one->is_ca = X509_check_ca(cert) > 0;
	one->is_root = chain_has_signed(cert, cert);
	if (!chain_read_time(X509_get0_notAfter(cert), &one->not_after))
		return bundle_refuse(why, "one of the certificates has no sensible dates");
	if (!X509_NAME_get0_der(X509_get_subject_name(cert), &name, &name_len))
		return ERR_NOMEM;
	one->subject = (struct span){name, name_len};
	return ERR_OK;
}

static enum err
fill(struct issuer_set *set, struct problem *why)
{
	struct cursor in;
	enum err err = ERR_OK;

	cursor_init(&in, set->bytes.data, set->bytes.len);
	while (!err && in.left)
		err = add_issuer(set, cursor_bytes32(&in), why);
	for (size_t i = 0; !err && i < set->count; i++)
		for (size_t k = 0; k < set->count && set->list[i].next < 0; k++)
			if (k != i && set->list[k].is_ca && !set->list[i].is_root &&
			    chain_has_signed(set->list[k].cert, set->list[i].cert))
				set->list[i].next = (int)k;
	ERR_clear_error();
	return err;
}

enum err
bundle_issuers_find(struct bundle_judge *judge, struct buf *bytes, struct issuer_set **ret_set,
                    struct problem *why)
{
	struct issuer_set *set;
	enum err err;

	for (size_t i = 0; i < ISSUER_SETS; i++) {
		set = &judge->sets[i];
		if (set->count && set->bytes.len == bytes->len &&
		    memcmp(set->bytes.data, bytes->data, bytes->len) == 0) {
			*ret_set = set;
			return ERR_OK;
		}
	}
	set = &judge->sets[judge->oldest++ % ISSUER_SETS];
	bundle_issuers_done(set);
	buf_take(&set->bytes, bytes);
	err = fill(set, why);
	if (err)
		bundle_issuers_done(set);
	else
		*ret_set = set;
	return err;
}

static const EVP_MD *
md_of(const struct bundle_judge *judge, int bits)
{
	return bits == 256 ? judge->sha256 : bits == 384 ? judge->sha384 : judge->sha512;
}

static bool
set_up(struct issuer *one, const EVP_MD *md)
{
	if (!one->ctx)
		one->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, one->key, NULL);
	if (one->ctx && one->md == md)
		return true;
	one->md = NULL;
	if (!one->ctx || EVP_PKEY_verify_init(one->ctx) != 1 ||
	    (EVP_PKEY_is_a(one->key, "RSA") &&
	     EVP_PKEY_CTX_set_rsa_padding(one->ctx, RSA_PKCS1_PADDING) != 1) ||
	    EVP_PKEY_CTX_set_signature_md(one->ctx, md) != 1)
		return false;
	one->md = md;
	return true;
}

static bool
verify_fast(struct issuer *one, const EVP_MD *md, const struct certview *view)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	return set_up(one, md) &&
	       EVP_Digest(view->tbs.data, view->tbs.len, digest, &len, md, NULL) == 1 &&
	       EVP_PKEY_verify(one->ctx, view->signature.data, view->signature.len, digest, len) ==
	               1;
}

static bool
verify_slowly(EVP_PKEY *key, const struct certview *view)
{
	const unsigned char *at = view->whole.data;
	X509 *cert = d2i_X509(NULL, &at, (long)view->whole.len);
	bool good = cert && (key || (key = X509_get0_pubkey(cert))) && X509_verify(cert, key) == 1;

	X509_free(cert);
	return good;
}

static bool
verify(const struct bundle_judge *judge, struct issuer *one, const struct certview *view)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (span_equal(view->algorithm,
		               (struct span){algorithms[i].bytes, algorithms[i].len}) &&
		    EVP_PKEY_is_a(one->key, algorithms[i].type))
			return verify_fast(one, md_of(judge, algorithms[i].md), view);
	return verify_slowly(one->key, view);
}

int
bundle_issuers_signer(struct bundle_judge *judge, struct issuer_set *set,
                      const struct certview *view)
{
	int found = -1;

	for (size_t i = 0; i < set->count && found < 0; i++)
		if (set->list[i].is_ca && span_equal(set->list[i].subject, view->issuer) &&
		    verify(judge, &set->list[i], view))
			found = (int)i;
	ERR_clear_error();
	return found;
}

bool
bundle_is_self_signed(const struct certview *view)
{
	bool yes = span_equal(view->issuer, view->subject) && verify_slowly(NULL, view);

	ERR_clear_error();
	return yes;
}
