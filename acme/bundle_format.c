/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: from what the store has to PEM. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "acme/bundle.h"
#include "acme/key.h"
#include "base/cursor.h"

static bool
take_text(BIO *out, struct buf *to)
{
	char *text;
	long len = BIO_get_mem_data(out, &text);

	if (len <= 0)
		return false;
	buf_add(to, text, (size_t)len);
	return buf_ok(to);
}

enum err
bundle_format_chain(const struct buf *leaf, const struct buf *issuers, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct cursor in;
	bool good = bio && PEM_write_bio(bio, PEM_STRING_X509, "", leaf->data, (long)leaf->len) > 0;

	cursor_init(&in, issuers->data, issuers->len);
	while (good && in.left && !in.bad) {
		struct span der = cursor_bytes32(&in);

		good = PEM_write_bio(bio, PEM_STRING_X509, "", der.data, (long)der.len) > 0;
	}
	good = good && !in.bad && take_text(bio, out);
	BIO_free(bio);
	return good ? ERR_OK : ERR_CRYPTO;
}

enum err
bundle_format_key(const struct secret *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	EVP_PKEY *pkey = NULL;
	enum err err = bio ? key_load(key, &pkey) : ERR_NOMEM;

	if (!err && (PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1 ||
	             !take_text(bio, out)))
		err = ERR_CRYPTO;
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return err;
}
