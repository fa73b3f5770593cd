/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/hello.h"

#include <openssl/ssl.h>
#include <string.h>

enum { RECORD_HEADER = 5, RECORD_MAX = 16 * 1024, VERSION_MAJOR = 3 };
enum { SEALED_MAX = RECORD_MAX + 256 };
enum { CHANGE_LEN = 1, SERVER_RANDOM_AT = RECORD_HEADER + HELLO_HEADER_LEN + 2 };
enum { NAME_TYPE_HOST = 0, RANDOM_LEN = 32, VERSION_LEN = 2 };

static enum err
refuse(uint8_t alert, uint8_t *ret_alert)
{
	*ret_alert = alert;
	return ERR_PROTO;
}

static uint32_t
message_len(const struct hello_walk *walk)
{
	const unsigned char *h = walk->head;

	return HELLO_HEADER_LEN + ((uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3]);
}

static bool
is_whole(const struct hello_walk *walk)
{
	return walk->have >= HELLO_HEADER_LEN && walk->have >= message_len(walk);
}

/* What may stand in front of a second hello, and is nothing to us: change_cipher_spec of middlebox
 * compatibility mode (RFC 8446, D.4), and 0-RTT data that nobody has asked for (4.2.10), as from a
 * client with another server's ticket. OpenSSL skips both. */
static bool
may_precede(const struct hello_walk *walk, unsigned char type)
{
	return walk->second && walk->have == 0 &&
	       (type == SSL3_RT_CHANGE_CIPHER_SPEC || type == SSL3_RT_APPLICATION_DATA);
}

/* The header of a record whose first LEFT bytes are at P. */
static enum err
check_record(const struct hello_walk *walk, const unsigned char *p, size_t left, uint8_t *ret_alert)
{
	bool first = walk->at == 0 && !walk->second;
	size_t len;

	if (left >= 1 && p[0] != SSL3_RT_HANDSHAKE && !may_precede(walk, p[0]))
		return refuse(first ? HELLO_NO_ALERT : SSL_AD_UNEXPECTED_MESSAGE, ret_alert);
	if (left >= 2 && p[1] != VERSION_MAJOR)
		return refuse(HELLO_NO_ALERT, ret_alert);
	if (left < RECORD_HEADER)
		return ERR_AGAIN;
	len = (size_t)p[3] << 8 | p[4];
	if (len == 0 || (p[0] == SSL3_RT_CHANGE_CIPHER_SPEC && len != CHANGE_LEN))
		return refuse(SSL_AD_UNEXPECTED_MESSAGE, ret_alert);
	return len > (p[0] == SSL3_RT_HANDSHAKE ? RECORD_MAX : SEALED_MAX)
	               ? refuse(SSL_AD_RECORD_OVERFLOW, ret_alert)
	               : ERR_OK;
}

/* LEN bytes of the message at P, which follow those that were seen. */
static enum err
take_bytes(struct hello_walk *walk, const unsigned char *p, uint32_t len, uint8_t *ret_alert)
{
	for (uint32_t i = 0; walk->have + i < HELLO_HEADER_LEN && i < len; i++)
		walk->head[walk->have + i] = p[i];
	walk->have += len;
	if (walk->head[0] != SSL3_MT_CLIENT_HELLO)
		return refuse(SSL_AD_UNEXPECTED_MESSAGE, ret_alert);
	if (walk->have >= HELLO_HEADER_LEN && message_len(walk) > HELLO_MAX)
		return refuse(SSL_AD_DECODE_ERROR, ret_alert);
	return ERR_OK;
}

enum err
hello_walk(struct hello_walk *walk, struct span raw, uint8_t *ret_alert)
{
	while (!is_whole(walk)) {
		const unsigned char *p = raw.data + walk->at;
		size_t left = raw.len - walk->at;
		enum err err = check_record(walk, p, left, ret_alert);
		uint32_t len;

		if (err == ERR_PROTO)
			return err;
		len = left < RECORD_HEADER ? 0 : (uint32_t)p[3] << 8 | p[4];
		if (err || left < RECORD_HEADER + len)
			return ERR_AGAIN;
		if (p[0] == SSL3_RT_HANDSHAKE)
			err = take_bytes(walk, p + RECORD_HEADER, len, ret_alert);
		if (err)
			return err;
		walk->at += RECORD_HEADER + len;
	}
	return ERR_OK;
}

/* Exactly one entry, not empty: OpenSSL wants the same. */
static bool
read_server_name(struct span body, struct hello *hello)
{
	struct cursor c;
	uint8_t type;

	cursor_init(&c, body.data, body.len);
	if (cursor_u16be(&c) != c.left)
		return false;
	type = cursor_u8(&c);
	hello->server_name = cursor_bytes(&c, cursor_u16be(&c));
	return cursor_end(&c) && type == NAME_TYPE_HOST && hello->server_name.len > 0;
}

static bool
read_protocols(struct span body, struct hello *hello)
{
	struct cursor c;

	cursor_init(&c, body.data, body.len);
	if (cursor_u16be(&c) != c.left || c.left == 0)
		return false;
	hello->protocols = (struct span){c.at, c.left};
	while (c.left && !c.bad)
		if (cursor_bytes(&c, cursor_u8(&c)).len == 0)
			return false;
	return cursor_end(&c);
}

/* An extension that stands there twice could be read differently by who comes after us. */
static enum err
read_extension(unsigned type, struct span body, struct hello *hello, uint8_t *ret_alert)
{
	bool again, fine;

	switch (type) {
	case TLSEXT_TYPE_server_name:
		again = hello->server_name.data != NULL;
		fine = read_server_name(body, hello);
		break;
	case TLSEXT_TYPE_application_layer_protocol_negotiation:
		again = hello->protocols.data != NULL;
		fine = read_protocols(body, hello);
		break;
	default:
		return ERR_OK;
	}
	if (again)
		return refuse(SSL_AD_ILLEGAL_PARAMETER, ret_alert);
	return fine ? ERR_OK : refuse(SSL_AD_DECODE_ERROR, ret_alert);
}

enum err
hello_parse(struct span message, struct hello *ret_hello, uint8_t *ret_alert)
{
	struct hello hello = {0};
	struct cursor c;

	cursor_init(&c, message.data, message.len);
	cursor_bytes(&c, HELLO_HEADER_LEN + VERSION_LEN + RANDOM_LEN);
	cursor_bytes(&c, cursor_u8(&c));    /* legacy_session_id */
	cursor_bytes(&c, cursor_u16be(&c)); /* cipher_suites */
	cursor_bytes(&c, cursor_u8(&c));    /* legacy_compression_methods */
	if (c.left && cursor_u16be(&c) != c.left)
		c.bad = true;
	while (c.left && !c.bad) {
		unsigned type = cursor_u16be(&c);
		struct span body = cursor_bytes(&c, cursor_u16be(&c));
		enum err err = c.bad ? ERR_OK : read_extension(type, body, &hello, ret_alert);

		if (err)
			return err;
	}
	if (!cursor_end(&c))
		return refuse(SSL_AD_DECODE_ERROR, ret_alert);
	*ret_hello = hello;
	return ERR_OK;
}

bool
hello_is_retry(struct span flight)
{
	static const unsigned char retry_random[RANDOM_LEN] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

	return flight.len >= SERVER_RANDOM_AT + RANDOM_LEN && flight.data[0] == SSL3_RT_HANDSHAKE &&
	       flight.data[RECORD_HEADER] == SSL3_MT_SERVER_HELLO &&
	       memcmp(flight.data + SERVER_RANDOM_AT, retry_random, RANDOM_LEN) == 0;
}

bool
hello_offers(const struct hello *hello, const char *protocol)
{
	size_t len = strlen(protocol);
	struct cursor c;

	cursor_init(&c, hello->protocols.data, hello->protocols.len);
	while (c.left) {
		struct span one = cursor_bytes(&c, cursor_u8(&c));

		if (one.len == len && memcmp(one.data, protocol, len) == 0)
			return true;
	}
	return false;
}

void
hello_alert(uint8_t alert, unsigned char record[HELLO_ALERT_LEN])
{
	const unsigned char bytes[HELLO_ALERT_LEN] = {SSL3_RT_ALERT, VERSION_MAJOR, 3, 0, 2,
	                                              SSL3_AL_FATAL, alert};

	memcpy(record, bytes, sizeof(bytes));
}
