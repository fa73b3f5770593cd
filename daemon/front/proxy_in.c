/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/proxy_in.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "base/cursor.h"
#include "base/units.h"

/* Version 1 (2.1): "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" */

enum { V1_MAX = 107 };

static const char v1_start[] = "PROXY ";

static bool
put_address(int family, const char *address, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
	if (family == AF_INET) {
		v4->sin_port = htons(port);
		return inet_pton(AF_INET, address, &v4->sin_addr) == 1;
	}
	v6->sin6_port = htons(port);
	return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1;
}

static bool
parse_port(const char *text, uint16_t *ret_port)
{
	uint64_t port;

	if ((*text == '0' && text[1]) || units_parse_number(text, &port) || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* LINE without CR LF; one blank between words, none at the ends. */
static enum err
parse_v1_line(char *line, struct proxy_in *h)
{
	char *words[5], *rest = line;
	size_t count = 0;
	uint16_t from, to;
	int family;

	while (rest && count < 5)
		words[count++] = strsep(&rest, " ");
	if (strcmp(words[0], "UNKNOWN") == 0) /* whatever follows is to be ignored */
		return ERR_OK;
	family = strcmp(words[0], "TCP4") == 0   ? AF_INET
	         : strcmp(words[0], "TCP6") == 0 ? AF_INET6
	                                         : 0;
	if (rest || count != 5 || !family || !parse_port(words[3], &from) ||
	    !parse_port(words[4], &to) || !put_address(family, words[1], from, &h->client) ||
	    !put_address(family, words[2], to, &h->local))
		return ERR_PROTO;
	h->has_addresses = true;
	return ERR_OK;
}

static enum err
parse_v1(const char *data, size_t len, struct proxy_in *h)
{
	size_t most = len < V1_MAX ? len : V1_MAX, n = sizeof(v1_start) - 1;
	const char *lf = memchr(data, '\n', most);
	char line[V1_MAX];

	if (!lf)
		return len < V1_MAX && !memchr(data, '\0', most) ? ERR_AGAIN : ERR_PROTO;
	h->len = (size_t)(lf - data) + 1;
	if (h->len < n + 2 || lf[-1] != '\r' || memchr(data, '\0', h->len))
		return ERR_PROTO;
	memcpy(line, data + n, h->len - n - 2);
	line[h->len - n - 2] = '\0';
	return parse_v1_line(line, h);
}

/* Version 2 (2.2) */

static const unsigned char v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                               0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum { V2_FIXED = 16, V2_VERSION = 2, V2_LOCAL = 0, V2_PROXY = 1 };
enum { TCP4 = 0x11, TCP6 = 0x21, FAMILY_END = 4, TRANSPORT_END = 3 };
enum { TLV_CRC32C = 3 };

/* Bytes of both addresses and ports, by the upper half of the family byte. */
static const size_t address_lens[FAMILY_END] = {0, 12, 36,
                                                2 * sizeof(((struct sockaddr_un *)NULL)->sun_path)};

/* CRC-32C (RFC 4960, appendix B) over the header with the sum's own bytes as 0. */
static uint32_t
crc32c(const unsigned char *data, size_t len, const unsigned char *sum)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data + i >= sum && data + i < sum + 4 ? 0 : data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Only the check sum means something to us; the others must be well-formed. */
static bool
check_tlvs(struct cursor c, const unsigned char *header, size_t len)
{
	while (c.left && !c.bad) {
		uint8_t type = cursor_u8(&c);
		struct span value = cursor_bytes(&c, cursor_u16be(&c));
		uint32_t sum;

		if (c.bad || type != TLV_CRC32C)
			continue;
		if (value.len != sizeof(sum))
			return false;
		memcpy(&sum, value.data, sizeof(sum));
		if (ntohl(sum) != crc32c(header, len, value.data))
			return false;
	}
	return !c.bad;
}

static void
take_v4(struct cursor *c, struct proxy_in *h)
{
	struct sockaddr_in *from = (struct sockaddr_in *)&h->client;
	struct sockaddr_in *to = (struct sockaddr_in *)&h->local;

	from->sin_family = to->sin_family = AF_INET;
	memcpy(&from->sin_addr, cursor_bytes(c, 4).data, 4);
	memcpy(&to->sin_addr, cursor_bytes(c, 4).data, 4);
	from->sin_port = htons(cursor_u16be(c));
	to->sin_port = htons(cursor_u16be(c));
}

static void
take_v6(struct cursor *c, struct proxy_in *h)
{
	struct sockaddr_in6 *from = (struct sockaddr_in6 *)&h->client;
	struct sockaddr_in6 *to = (struct sockaddr_in6 *)&h->local;

	from->sin6_family = to->sin6_family = AF_INET6;
	memcpy(&from->sin6_addr, cursor_bytes(c, 16).data, 16);
	memcpy(&to->sin6_addr, cursor_bytes(c, 16).data, 16);
	from->sin6_port = htons(cursor_u16be(c));
	to->sin6_port = htons(cursor_u16be(c));
}

/* C is behind the fixed part and has all that it announced. */
static enum err
parse_v2_body(struct cursor c, unsigned char family, const unsigned char *header,
              struct proxy_in *h)
{
	struct cursor tlvs = c;

	(void)cursor_bytes(&tlvs, address_lens[family >> 4]);
	if (tlvs.bad)
		return ERR_PROTO;
	/* An unknown protocol's addresses have a length only its sender knows. */
	if (family >> 4 != 0 && !check_tlvs(tlvs, header, h->len))
		return ERR_PROTO;
	if (family != TCP4 && family != TCP6)
		return ERR_OK;
	h->has_addresses = true;
	if (family == TCP4)
		take_v4(&c, h);
	else
		take_v6(&c, h);
	return ERR_OK;
}

static enum err
parse_v2(const unsigned char *data, size_t len, struct proxy_in *h)
{
	struct cursor c;
	unsigned char command, family;

	if (len < V2_FIXED)
		return ERR_AGAIN;
	command = data[12];
	family = data[13];
	h->len = V2_FIXED + ((size_t)data[14] << 8 | data[15]);
	if (command >> 4 != V2_VERSION || (command & 0xf) > V2_PROXY || family >> 4 >= FAMILY_END ||
	    (family & 0xf) >= TRANSPORT_END)
		return ERR_PROTO;
	if (h->len > PROXY_IN_MAX)
		return ERR_TOOBIG;
	if (len < h->len)
		return ERR_AGAIN;
	if ((command & 0xf) == V2_LOCAL) /* the sender speaks for itself; the rest is ignored */
		return ERR_OK;
	cursor_init(&c, data + V2_FIXED, h->len - V2_FIXED);
	return parse_v2_body(c, family, data, h);
}

/* Whether DATA, as far as it goes, is START. */
static bool
begins(const void *data, size_t len, const void *start, size_t start_len)
{
	return memcmp(data, start, len < start_len ? len : start_len) == 0;
}

enum err
proxy_in_parse(const void *data, size_t len, struct proxy_in *ret_header)
{
	struct proxy_in h = {0};
	enum err err = ERR_PROTO;

	if (begins(data, len, v2_signature, sizeof(v2_signature)))
		err = parse_v2(data, len, &h);
	else if (begins(data, len, v1_start, sizeof(v1_start) - 1))
		err = parse_v1(data, len, &h);
	if (!err)
		*ret_header = h;
	return err;
}
