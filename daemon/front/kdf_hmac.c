/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/kdf_hmac.h"

#include <openssl/crypto.h>
#include <string.h>

/* The digest of PAD and up to three parts. */
static bool
digest(struct kdf_hmac *h, const unsigned char *pad, const struct span *parts, size_t count,
       unsigned char *out)
{
	bool ok = EVP_DigestInit_ex2(h->hash, h->md, NULL) &&
	          EVP_DigestUpdate(h->hash, pad, h->block);

	for (size_t i = 0; i < count && ok; i++)
		ok = parts[i].len == 0 || EVP_DigestUpdate(h->hash, parts[i].data, parts[i].len);
	return ok && EVP_DigestFinal_ex(h->hash, out, NULL);
}

static bool
hmac(struct kdf_hmac *h, const struct span *parts, size_t count, unsigned char *out)
{
	struct span inner = {.data = out, .len = h->len};

	return digest(h, h->inner, parts, count, out) && digest(h, h->outer, &inner, 1, out);
}

bool
kdf_hmac_set(struct kdf_hmac *h, const EVP_MD *md, struct span key)
{
	unsigned char digested[KDF_DIGEST_MAX];

	if (EVP_MD_get_size(md) > KDF_DIGEST_MAX || EVP_MD_get_block_size(md) > KDF_BLOCK_MAX)
		return false;
	h->md = md;
	h->len = (size_t)EVP_MD_get_size(md);
	h->block = (size_t)EVP_MD_get_block_size(md);
	if (!h->hash && !(h->hash = EVP_MD_CTX_new()))
		return false;
	if (key.len > h->block) {
		if (!EVP_DigestInit_ex2(h->hash, md, NULL) ||
		    !EVP_DigestUpdate(h->hash, key.data, key.len) ||
		    !EVP_DigestFinal_ex(h->hash, digested, NULL))
			return false;
		key = (struct span){.data = digested, .len = h->len};
	}
	memset(h->inner, 0x36, h->block);
	memset(h->outer, 0x5c, h->block);
	for (size_t i = 0; i < key.len; i++) {
		h->inner[i] ^= key.data[i];
		h->outer[i] ^= key.data[i];
	}
	OPENSSL_cleanse(digested, sizeof(digested));
	return true;
}

void
kdf_hmac_done(struct kdf_hmac *h)
{
	EVP_MD_CTX_free(h->hash); /* wipes what it held */
	h->hash = NULL;
	OPENSSL_cleanse(h->inner, h->block);
	OPENSSL_cleanse(h->outer, h->block);
}

bool
kdf_extract(struct kdf_hmac *h, const EVP_MD *md, struct span salt, struct span in,
            unsigned char *out)
{
	return kdf_hmac_set(h, md, salt) && hmac(h, &in, 1, out);
}

bool
kdf_expand(struct kdf_hmac *h, struct span info, unsigned char *out, size_t len)
{
	unsigned char t[KDF_DIGEST_MAX] = {0}, number = 0;
	struct span parts[] = {{.data = t, .len = 0}, info, {.data = &number, .len = 1}};
	bool ok = len <= 255 * h->len;

	for (size_t done = 0; done < len && ok; done += h->len) {
		size_t left = len - done;

		number++;
		ok = hmac(h, parts, 3, t);
		memcpy(out + done, t, left < h->len ? left : h->len);
		parts[0].len = h->len;
	}
	OPENSSL_cleanse(t, sizeof(t));
	return ok;
}

bool
kdf_p_hash(struct kdf_hmac *h, struct span seed, unsigned char *out, size_t len)
{
	unsigned char a[KDF_DIGEST_MAX], t[KDF_DIGEST_MAX] = {0};
	struct span parts[] = {{.data = a, .len = h->len}, seed};
	bool ok = hmac(h, &seed, 1, a);

	for (size_t done = 0; done < len && ok; done += h->len) {
		size_t left = len - done;

		ok = hmac(h, parts, 2, t);
		memcpy(out + done, t, left < h->len ? left : h->len);
		if (ok && left > h->len)
			ok = hmac(h, parts, 1, a);
	}
	OPENSSL_cleanse(a, sizeof(a));
	OPENSSL_cleanse(t, sizeof(t));
	return ok;
}
