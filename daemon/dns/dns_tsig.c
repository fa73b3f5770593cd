/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of DNS messages (TSIG, RFC 8945). */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dns/dns_inside.h"
#include "daemon/dns/dns_tsig.h"

enum { FUDGE_S = 300 };

static const struct {
	const char *name;
	const EVP_MD *(*digest)(void);
} hmacs[] = {
	[DNS_HMAC_SHA256] = {"hmac-sha256", EVP_sha256},
	[DNS_HMAC_SHA384] = {"hmac-sha384", EVP_sha384},
	[DNS_HMAC_SHA512] = {"hmac-sha512", EVP_sha512},
};

enum err
dns_hmac_parse(const char *word, enum dns_hmac *ret_hmac)
{
	for (size_t i = DNS_HMAC_SHA256; i < sizeof(hmacs) / sizeof(hmacs[0]); i++)
		if (strcmp(word, hmacs[i].name) == 0) {
			*ret_hmac = (enum dns_hmac)i;
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

const char *
dns_hmac_word(enum dns_hmac hmac)
{
	return hmacs[hmac].name;
}

/* What is said in a TSIG record besides the mac. */
struct tsig {
	uint64_t time; /* unix seconds, 48 bits of them */
	uint16_t fudge;
	uint16_t error;
	struct span other;
};

static void
put_time(struct buf *out, uint64_t time)
{
	dns_put_u16(out, (uint16_t)(time >> 32));
	dns_put_u32(out, (uint32_t)time);
}

/* RFC 8945 4.3.3 */
static void
put_variables(struct buf *out, const struct dns_key *key, const struct tsig *t)
{
	bool named = dns_put_name(out, key->name);

	dns_put_u16(out, ns_c_any);
	dns_put_u32(out, 0);
	if (!named || !dns_put_name(out, hmacs[key->algorithm].name))
		out->failed = true;
	put_time(out, t->time);
	dns_put_u16(out, t->fudge);
	dns_put_u16(out, t->error);
	dns_put_u16(out, (uint16_t)t->other.len);
	buf_add(out, t->other.data, t->other.len);
}

/* The mac over REQUEST's (for answers), MESSAGE and what T says. */
static enum err
make_mac(const struct dns_key *key, const struct dns_mac *request, const struct buf *message,
         const struct tsig *t, struct dns_mac *ret_mac)
{
	struct buf text = {0};
	unsigned len = 0;
	enum err err = ERR_OK;

	if (request) {
		dns_put_u16(&text, (uint16_t)request->len);
		buf_add(&text, request->data, request->len);
	}
	buf_add(&text, message->data, message->len);
	put_variables(&text, key, t);
	if (!buf_ok(&text))
		err = ERR_NOMEM;
	else if (!HMAC(hmacs[key->algorithm].digest(), key->secret.data, (int)key->secret.len,
	               text.data, text.len, ret_mac->data, &len))
		err = ERR_CRYPTO;
	ret_mac->len = len;
	buf_done(&text);
	return err;
}

enum err
dns_sign(const struct dns_key *key, int64_t now, struct buf *message, struct dns_mac *ret_mac)
{
	struct tsig t = {.time = (uint64_t)now, .fudge = FUDGE_S};
	uint16_t id = dns_u16_at(message->data, 0);
	uint16_t additional = dns_u16_at(message->data, DNS_ARCOUNT_AT);
	struct buf data = {0};
	enum err err = make_mac(key, NULL, message, &t, ret_mac);

	if (err)
		return err;
	if (!dns_put_name(&data, hmacs[key->algorithm].name))
		data.failed = true;
	put_time(&data, t.time);
	dns_put_u16(&data, t.fudge);
	dns_put_u16(&data, (uint16_t)ret_mac->len);
	buf_add(&data, ret_mac->data, ret_mac->len);
	dns_put_u16(&data, id);
	dns_put_u16(&data, 0); /* error */
	dns_put_u16(&data, 0); /* other data */
	if (!dns_put_name(message, key->name))
		message->failed = true;
	dns_put_u16(message, ns_t_tsig);
	dns_put_u16(message, ns_c_any);
	dns_put_u32(message, 0);
	dns_put_u16(message, (uint16_t)data.len);
	buf_add(message, data.data, data.len);
	if (!buf_ok(&data) || !buf_ok(message))
		err = ERR_NOMEM;
	else
		dns_set_u16_at(message->data, DNS_ARCOUNT_AT, (uint16_t)(additional + 1));
	buf_done(&data);
	return err;
}

/* ---- answers ---- */

/* The TSIG record: the last one of all, in the additional section. */
static bool
find_tsig(const struct buf *answer, struct dns_rr *ret_rr)
{
	struct dns_reader r;
	struct dns_rr rr;
	bool found = false;

	if (dns_read(answer, &r))
		return false;
	while (dns_next(&r, &rr)) {
		found = rr.section == ns_s_ar && rr.type == ns_t_tsig && rr.class == ns_c_any;
		*ret_rr = rr;
	}
	return found && cursor_end(&r.c);
}

struct signature {
	struct tsig t;
	struct span mac;
	uint16_t id;
};

/* A TSIG record's data, if it is of KEY's algorithm. */
static bool
read_tsig(const struct dns_key *key, const struct dns_rr *rr, struct signature *ret)
{
	struct buf algorithm = {0};
	struct span name;
	struct cursor c;
	bool same;

	if (!dns_put_name(&algorithm, hmacs[key->algorithm].name))
		return false;
	cursor_init(&c, rr->data.data, rr->data.len);
	name = cursor_bytes(&c, algorithm.len);
	same = name.data && strncasecmp((const char *)name.data, (const char *)algorithm.data,
	                                algorithm.len) == 0;
	buf_done(&algorithm);
	ret->t.time = (uint64_t)cursor_u16be(&c) << 32;
	ret->t.time |= (uint64_t)cursor_u16be(&c) << 16;
	ret->t.time |= cursor_u16be(&c);
	ret->t.fudge = cursor_u16be(&c);
	ret->mac = cursor_bytes(&c, cursor_u16be(&c));
	ret->id = cursor_u16be(&c);
	ret->t.error = cursor_u16be(&c);
	ret->t.other = cursor_bytes(&c, cursor_u16be(&c));
	return same && cursor_end(&c);
}

/* As the server signed it: without the record, under the id it had then (RFC 8945 5.3). */
static enum err
strip(const struct buf *answer, const struct dns_rr *rr, uint16_t id, struct buf *out)
{
	buf_add(out, answer->data, rr->at);
	if (!buf_ok(out))
		return ERR_NOMEM;
	dns_set_u16_at(out->data, 0, id);
	dns_set_u16_at(out->data, DNS_ARCOUNT_AT,
	               (uint16_t)(dns_u16_at(answer->data, DNS_ARCOUNT_AT) - 1));
	return ERR_OK;
}

enum err
dns_verify(const struct dns_key *key, int64_t now, const struct dns_mac *request,
           const struct buf *answer, int *ret_error)
{
	struct signature s;
	struct dns_rr rr;
	struct dns_mac mac;
	struct buf stripped = {0};
	enum err err;

	*ret_error = 0;
	if (!find_tsig(answer, &rr) || strcasecmp(rr.name, key->name) != 0 ||
	    !read_tsig(key, &rr, &s))
		return ERR_PROTO;
	*ret_error = s.t.error;
	if (s.mac.len == 0)
		return s.t.error ? ERR_PERM : ERR_PROTO;
	err = strip(answer, &rr, s.id, &stripped);
	if (!err)
		err = make_mac(key, request, &stripped, &s.t, &mac);
	if (!err && (s.mac.len != mac.len || CRYPTO_memcmp(s.mac.data, mac.data, mac.len) != 0))
		err = ERR_CRYPTO;
	if (!err && s.t.error)
		err = ERR_PERM;
	if (!err && llabs((int64_t)s.t.time - now) > s.t.fudge)
		err = ERR_TIMEOUT;
	buf_done(&stripped);
	return err;
}
