/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's first bytes: records, the ClientHello in them, its two extensions, then the host
 * name rule. Whatever the bytes are, they come to the same in pieces as in one go, spans stay
 * inside what they were read from, and a name is normalized. The first byte says how large the
 * pieces are and, in its highest bit, whether this is the hello after a HelloRetryRequest; the
 * corpus is tests/fuzz/hello/. clang -fsanitize=fuzzer,address,undefined, with daemon/hello*.c
 * and base/.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "daemon/front/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err
walk_in_pieces(struct span raw, size_t step, struct hello_walk *walk, uint8_t *ret_alert)
{
	enum err err = ERR_AGAIN;

	for (size_t have = step; err == ERR_AGAIN; have += step) {
		bool last = have >= raw.len;

		err = hello_walk(walk, (struct span){raw.data, last ? raw.len : have}, ret_alert);
		if (last)
			break;
	}
	return err;
}

/* What was walked past is packed at PART of RAW, and comes back as it was; a second hello's message
 * does. */
static void
check_packed(struct span raw, size_t part, struct hello_walk walk)
{
	static unsigned char space[HELLO_MAX], again[HELLO_MAX];
	unsigned char *packed = malloc(raw.len), *unpacked;
	struct hello_walk plain = walk;
	uint8_t alert = 0;
	size_t len;
	struct span message;

	if (!packed || hello_walk(&walk, (struct span){raw.data, part}, &alert) != ERR_AGAIN) {
		free(packed);
		return;
	}
	len = hello_pack(&walk, (struct span){raw.data, part}, packed);
	assert(len <= part);
	memcpy(packed + len, raw.data + part, raw.len - part);
	len += raw.len - part;
	assert(hello_walk(&walk, (struct span){packed, len}, &alert) ==
	       hello_walk(&plain, raw, &alert));
	if (walk.have >= HELLO_HEADER_LEN && walk.at == len) {
		message = hello_message(&walk, (struct span){packed, len}, again);
		assert(memcmp(message.data, hello_message(&plain, raw, space).data, message.len) ==
		       0);
	}
	unpacked = malloc(hello_unpacked_len(&walk, len));
	assert(unpacked && (walk.second || hello_unpacked_len(&walk, len) == raw.len));
	hello_unpack(&walk, (struct span){packed, len}, unpacked);
	assert(walk.second || memcmp(unpacked, raw.data, raw.len) == 0);
	free(unpacked);
	free(packed);
}

static void
check_inside(struct span part, struct span whole)
{
	assert(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void
check_name(struct span name)
{
	struct hostname host;

	if (hostname_parse_sni(name.data, name.len, &host) != ERR_OK)
		return;
	assert(host.len > 0 && host.len <= HOSTNAME_MAX && strlen(host.name) == host.len);
	assert(strspn(host.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == host.len);
}

static void
check_message(struct span message)
{
	struct hello hello = {0};
	uint8_t alert = 0;

	assert(message.len <= HELLO_MAX);
	if (hello_parse(message, &hello, &alert) != ERR_OK) {
		assert(alert != HELLO_NO_ALERT && !hello.server_name.data && !hello.protocols.data);
		return;
	}
	if (hello.protocols.data)
		check_inside(hello.protocols, message);
	else
		assert(!hello_offers(&hello, "acme-tls/1"));
	(void)hello_offers(&hello, "acme-tls/1");
	if (!hello.server_name.data)
		return;
	assert(hello.server_name.len > 0);
	check_inside(hello.server_name, message);
	check_name(hello.server_name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char space[HELLO_MAX];
	struct hello_walk whole = {0}, pieces;
	uint8_t alert = 0, alert_pieces = 0;
	struct span raw;
	enum err err;

	if (size < 2 || size - 1 > 8 * HELLO_MAX)
		return 0;
	raw = (struct span){data + 1, size - 1};
	whole.second = data[0] & 0x80;
	pieces = whole;
	err = hello_walk(&whole, raw, &alert);
	(void)hello_is_retry(raw);
	assert(walk_in_pieces(raw, (data[0] & 0x7fu) + 1, &pieces, &alert_pieces) == err);
	assert(alert == alert_pieces && whole.at == pieces.at && whole.have == pieces.have);
	if (err == ERR_OK)
		check_packed(raw, raw.len * (data[0] & 0x7fu) / 0x80,
		             (struct hello_walk){.second = whole.second});
	if (err == ERR_OK)
		check_message(hello_message(&whole, raw, space));
	return 0;
}
