/* SPDX-License-Identifier: Apache-2.0 */
/* The private key of a bundle. A P-256 key, which nearly all are, is read by hand: its scalar, and
 * from that its point, cost 15 us; OpenSSL 3.0 takes 660 us to decode PKCS#8. Other kinds go
 * through OpenSSL, and prove by a signature that both halves belong together. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "acme/bundle_inside.h"
#include "acme/key.h"
#include "base/problem.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096, KEY_DER_MAX = 16384, SIGNATURE_MAX = 1024 };

static const unsigned char oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char alg_p256[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                         0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

void
bundle_key_done(struct bundle_key *key)
{
	secret_done(&key->stored);
	buf_done(&key->public_key);
	*key = (struct bundle_key){0};
}

/* ECPrivateKey (RFC 5915, 3); its curve may be left out where PKCS#8 has told it. */
static bool
read_sec1(struct span der, bool curve_told, struct span *ret_scalar)
{
	struct cursor in = der_enter(der), body, params;
	struct span version, scalar, curve;

	body = der_enter(der_take(&in, DER_SEQUENCE));
	version = der_take(&body, DER_INTEGER);
	scalar = der_take(&body, DER_OCTET_STRING);
	curve = der_maybe(&body, DER_CONTEXT | DER_CONSTRUCTED);
	if (!cursor_end(&in) || body.bad || version.len != 1 || version.data[0] != 1 ||
	    !scalar.len || scalar.len > KEY_P256_SCALAR_LEN || (!curve.data && !curve_told))
		return false;
	if (curve.data) {
		params = der_enter(curve);
		curve = der_take(&params, DER_OID);
		if (!cursor_end(&params) ||
		    !span_equal(curve, (struct span){oid_p256, sizeof(oid_p256)}))
			return false;
	}
	*ret_scalar = scalar;
	return true;
}

/* PrivateKeyInfo (RFC 5208, 5) around it. */
static bool
read_pkcs8(struct span der, struct span *ret_scalar)
{
	struct cursor in = der_enter(der), body;
	struct span version, algorithm, key;

	body = der_enter(der_take(&in, DER_SEQUENCE));
	version = der_take(&body, DER_INTEGER);
	algorithm = der_take(&body, DER_SEQUENCE);
	key = der_take(&body, DER_OCTET_STRING);
	return cursor_end(&in) && !body.bad && version.len == 1 && version.data[0] <= 1 &&
	       span_equal(algorithm, (struct span){alg_p256, sizeof(alg_p256)}) &&
	       read_sec1(key, true, ret_scalar);
}

static enum err
use_scalar(struct bundle_judge *judge, struct span scalar, struct bundle_key *key,
           struct problem *why)
{
	EC_POINT *point = EC_POINT_new(judge->p256);
	BIGNUM *d = BN_secure_new();
	enum err err = secret_alloc(&key->stored, KEY_P256_SCALAR_LEN);
	bool made;

	if (!err)
		memcpy(key->stored.data + KEY_P256_SCALAR_LEN - scalar.len, scalar.data,
		       scalar.len);
	made = !err && point && d && BN_bin2bn(scalar.data, (int)scalar.len, d);
	if (made)
		BN_set_flags(d, BN_FLG_CONSTTIME);
	made = made && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(judge->p256)) < 0 &&
	       EC_POINT_mul(judge->p256, point, d, NULL, NULL, NULL) == 1 &&
	       EC_POINT_point2oct(judge->p256, point, POINT_CONVERSION_UNCOMPRESSED, key->point,
	                          sizeof(key->point), NULL) == sizeof(key->point);
	BN_clear_free(d);
	EC_POINT_free(point);
	ERR_clear_error();
	if (!err && !made)
		err = bundle_refuse(why, "the private key is not a valid P-256 key");
	return err;
}

static enum err
check_kind(EVP_PKEY *key, struct problem *why)
{
	int bits = EVP_PKEY_get_bits(key);
	char group[64] = "";

	if (EVP_PKEY_is_a(key, "RSA")) {
		if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
			return ERR_OK;
		return bundle_refuse(why, "an RSA key of %d bits: certd takes %d to %d", bits,
		                     RSA_BITS_MIN, RSA_BITS_MAX);
	}
	if (!EVP_PKEY_is_a(key, "EC"))
		return bundle_refuse(
			why, "a key of type %.40s: certd takes ECDSA P-256 and P-384, and RSA",
			EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "unknown");
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return bundle_refuse(why, "a key on a curve without a name: certd takes P-256 and "
		                          "P-384");
	if (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0)
		return ERR_OK;
	return bundle_refuse(why, "a key on the curve %.40s: certd takes P-256 and P-384", group);
}

/* That what it signs its public half verifies: a damaged exponent must not come to light in a
 * handshake. */
static bool
signs(EVP_PKEY *key)
{
	static const unsigned char text[] = "certd import";
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	bool good = sign && verify &&
	            EVP_DigestSignInit_ex(sign, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
	            EVP_DigestSign(sign, signature, &len, text, sizeof(text)) == 1 &&
	            EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
	            EVP_DigestVerify(verify, signature, len, text, sizeof(text)) == 1;

	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return good;
}

static enum err
save(EVP_PKEY *pkey, struct bundle_key *key, struct problem *why)
{
	unsigned char *der = NULL;
	enum err err = check_kind(pkey, why);
	int len;

	if (!err && !signs(pkey))
		err = bundle_refuse(why, "the private key does not sign what its public half "
		                         "verifies: it is damaged");
	if (!err)
		err = key_save(pkey, &key->stored);
	if (err)
		return err;
	len = i2d_PUBKEY(pkey, &der);
	if (len > 0)
		buf_add(&key->public_key, der, (size_t)len);
	OPENSSL_free(der);
	return len > 0 && buf_ok(&key->public_key) ? ERR_OK : ERR_NOMEM;
}

static enum err
read_slowly(struct span der, struct bundle_key *key, struct problem *why)
{
	const unsigned char *at = der.data;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
	enum err err = ERR_OK;

	if (!pkey || at != der.data + der.len)
		err = bundle_refuse(why, "the private key cannot be decoded");
	else
		err = save(pkey, key, why);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return err;
}

enum err
bundle_key_read(struct bundle_judge *judge, enum bundle_key_form form, struct span der,
                struct bundle_key *ret_key, struct problem *why)
{
	struct bundle_key key = {0};
	struct span scalar;
	bool p256;
	enum err err;

	if (der.len > KEY_DER_MAX)
		return bundle_refuse(why, "a private key of %zu bytes: at most %d", der.len,
		                     KEY_DER_MAX);
	p256 = der_is_strict(der) && ((form == FORM_PKCS8 && read_pkcs8(der, &scalar)) ||
	                              (form == FORM_SEC1 && read_sec1(der, false, &scalar)));
	err = p256 ? use_scalar(judge, scalar, &key, why) : read_slowly(der, &key, why);
	if (!err)
		*ret_key = key;
	else
		bundle_key_done(&key);
	return err;
}

bool
bundle_key_fits(const struct bundle_key *key, const struct certview *view)
{
	if (key->public_key.len)
		return span_equal(view->public_key,
		                  (struct span){key->public_key.data, key->public_key.len});
	return view->p256_point.data &&
	       memcmp(view->p256_point.data, key->point, sizeof(key->point)) == 0;
}
