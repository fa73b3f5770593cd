/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/binding.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>

#include "acme/jose.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"

static const char blanks[] = " \t\r\n";

static const struct {
	const char *word;
	const EVP_MD *(*digest)(void);
} macs[BINDING_MACS] = {
	[BINDING_HS256] = {"HS256", EVP_sha256},
	[BINDING_HS384] = {"HS384", EVP_sha384},
	[BINDING_HS512] = {"HS512", EVP_sha512},
};

const char *
binding_mac_word(enum binding_mac mac)
{
	return (unsigned)mac < BINDING_MACS ? macs[mac].word : "unknown";
}

enum err
binding_mac_parse(const char *word, enum binding_mac *ret_mac)
{
	for (size_t i = 0; i < BINDING_MACS; i++) {
		if (strcmp(macs[i].word, word) == 0) {
			*ret_mac = (enum binding_mac)i;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

enum err
binding_key_parse(const char *text, size_t len, struct secret *ret_key)
{
	struct buf plain = {.secret = true}, key = {.secret = true};
	enum err err = ERR_INVALID;

	while (len && strchr(blanks, text[len - 1]))
		len--;
	while (len && strchr(blanks, *text))
		text++, len--;
	for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
		len--;
	for (size_t i = 0; i < len; i++)
		buf_u8(&plain, (uint8_t)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]));
	if (buf_str(&plain))
		err = jose_base64url_decode((const char *)plain.data, plain.len, &key);
	if (!err)
		err = key.len ? secret_set(ret_key, key.data, key.len) : ERR_INVALID;
	buf_wipe(&plain);
	buf_wipe(&key);
	return err;
}

static enum err
add_header(const struct binding *binding, const char *url, struct buf *out)
{
	struct buf text = {0};
	cJSON *json = cJSON_CreateObject();
	bool made = json && cJSON_AddStringToObject(json, "alg", binding_mac_word(binding->mac)) &&
	            cJSON_AddStringToObject(json, "kid", binding->kid) &&
	            cJSON_AddStringToObject(json, "url", url);
	enum err err = made ? json_print(json, &text) : ERR_NOMEM;

	if (!err)
		jose_base64url(text.data, text.len, out);
	cJSON_Delete(json);
	buf_done(&text);
	return err;
}

/* HEADER "." JWK is what is signed, as JSON they are members of their own. */
static enum err
add_jws(const struct binding *binding, const struct buf *header, const struct buf *jwk,
        struct buf *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct buf input = {0};
	unsigned mac_len = 0;
	enum err err = ERR_OK;

	buf_add(&input, header->data, header->len);
	buf_add_str(&input, ".");
	jose_base64url(jwk->data, jwk->len, &input);
	if (!buf_str(&input))
		err = ERR_NOMEM;
	else if (!HMAC(macs[binding->mac].digest(), binding->key->data, (int)binding->key->len,
	               input.data, input.len, mac, &mac_len))
		err = ERR_CRYPTO;
	if (!err) {
		buf_printf(out, "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"",
		           (int)header->len, (char *)input.data,
		           (char *)input.data + header->len + 1);
		jose_base64url(mac, mac_len, out);
		buf_add_str(out, "\"}");
		err = buf_ok(out) ? ERR_OK : ERR_NOMEM;
	}
	buf_done(&input);
	return err;
}

enum err
binding_sign(const struct binding *binding, EVP_PKEY *account_key, const char *url, struct buf *out)
{
	struct buf jwk = {0}, header = {0};
	enum err err = (unsigned)binding->mac < BINDING_MACS ? ERR_OK : ERR_INVALID;

	if (!err)
		err = jose_jwk(account_key, &jwk);
	if (!err)
		err = add_header(binding, url, &header);
	if (!err)
		err = add_jws(binding, &header, &jwk, out);
	buf_done(&jwk);
	buf_done(&header);
	return err;
}
