/* SPDX-License-Identifier: Apache-2.0 */
/* What a hello in small records takes while it is not whole: its bytes without most of the records'
 * headers, which come back when it is passed on. */
#include <openssl/ssl.h>
#include <string.h>

#include "daemon/front/hello.h"

/* Of a first hello, in front of a record's bytes: what a header says, in one to three bytes. The
 * lower six bits of the first are the length less 1 or, with LONG, its upper ones, and the lower
 * ones follow; with OTHER a minor version follows, which else is the last one's. Thus even records
 * of one byte that change their version each time take three bytes. */
enum { LONG = 0x80, OTHER = 0x40, SIX_BITS = 0x3f, FIRST_MINOR = 1, SECOND_MINOR = 3 };
enum { RECORD_HEADER = 5, VERSION_MAJOR = 3 };

static unsigned char *
pack_header(unsigned char *out, const unsigned char *header, unsigned char *minor)
{
	size_t less = ((size_t)header[3] << 8 | header[4]) - 1;
	unsigned char other = header[2] == *minor ? 0 : OTHER;

	if (less <= SIX_BITS) {
		*out++ = other | (unsigned char)less;
	} else {
		*out++ = (unsigned char)(LONG | other | less >> 8);
		*out++ = (unsigned char)less;
	}
	if (other)
		*minor = *out++ = header[2];
	return out;
}

/* Returns where the record's bytes begin. */
static const unsigned char *
unpack_header(const unsigned char *p, unsigned char *minor, size_t *ret_len)
{
	unsigned char first = *p++;

	*ret_len = (first & SIX_BITS) + 1u;
	if (first & LONG)
		*ret_len = ((size_t)(first & SIX_BITS) << 8 | *p++) + 1;
	if (first & OTHER)
		*minor = *p++;
	return p;
}

static unsigned char *
put_header(unsigned char *out, unsigned char minor, size_t len)
{
	const unsigned char header[RECORD_HEADER] = {SSL3_RT_HANDSHAKE, VERSION_MAJOR, minor,
	                                             (unsigned char)(len >> 8), (unsigned char)len};

	memcpy(out, header, sizeof(header));
	return out + sizeof(header);
}

size_t
hello_pack(struct hello_walk *walk, struct span raw, unsigned char *dst)
{
	unsigned char *out = dst + walk->packed;
	unsigned char minor = walk->packed ? walk->minor : FIRST_MINOR;
	size_t tail = raw.len - walk->at;

	memcpy(dst, raw.data, walk->packed);
	for (size_t at = walk->packed; at < walk->at;) {
		const unsigned char *p = raw.data + at;
		size_t len = (size_t)p[3] << 8 | p[4];

		at += RECORD_HEADER + len;
		if (p[0] != SSL3_RT_HANDSHAKE)
			continue;
		if (!walk->second)
			out = pack_header(out, p, &minor);
		walk->unpacked += walk->second && walk->unpacked ? 0 : RECORD_HEADER;
		walk->unpacked += (uint32_t)len;
		memcpy(out, p + RECORD_HEADER, len);
		out += len;
	}
	memcpy(out, raw.data + walk->at, tail);
	walk->minor = minor;
	walk->at = walk->packed = (uint32_t)(out - dst);
	return walk->packed + tail;
}

size_t
hello_unpacked_len(const struct hello_walk *walk, size_t len)
{
	return len - walk->packed + walk->unpacked;
}

/* What is packed, with headers or without; returns what is behind. */
static unsigned char *
unpack(const struct hello_walk *walk, const unsigned char *p, bool headers, unsigned char *out)
{
	const unsigned char *end = p + walk->packed;
	unsigned char minor = walk->second ? SECOND_MINOR : FIRST_MINOR;

	for (size_t len; p < end; p += len) {
		if (walk->second)
			len = walk->packed;
		else
			p = unpack_header(p, &minor, &len);
		if (headers)
			out = put_header(out, minor, len);
		memcpy(out, p, len);
		out += len;
	}
	return out;
}

void
hello_unpack(struct hello_walk *walk, struct span raw, unsigned char *dst)
{
	unsigned char *out = unpack(walk, raw.data, true, dst);

	memcpy(out, raw.data + walk->packed, raw.len - walk->packed);
	walk->at = (uint32_t)hello_unpacked_len(walk, walk->at);
	walk->packed = walk->unpacked = 0;
}

struct span
hello_message(const struct hello_walk *walk, struct span raw, unsigned char space[HELLO_MAX])
{
	const unsigned char *h = walk->head;
	size_t len = HELLO_HEADER_LEN + ((size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
	size_t have = (size_t)(unpack(walk, raw.data, false, space) - space);

	for (size_t at = walk->packed; have < len;) {
		const unsigned char *p = raw.data + at + RECORD_HEADER;
		size_t n = (size_t)p[-2] << 8 | p[-1];

		at += RECORD_HEADER + n;
		if (p[-RECORD_HEADER] != SSL3_RT_HANDSHAKE)
			continue;
		if (n >= len && have == 0)
			return (struct span){p, len};
		n = n < len - have ? n : len - have;
		memcpy(space + have, p, n);
		have += n;
	}
	return (struct span){space, len};
}
