/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/dns_record.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "acme/jose.h"
#include "base/buf.h"
#include "base/hostname.h"

enum {
	SHA256_LEN = 32,
	LABEL_BYTES = 10, /* of the hash, in the label of dns-account-01 */
	LABEL_LEN = 16,   /* base32 of them */
	STRING_MAX = 255, /* of a TXT record's strings */
};

static const struct {
	const char *type;
	const char *label;
} methods[] = {
	[DNS_RECORD_01] = {"dns-01", "_acme-challenge"},
	[DNS_RECORD_ACCOUNT_01] = {"dns-account-01", "_acme-challenge"},
	[DNS_RECORD_PERSIST_01] = {"dns-persist-01", "_validation-persist"},
};

enum err
dns_record_method(const char *type, enum dns_record_method *ret_method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(type, methods[i].type) == 0) {
			*ret_method = (enum dns_record_method)i;
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

static enum err
sha256(const void *data, size_t len, unsigned char ret_hash[SHA256_LEN])
{
	return EVP_Digest(data, len, ret_hash, NULL, EVP_sha256(), NULL) == 1 ? ERR_OK : ERR_CRYPTO;
}

/* base32 (RFC 4648 6) in lower case, of the five bytes at a time that we need */
static void
base32(const unsigned char *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i += 5) {
		uint64_t bits = 0;

		for (size_t k = 0; k < 5; k++)
			bits = bits << 8 | data[i + k];
		for (int shift = 35; shift >= 0; shift -= 5)
			*out++ = "abcdefghijklmnopqrstuvwxyz234567"[bits >> shift & 31];
	}
	*out = '\0';
}

enum err
dns_record_name(enum dns_record_method method, const struct hostname *name, const char *account_url,
                char ret_name[DNS_RECORD_NAME_MAX + 1])
{
	const char *host = name->name + (hostname_is_wildcard(name) ? 2 : 0);
	char label[LABEL_LEN + 1] = "", text[2 * DNS_RECORD_NAME_MAX];
	unsigned char hash[SHA256_LEN];

	if (method == DNS_RECORD_ACCOUNT_01) {
		enum err err = sha256(account_url, strlen(account_url), hash);

		if (err)
			return err;
		base32(hash, LABEL_BYTES, label);
	}
	snprintf(text, sizeof(text), "%s%s%s%s.%s", *label ? "_" : "", label, *label ? "." : "",
	         methods[method].label, host);
	if (strlen(text) > DNS_RECORD_NAME_MAX)
		return ERR_TOOBIG;
	strcpy(ret_name, text);
	return ERR_OK;
}

static enum err
hash_text(const void *data, size_t len, struct buf *out)
{
	unsigned char hash[SHA256_LEN];
	enum err err = sha256(data, len, hash);

	if (err)
		return err;
	jose_base64url(hash, sizeof(hash), out);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err
dns_record_value(const char *keyauth, char ret_value[DNS_RECORD_VALUE_LEN + 1])
{
	struct buf text = {0};
	enum err err = hash_text(keyauth, strlen(keyauth), &text);

	if (!err)
		snprintf(ret_value, DNS_RECORD_VALUE_LEN + 1, "%s", buf_str(&text));
	buf_done(&text);
	return err;
}

/* ---- dns-persist-01 ---- */

/* Draft 02, 4.1: H(length_of_domain || domain_name || key || account_URL) */
static enum err
put_hashed(const struct dns_persist_account *account, const char *domain, struct buf *out)
{
	struct buf input = {0};
	enum err err;

	buf_u8(&input, (uint8_t)strlen(domain));
	buf_add_str(&input, domain);
	buf_add_str(&input, account->thumbprint);
	buf_add_str(&input, account->url);
	buf_printf(out, "%ssha-256/", account->hash_prefix);
	err = buf_ok(&input) ? hash_text(input.data, input.len, out) : ERR_NOMEM;
	buf_done(&input);
	return err;
}

enum err
dns_persist_account(const struct dns_persist_account *account, const struct hostname *name,
                    struct buf *out)
{
	const char *host = name->name + (hostname_is_wildcard(name) ? 2 : 0);

	if (account->hash_prefix)
		return put_hashed(account, host, out);
	buf_add_str(out, account->url);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

void
dns_persist_format(const struct dns_persist *record, struct buf *out)
{
	buf_printf(out, "%s; accounturi=%s", record->issuer, record->account);
	if (record->wildcard)
		buf_add_str(out, "; policy=wildcard");
	if (record->ends)
		buf_printf(out, "; persistUntil=%lld", (long long)record->until);
}

void
dns_record_quote(const char *text, struct buf *out)
{
	size_t used = 0;

	buf_u8(out, '"');
	for (; *text; text++, used++) {
		if (used == STRING_MAX) {
			buf_add_str(out, "\" \"");
			used = 0;
		}
		if (*text == '"' || *text == '\\')
			buf_u8(out, '\\');
		buf_u8(out, (uint8_t)*text);
	}
	buf_u8(out, '"');
}

static bool
is_account(const char *found, const struct dns_persist_want *want)
{
	const struct dns_persist_account *account = want->account;
	struct buf text = {0};
	bool same;

	same = !dns_persist_account(account, want->name, &text) && buf_str(&text) &&
	       strcmp(found, (const char *)text.data) == 0;
	buf_reset(&text);
	if (!same && account->hash_prefix) /* one record for many names: draft 02, 4.1 */
		same = !put_hashed(account, "*", &text) && buf_str(&text) &&
		       strcmp(found, (const char *)text.data) == 0;
	buf_done(&text);
	return same;
}

static bool
is_issuer(const char *found, const struct dns_persist_want *want)
{
	for (size_t i = 0; i < want->issuer_count; i++)
		if (strcmp(found, want->issuers[i]) == 0)
			return true;
	return false;
}

enum dns_persist_verdict
dns_persist_judge(const char *data, size_t len, const struct dns_persist_want *want,
                  struct dns_persist *ret_record, const char **ret_why)
{
	const char *why = NULL;
	enum err err = dns_persist_parse(data, len, ret_record, &why);

	*ret_why = "is not for this CA";
	if (!is_issuer(ret_record->issuer, want))
		return DNS_PERSIST_NONE;
	*ret_why = why;
	if (err)
		return DNS_PERSIST_MALFORMED;
	*ret_why = "is of another account at this CA";
	if (!is_account(ret_record->account, want))
		return DNS_PERSIST_ACCOUNT;
	*ret_why = "has no policy=wildcard";
	if (hostname_is_wildcard(want->name) && !ret_record->wildcard)
		return DNS_PERSIST_POLICY;
	*ret_why = "has ended: its persistUntil is over";
	if (ret_record->ends && want->now > ret_record->until)
		return DNS_PERSIST_EXPIRED;
	*ret_why = "is good";
	return DNS_PERSIST_GOOD;
}
