/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages, written and read (RFC 1035 4). */
#include "daemon/dns/dns_inside.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

/* ---- writing ---- */

void
dns_put_u16(struct buf *out, uint16_t v)
{
	buf_u8(out, (uint8_t)(v >> 8));
	buf_u8(out, (uint8_t)v);
}

void
dns_put_u32(struct buf *out, uint32_t v)
{
	dns_put_u16(out, (uint16_t)(v >> 16));
	dns_put_u16(out, (uint16_t)v);
}

bool
dns_put_name(struct buf *out, const char *name)
{
	unsigned char wire[NS_MAXCDNAME];
	const unsigned char *end = wire;

	if (!dns_is_name(name) || ns_name_pton(name, wire, sizeof(wire)) < 0 ||
	    ns_name_skip(&end, wire + sizeof(wire)) != 0)
		return false;
	buf_add(out, wire, (size_t)(end - wire));
	return true;
}

bool
dns_is_name(const char *name)
{
	unsigned char wire[NS_MAXCDNAME];

	return !strchr(name, '\\') && ns_name_pton(name, wire, sizeof(wire)) >= 0;
}

void
dns_put_txt(struct buf *out, const char *value)
{
	size_t left = strlen(value);

	do {
		size_t piece = left < DNS_TXT_PIECE_MAX ? left : DNS_TXT_PIECE_MAX;

		buf_u8(out, (uint8_t)piece);
		buf_add(out, value, piece);
		value += piece;
		left -= piece;
	} while (left > 0);
}

enum err
dns_put_header(struct buf *out, uint16_t flags, uint16_t questions)
{
	unsigned char id[2];

	if (RAND_bytes(id, sizeof(id)) != 1)
		return ERR_CRYPTO;
	buf_add(out, id, sizeof(id));
	dns_put_u16(out, flags);
	dns_put_u16(out, questions);
	for (int i = 0; i < 3; i++)
		dns_put_u16(out, 0);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err
dns_put_query(struct buf *out, const char *name, ns_type type, bool recurse, bool edns)
{
	enum err err = dns_put_header(out, recurse ? DNS_FLAG_RD : 0, 1);

	if (err)
		return err;
	if (!dns_put_name(out, name))
		return ERR_INVALID;
	dns_put_u16(out, (uint16_t)type);
	dns_put_u16(out, ns_c_in);
	if (edns) { /* RFC 6891 6.1.2: an OPT record of the root, our size in place of a class */
		buf_u8(out, 0);
		dns_put_u16(out, ns_t_opt);
		dns_put_u16(out, DNS_UDP_SIZE);
		dns_put_u32(out, 0);
		dns_put_u16(out, 0);
	}
	if (!buf_ok(out))
		return ERR_NOMEM;
	if (edns)
		dns_set_u16_at(out->data, DNS_ARCOUNT_AT, 1);
	return ERR_OK;
}

/* ---- reading ---- */

uint16_t
dns_u16_at(const unsigned char *data, size_t at)
{
	return (uint16_t)(data[at] << 8 | data[at + 1]);
}

void
dns_set_u16_at(unsigned char *data, size_t at, uint16_t v)
{
	data[at] = (unsigned char)(v >> 8);
	data[at + 1] = (unsigned char)v;
}

enum err
dns_read(const struct buf *message, struct dns_reader *ret_reader)
{
	struct dns_reader r = {.message = message->data, .len = message->len};

	if (r.len < DNS_HEADER_LEN)
		return ERR_PROTO;
	for (size_t i = 0; i < 4; i++)
		r.left[i] = dns_u16_at(r.message, 4 + 2 * i);
	cursor_init(&r.c, r.message + DNS_HEADER_LEN, r.len - DNS_HEADER_LEN);
	*ret_reader = r;
	return ERR_OK;
}

/* Lower case, without final dot. False for names whose text needs escapes: none of ours has such.
 */
static bool
take_name(const struct dns_reader *r, const unsigned char *at, char ret_name[DNS_NAME_MAX + 1])
{
	char text[NS_MAXDNAME];
	size_t len;

	if (ns_name_uncompress(r->message, r->message + r->len, at, text, sizeof(text)) < 0 ||
	    strchr(text, '\\'))
		return false;
	len = strlen(text);
	if (len > 0 && text[len - 1] == '.')
		text[--len] = '\0';
	if (len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i <= len; i++)
		ret_name[i] = (char)tolower((unsigned char)text[i]);
	return true;
}

/* The name where the cursor is, which is moved behind it. */
static void
read_name(struct dns_reader *r, struct dns_rr *rr)
{
	const unsigned char *end = r->c.at;

	*rr->name = '\0';
	rr->odd_name = !take_name(r, r->c.at, rr->name);
	if (r->c.left == 0 || ns_name_skip(&end, r->c.at + r->c.left) != 0)
		r->c.bad = true;
	else
		cursor_bytes(&r->c, (size_t)(end - r->c.at));
}

bool
dns_next(struct dns_reader *r, struct dns_rr *ret_rr)
{
	while (r->section < ns_s_max && r->left[r->section] == 0)
		r->section++;
	if (r->section == ns_s_max || r->c.bad || r->seen++ >= DNS_ANSWER_MAX)
		return false;
	r->left[r->section]--;
	ret_rr->section = (ns_sect)r->section;
	ret_rr->at = (size_t)(r->c.at - r->message);
	read_name(r, ret_rr);
	ret_rr->type = cursor_u16be(&r->c);
	ret_rr->class = cursor_u16be(&r->c);
	ret_rr->data = (struct span){NULL, 0};
	if (r->section != ns_s_qd) {
		cursor_bytes(&r->c, 4); /* TTL */
		ret_rr->data = cursor_bytes(&r->c, cursor_u16be(&r->c));
	}
	return !r->c.bad;
}

bool
dns_rr_target(const struct dns_reader *r, const struct dns_rr *rr, char ret_name[DNS_NAME_MAX + 1])
{
	char name[DNS_NAME_MAX + 1];

	if (rr->data.len == 0 || !take_name(r, rr->data.data, name) || !*name)
		return false;
	memcpy(ret_name, name, sizeof(name));
	return true;
}

bool
dns_rr_txt(const struct dns_rr *rr, struct buf *out)
{
	struct cursor c;

	cursor_init(&c, rr->data.data, rr->data.len);
	while (c.left > 0 && !c.bad) {
		struct span piece = cursor_bytes(&c, cursor_u8(&c));

		buf_add(out, piece.data, piece.len);
	}
	buf_u8(out, 0);
	return !c.bad;
}

int
dns_rcode(const struct buf *message)
{
	return dns_u16_at(message->data, DNS_FLAGS_AT) & 0xf;
}

bool
dns_flag(const struct buf *message, uint16_t flag)
{
	return dns_u16_at(message->data, DNS_FLAGS_AT) & flag;
}

const char *
dns_rcode_word(int rcode)
{
	static const char *const words[] = {
		"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",
	};

	return rcode >= 0 && rcode < (int)(sizeof(words) / sizeof(words[0])) ? words[rcode]
	                                                                     : "an unknown error";
}

bool
dns_is_in(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	if (n < z || strcmp(name + n - z, zone) != 0)
		return false;
	return n == z || z == 0 || name[n - z - 1] == '.';
}
