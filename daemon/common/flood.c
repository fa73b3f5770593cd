/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/flood.h"

#include <stdio.h>
#include <string.h>

#include "daemon/common/network.h"

/* A key: 1 + reason, the network's bits, its first six bytes (of IPv4 the three that count). */
enum { V4_BITS = 24, V6_BITS = 48, REASON_SHIFT = 56, BITS_SHIFT = 48 };
enum { V4_AT = 12, V4_BYTES = V4_BITS / 8, V6_BYTES = V6_BITS / 8 };

uint64_t
flood_key(enum flood_reason reason, const struct sockaddr *client)
{
	struct network n;
	uint64_t key;
	bool v4;

	network_of(client, V4_BITS, V6_BITS, &n);
	v4 = n.bits == NETWORK_V4_BITS + V4_BITS;
	key = (uint64_t)(1 + reason) << 8 | n.bits;
	for (int i = 0; i < V6_BYTES; i++)
		key = key << 8 | (v4 && i >= V4_BYTES ? 0 : n.address[v4 ? V4_AT + i : i]);
	return key;
}

enum flood_reason
flood_key_reason(uint64_t key)
{
	uint64_t reason = (key >> REASON_SHIFT) - 1;

	return reason < FLOOD_REASONS ? (enum flood_reason)reason : FLOOD_UNKNOWN;
}

void
flood_key_network(uint64_t key, struct network *ret_network)
{
	struct network n = {.bits = (unsigned char)(key >> BITS_SHIFT)};
	bool v4 = n.bits == NETWORK_V4_BITS + V4_BITS;

	if (v4)
		n.address[10] = n.address[11] = 0xff;
	for (int i = 0; i < (v4 ? V4_BYTES : V6_BYTES); i++)
		n.address[v4 ? V4_AT + i : i] = (unsigned char)(key >> (BITS_SHIFT - 8 - 8 * i));
	*ret_network = n;
}

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_acquire);
}

static void
store(_Atomic uint64_t *value, uint64_t v)
{
	atomic_store_explicit(value, v, memory_order_release);
}

/* A reader that sees a number of the new key also sees that the old key is gone, so who finds the
 * same key before and after the numbers has that key's. */
static void
replace(struct flood_entry *e, uint64_t key)
{
	uint64_t base = load(&e->count);

	store(&e->key, 0);
	store(&e->base, base);
	store(&e->count, base + 1);
	store(&e->key, key);
}

static void
count(struct flood *flood, uint64_t key)
{
	struct flood_entry *least = &flood->top[0];

	for (int i = 0; i < FLOOD_TOP; i++) {
		struct flood_entry *e = &flood->top[i];

		if (load(&e->key) == key) {
			store(&e->count, load(&e->count) + 1);
			return;
		}
		if (load(&e->count) < load(&least->count))
			least = e;
	}
	replace(least, key);
}

/* Only what names are made of stays as it is: this ends in a sentence, between commas. */
static void
escape(const unsigned char *name, size_t len, char dst[FLOOD_NAME_MAX + 1])
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*:";
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		/* Four for a byte, three for what stands in place of the rest. */
		if (at + 4 + (i + 1 < len ? 3 : 0) > FLOOD_NAME_MAX) {
			strcpy(dst + at, "...");
			return;
		}
		if (name[i] && strchr(plain, name[i]))
			dst[at++] = (char)name[i];
		else
			at += (size_t)sprintf(dst + at, "\\x%02x", name[i]);
	}
	dst[at] = '\0';
}

/* As report_add() does it: who sees a word of number N also sees `written` >= N. */
static void
add_name(struct flood *flood, const void *name, size_t len)
{
	uint64_t n = load(&flood->written), words[FLOOD_NAME_WORDS] = {0};
	char text[FLOOD_NAME_MAX + 1];

	escape(name, len, text);
	memcpy(words, text, strlen(text));
	for (int i = 0; i < FLOOD_NAME_WORDS; i++)
		store(&flood->names[n % FLOOD_NAMES][i], words[i]);
	store(&flood->written, n + 1);
}

void
flood_add(struct flood *flood, enum flood_reason reason, const struct sockaddr *client,
          const void *name, size_t len)
{
	store(&flood->total[reason], load(&flood->total[reason]) + 1);
	count(flood, flood_key(reason, client));
	if (name)
		add_name(flood, name, len);
}

/* ---- the reader's side ---------------------------------------------------------------------- */

/* False when the entry is in the writer's hands: it comes next time. */
static bool
read_entry(const struct flood_entry *e, uint64_t *ret_key, uint64_t *ret_base, uint64_t *ret_count)
{
	*ret_key = load(&e->key);
	*ret_base = load(&e->base);
	*ret_count = load(&e->count);
	return *ret_key != 0 && load(&e->key) == *ret_key;
}

void
flood_read(const struct flood *flood, struct flood_reader *reader, flood_fn *fn, void *arg)
{
	for (int i = 0; i < FLOOD_TOP; i++) {
		uint64_t key, base, now, before;

		if (!read_entry(&flood->top[i], &key, &base, &now))
			continue;
		before = reader->top[i].key == key && reader->top[i].count > base
		                 ? reader->top[i].count
		                 : base;
		if (now > before)
			fn(arg, key, now - before);
		reader->top[i].key = key;
		reader->top[i].count = now;
	}
}

static bool
is_text(const char *bytes)
{
	const char *end = memchr(bytes, '\0', FLOOD_NAME_MAX + 1);

	for (const char *p = bytes; end && p < end; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return end != NULL;
}

bool
flood_next_name(const struct flood *flood, struct flood_reader *reader,
                char ret_name[FLOOD_NAME_MAX + 1])
{
	uint64_t words[FLOOD_NAME_WORDS], written;

	while ((written = load(&flood->written)) != reader->read) {
		uint64_t n = reader->read;

		if (written - n >= FLOOD_NAMES)
			n = reader->read = written - (FLOOD_NAMES - 1);
		for (int i = 0; i < FLOOD_NAME_WORDS; i++)
			words[i] = load(&flood->names[n % FLOOD_NAMES][i]);
		written = load(&flood->written);
		if (written - n >= FLOOD_NAMES)
			continue; /* overtaken while reading */
		reader->read++;
		if (!is_text((const char *)words))
			continue; /* a worker gone mad does not write to anybody's terminal */
		memcpy(ret_name, words, sizeof(words));
		return true;
	}
	return false;
}
