/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/front/hello.h"

#define BYTES(text)                                                                                \
	{                                                                                          \
		(const unsigned char *)(text), sizeof(text) - 1                                    \
	}

static const struct {
	const char *title;
	struct span extension;
	const char *name; /* NULL: refused */
} names[] = {
	{"a name",
         BYTES("\0\x0e\0\0\x0b"
               "example.org"),
         "example.org"},
	{"one byte",
         BYTES("\0\x04\0\0\x01"
               "a"),
         "a"},
	{"hostile bytes pass to the host name rule", BYTES("\0\x06\0\0\x03\x1b]0"), "\x1b]0"},
	{"empty extension", BYTES(""), NULL},
	{"half a list length", BYTES("\0"), NULL},
	{"empty list", BYTES("\0\0"), NULL},
	{"list longer than the extension",
         BYTES("\0\x0f\0\0\x0b"
               "example.org"),
         NULL},
	{"list shorter than the extension",
         BYTES("\0\x0d\0\0\x0b"
               "example.org"),
         NULL},
	{"name longer than the list",
         BYTES("\0\x0e\0\0\x0c"
               "example.org"),
         NULL},
	{"name shorter than the list",
         BYTES("\0\x0e\0\0\x0a"
               "example.org"),
         NULL},
	{"name length 65535",
         BYTES("\0\x0e\0\xff\xff"
               "example.org"),
         NULL},
	{"empty name", BYTES("\0\x03\0\0\0"), NULL},
	{"another type",
         BYTES("\0\x0e\x01\0\x0b"
               "example.org"),
         NULL},
	{"two names",
         BYTES("\0\x08\0\0\x01"
               "a"
               "\0\0\x01"
               "b"),
         NULL},
	{"only a type", BYTES("\0\x01\0"), NULL},
};

static const struct {
	const char *title;
	struct span extension;
	int offers; /* -1: refused */
} offers[] = {
	{"alone",
         BYTES("\0\x0b\x0a"
               "acme-tls/1"),
         1},
	{"among others",
         BYTES("\0\x0e\x02h2\x0a"
               "acme-tls/1"),
         1},
	{"others", BYTES("\0\x0c\x02h2\x08http/1.1"), 0},
	{"a longer one",
         BYTES("\0\x0c\x0b"
               "acme-tls/1x"),
         0},
	{"a shorter one",
         BYTES("\0\x0a\x09"
               "acme-tls/"),
         0},
	{"other case",
         BYTES("\0\x0b\x0a"
               "ACME-TLS/1"),
         0},
	{"empty extension", BYTES(""), -1},
	{"empty list", BYTES("\0\0"), -1},
	{"empty protocol", BYTES("\0\x01\0"), -1},
	{"empty protocol behind ours",
         BYTES("\0\x0c\x0a"
               "acme-tls/1"
               "\0"),
         -1},
	{"list longer than the extension",
         BYTES("\0\x0c\x0a"
               "acme-tls/1"),
         -1},
	{"list shorter than the extension",
         BYTES("\0\x0a\x0a"
               "acme-tls/1"),
         -1},
	{"protocol longer than the list",
         BYTES("\0\x0b\x0b"
               "acme-tls/1"),
         -1},
	{"protocol shorter than the list",
         BYTES("\0\x0b\x09"
               "acme-tls/1"),
         -1},
};

enum { RECORD_HEADER = 5, RANDOM = 32, MESSAGE_SPACE = 2 * HELLO_MAX, RAW_SPACE = 8 * HELLO_MAX };

/* A message that grows; big enough for everything here. */
struct message {
	size_t len;
	unsigned char bytes[MESSAGE_SPACE];
};

static void
put(struct message *m, const void *data, size_t len)
{
	assert_true(m->len + len <= sizeof(m->bytes));
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static void
put_u16(struct message *m, size_t v)
{
	put(m, (unsigned char[]){(unsigned char)(v >> 8), (unsigned char)v}, 2);
}

static void
put_extension(struct message *m, unsigned type, struct span body)
{
	put_u16(m, type);
	put_u16(m, body.len);
	put(m, body.data, body.len);
}

/* Everything up to the extensions' length. */
static void
begin(struct message *m)
{
	m->len = 0;
	put(m, "\x01\0\0\0\x03\x03", 6);
	put(m, "0123456789abcdef0123456789abcdef", RANDOM);
	put(m,
	    "\x20"
	    "0123456789abcdef0123456789abcdef",
	    1 + RANDOM);
	put(m,
	    "\0\x04\x13\x01\xc0\x2b"
	    "\x01\0",
	    8);
}

static void
set_len(struct message *m)
{
	m->bytes[1] = (unsigned char)((m->len - 4) >> 16);
	m->bytes[2] = (unsigned char)((m->len - 4) >> 8);
	m->bytes[3] = (unsigned char)(m->len - 4);
}

/* Lengths of message and extensions, which begin at FROM. */
static void
finish(struct message *m, size_t from)
{
	m->bytes[from] = (unsigned char)((m->len - from - 2) >> 8);
	m->bytes[from + 1] = (unsigned char)(m->len - from - 2);
	set_len(m);
}

static void
make(struct message *m, unsigned type, struct span body, int times)
{
	size_t from;

	begin(m);
	from = m->len;
	put_u16(m, 0);
	put_extension(m, 10, (struct span){(const unsigned char *)"\0\x02\0\x1d", 4});
	for (int i = 0; i < times; i++)
		put_extension(m, type, body);
	put_extension(m, 43, (struct span){(const unsigned char *)"\x02\x03\x04", 3});
	finish(m, from);
}

/* A copy of exactly that size, so that the sanitizer sees a read past its end. */
static struct span
exact(const void *data, size_t len)
{
	unsigned char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data, len);
	return (struct span){copy, len};
}

/* HELLO is all zeros when it is refused. */
static enum err
parse(const struct message *m, struct span *ret_copy, struct hello *ret_hello, uint8_t *ret_alert)
{
	*ret_copy = exact(m->bytes, m->len);
	*ret_hello = (struct hello){0};
	*ret_alert = 0;
	return hello_parse(*ret_copy, ret_hello, ret_alert);
}

static void
test_server_name(void **state)
{
	struct message *m = malloc(sizeof(*m));

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span copy;
		struct hello hello;
		uint8_t alert;
		enum err err;

		make(m, TLSEXT_TYPE_server_name, names[i].extension, 1);
		err = parse(m, &copy, &hello, &alert);
		if (err != (names[i].name ? ERR_OK : ERR_PROTO))
			fail_msg("%s: %s", names[i].title, err_word(err));
		assert_int_equal(alert, names[i].name ? 0 : SSL_AD_DECODE_ERROR);
		assert_null(hello.protocols.data);
		if (!err) {
			assert_int_equal(hello.server_name.len, strlen(names[i].name));
			assert_memory_equal(hello.server_name.data, names[i].name,
			                    hello.server_name.len);
		}
		free((void *)copy.data);
	}
	free(m);
}

static void
test_offers(void **state)
{
	struct message *m = malloc(sizeof(*m));

	(void)state;
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct span copy;
		struct hello hello;
		uint8_t alert;
		enum err err;
		bool yes;

		make(m, TLSEXT_TYPE_application_layer_protocol_negotiation, offers[i].extension, 1);
		err = parse(m, &copy, &hello, &alert);
		yes = hello_offers(&hello, "acme-tls/1");
		if ((err ? -1 : yes) != offers[i].offers)
			fail_msg("%s: %s, %d", offers[i].title, err_word(err), yes);
		assert_int_equal(alert, err ? SSL_AD_DECODE_ERROR : 0);
		free((void *)copy.data);
	}
	free(m);
}

static const struct span a_name = BYTES("\0\x04\0\0\x01"
                                        "a");
static const struct span a_protocol = BYTES("\0\x03\x02h2");

/* Twice the same extension could be read as two different hellos. */
static void
test_twice(void **state)
{
	static const struct {
		unsigned type;
		struct span body;
		uint8_t alert;
	} cases[] = {
		{TLSEXT_TYPE_server_name,
	         BYTES("\0\x04\0\0\x01"
	               "a"),
	         SSL_AD_ILLEGAL_PARAMETER},
		{TLSEXT_TYPE_application_layer_protocol_negotiation, BYTES("\0\x03\x02h2"),
	         SSL_AD_ILLEGAL_PARAMETER},
		{0x1a1a, BYTES(""), 0}, /* of no interest here */
	};
	struct message *m = malloc(sizeof(*m));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span copy;
		struct hello hello;
		uint8_t alert;

		make(m, cases[i].type, cases[i].body, 2);
		assert_int_equal(parse(m, &copy, &hello, &alert),
		                 cases[i].alert ? ERR_PROTO : ERR_OK);
		assert_int_equal(alert, cases[i].alert);
		free((void *)copy.data);
	}
	free(m);
}

/* Cut off anywhere, a hello is refused; but TLS 1.2 knows hellos without extensions. */
static void
test_cut_off(void **state)
{
	struct message *m = malloc(sizeof(*m));
	size_t without;

	(void)state;
	begin(m);
	without = m->len;
	make(m, TLSEXT_TYPE_server_name, a_name, 1);
	for (size_t len = 0; len <= m->len; len++) {
		struct message cut = *m;
		struct span copy;
		struct hello hello;
		uint8_t alert;
		enum err err;

		cut.len = len;
		err = parse(&cut, &copy, &hello, &alert);
		if (err != (len == without || len == m->len ? ERR_OK : ERR_PROTO))
			fail_msg("%zu of %zu bytes: %s", len, m->len, err_word(err));
		assert_true((hello.server_name.data != NULL) == (len == m->len));
		free((void *)copy.data);
	}
	put(m, "", 1);
	set_len(m);
	assert_int_equal(
		hello_parse((struct span){m->bytes, m->len}, &(struct hello){0}, &(uint8_t){0}),
		ERR_PROTO); /* a byte behind the extensions */
	free(m);
}

/* A2: many extensions, the two of interest last. */
static void
test_a_thousand_extensions(void **state)
{
	struct message *m = malloc(sizeof(*m));
	struct span copy;
	struct hello hello;
	uint8_t alert;
	size_t from;

	(void)state;
	begin(m);
	from = m->len;
	put_u16(m, 0);
	for (unsigned i = 0; i < 1000; i++)
		put_extension(m, 0x4000 + i, (struct span){(const unsigned char *)"12345678", 8});
	put_extension(m, TLSEXT_TYPE_application_layer_protocol_negotiation, a_protocol);
	put_extension(m, TLSEXT_TYPE_server_name, a_name);
	finish(m, from);
	assert_int_equal(parse(m, &copy, &hello, &alert), ERR_OK);
	assert_int_equal(hello.server_name.len, 1);
	assert_true(hello_offers(&hello, "h2"));
	assert_false(hello_offers(&hello, "h3"));
	free((void *)copy.data);
	free(m);
}

/* M in records of SIZE bytes; the length of all of them. */
static size_t
cut_into_records(const struct message *m, size_t size, unsigned char raw[RAW_SPACE])
{
	size_t len = 0;

	for (size_t at = 0; at < m->len; at += size) {
		size_t n = m->len - at < size ? m->len - at : size;

		memcpy(raw + len,
		       (unsigned char[]){22, 3, 1, (unsigned char)(n >> 8), (unsigned char)n},
		       RECORD_HEADER);
		memcpy(raw + len + RECORD_HEADER, m->bytes + at, n);
		len += RECORD_HEADER + n;
	}
	return len;
}

/* What a connection keeps; HAVE of it, in a copy of just that size. */
struct kept {
	struct hello_walk walk;
	struct span bytes;
};

static void
keep(struct kept *kept, const unsigned char *more, size_t len)
{
	unsigned char *copy = malloc(kept->bytes.len + len);

	assert_non_null(copy);
	if (kept->bytes.len)
		memcpy(copy, kept->bytes.data, kept->bytes.len);
	memcpy(copy + kept->bytes.len, more, len);
	free((void *)kept->bytes.data);
	kept->bytes = (struct span){copy, kept->bytes.len + len};
}

static void
pack(struct kept *kept)
{
	unsigned char *packed = malloc(kept->bytes.len);
	size_t len = hello_pack(&kept->walk, kept->bytes, packed);
	struct span copy = exact(packed, len);

	free(packed);
	free((void *)kept->bytes.data);
	kept->bytes = copy;
}

/* RAW comes in pieces of STEP bytes, and is packed whenever MAX of them are kept (SIZE_MAX: never);
 * only with the last piece the message is whole, and then everything is there as it was. */
static void
check_walk_packed(const struct message *m, const unsigned char *raw, size_t len, size_t step,
                  size_t max)
{
	static unsigned char space[HELLO_MAX];
	struct kept kept = {0};
	struct span message;
	unsigned char *unpacked;
	uint8_t alert = 0;

	for (size_t at = 0, n; at < len; at += n) {
		size_t room = max < SIZE_MAX ? HELLO_KEPT_MAX - kept.bytes.len : step;
		enum err err;

		n = len - at < step ? len - at : step;
		n = n < room ? n : room;
		assert_true(n > 0);
		keep(&kept, raw + at, n);
		err = hello_walk(&kept.walk, kept.bytes, &alert);
		assert_int_equal(err, at + n < len ? ERR_AGAIN : ERR_OK);
		if (err && kept.bytes.len >= max)
			pack(&kept);
	}
	message = hello_message(&kept.walk, kept.bytes, space);
	assert_int_equal(message.len, m->len);
	assert_memory_equal(message.data, m->bytes, m->len);
	assert_int_equal(alert, 0);
	assert_int_equal(hello_unpacked_len(&kept.walk, kept.bytes.len), len);
	assert_non_null(unpacked = malloc(len));
	hello_unpack(&kept.walk, kept.bytes, unpacked);
	assert_memory_equal(unpacked, raw, len);
	assert_int_equal(kept.walk.at, len);
	free(unpacked);
	free((void *)kept.bytes.data);
}

static void
check_walk(const struct message *m, const unsigned char *raw, size_t len, size_t step)
{
	static const size_t max[] = {1, 40, 1000, HELLO_KEPT_MAX};

	for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++)
		check_walk_packed(m, raw, len, step, max[i]);
	check_walk_packed(m, raw, len, step, SIZE_MAX);
}

static void
test_any_fragmentation(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 100, HELLO_MAX};
	static unsigned char raw[RAW_SPACE];
	struct message *m = malloc(sizeof(*m));

	(void)state;
	make(m, TLSEXT_TYPE_server_name, a_name, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			check_walk(m, raw, cut_into_records(m, sizes[i], raw), sizes[k]);
	free(m);
}

/* What comes behind the hello, in its record or after it, is somebody else's to judge. */
static void
test_bytes_behind(void **state)
{
	static unsigned char raw[RAW_SPACE], space[HELLO_MAX];
	struct message *m = malloc(sizeof(*m));
	size_t len, hello_len;

	(void)state;
	make(m, TLSEXT_TYPE_server_name, a_name, 1);
	hello_len = m->len;
	put(m, "behind", 6);
	for (size_t size = 1; size <= m->len; size++) {
		struct hello_walk walk = {0};
		struct span message;
		uint8_t alert;

		len = cut_into_records(m, size, raw);
		assert_int_equal(hello_walk(&walk, (struct span){raw, len}, &alert), ERR_OK);
		message = hello_message(&walk, (struct span){raw, len}, space);
		assert_int_equal(message.len, hello_len);
		assert_memory_equal(message.data, m->bytes, hello_len);
	}
	free(m);
}

static const struct {
	const char *title;
	struct span raw;
	enum err err;
	uint8_t alert;
} beginnings[] = {
	{"nothing", BYTES(""), ERR_AGAIN, 0},
	{"a type", BYTES("\x16"), ERR_AGAIN, 0},
	{"half a header", BYTES("\x16\x03\x01\x40"), ERR_AGAIN, 0},
	{"a header", BYTES("\x16\x03\x01\x40\0"), ERR_AGAIN, 0},
	{"one byte of a message", BYTES("\x16\x03\x01\0\x01\x01"), ERR_AGAIN, 0},
	{"a record of SSL 3", BYTES("\x16\x03\0\0\x01\x01"), ERR_AGAIN, 0},
	{"HTTP", BYTES("GET / HTTP/1.1\r\n"), ERR_PROTO, HELLO_NO_ALERT},
	{"SSH", BYTES("S"), ERR_PROTO, HELLO_NO_ALERT},
	{"PROXY protocol", BYTES("PROXY TCP4 "), ERR_PROTO, HELLO_NO_ALERT},
	{"a hello of SSL 2", BYTES("\x80\x2e\x01\x03\x01"), ERR_PROTO, HELLO_NO_ALERT},
	{"an alert", BYTES("\x15\x03\x01\0\x02\x02\x28"), ERR_PROTO, HELLO_NO_ALERT},
	{"another major version", BYTES("\x16\x02"), ERR_PROTO, HELLO_NO_ALERT},
	{"an empty record", BYTES("\x16\x03\x01\0\0"), ERR_PROTO, SSL_AD_UNEXPECTED_MESSAGE},
	{"an empty second record", BYTES("\x16\x03\x01\0\x01\x01\x16\x03\x01\0\0"), ERR_PROTO,
         SSL_AD_UNEXPECTED_MESSAGE},
	{"a second record of another type", BYTES("\x16\x03\x01\0\x01\x01\x17"), ERR_PROTO,
         SSL_AD_UNEXPECTED_MESSAGE},
	{"a record too long", BYTES("\x16\x03\x01\x40\x01"), ERR_PROTO, SSL_AD_RECORD_OVERFLOW},
	{"another message", BYTES("\x16\x03\x01\0\x01\x02"), ERR_PROTO, SSL_AD_UNEXPECTED_MESSAGE},
	{"16 KiB announced", BYTES("\x16\x03\x01\0\x04\x01\0\x3f\xfc"), ERR_AGAIN, 0},
	{"16 KiB and a byte", BYTES("\x16\x03\x01\0\x04\x01\0\x3f\xfd"), ERR_PROTO,
         SSL_AD_DECODE_ERROR},
	{"16 MiB announced", BYTES("\x16\x03\x01\0\x04\x01\xff\xff\xff"), ERR_PROTO,
         SSL_AD_DECODE_ERROR},
	{"the same over two records", BYTES("\x16\x03\x01\0\x02\x01\xff\x16\x03\x01\0\x02\xff\xff"),
         ERR_PROTO, SSL_AD_DECODE_ERROR},
};

static void
test_beginnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct span copy = exact(beginnings[i].raw.data, beginnings[i].raw.len);
		struct hello_walk walk = {0};
		uint8_t alert = 0;
		enum err err = hello_walk(&walk, copy, &alert);

		if (err != beginnings[i].err || alert != beginnings[i].alert)
			fail_msg("%s: %s, alert %d", beginnings[i].title, err_word(err), alert);
		free((void *)copy.data);
	}
}

/* After a HelloRetryRequest: dummy change_cipher_spec records may come first, and only there. */
static void
test_second(void **state)
{
	static const struct {
		const char *title;
		struct span before; /* the hello */
		enum err err;
		uint8_t alert;
	} cases[] = {
		{"nothing", BYTES(""), ERR_OK, 0},
		{"one", BYTES("\x14\x03\x03\0\x01\x01"), ERR_OK, 0},
		{"two", BYTES("\x14\x03\x03\0\x01\x01\x14\x03\x03\0\x01\x01"), ERR_OK, 0},
		{"a long one", BYTES("\x14\x03\x03\0\x02\x01\x01"), ERR_PROTO,
	         SSL_AD_UNEXPECTED_MESSAGE},
		{"0-RTT data", BYTES("\x17\x03\x03\0\x03xyz"), ERR_OK, 0},
		{"0-RTT data and one", BYTES("\x17\x03\x03\0\x01x\x14\x03\x03\0\x01\x01"), ERR_OK,
	         0},
		{"0-RTT data, too long", BYTES("\x17\x03\x03\x41\x01"), ERR_PROTO,
	         SSL_AD_RECORD_OVERFLOW},
		{"0-RTT data inside the hello", BYTES("\x16\x03\x03\0\x01\x01\x17\x03\x03\0\x01x"),
	         ERR_PROTO, SSL_AD_UNEXPECTED_MESSAGE},
		{"an alert", BYTES("\x15\x03\x03\0\x02\x02\x28"), ERR_PROTO,
	         SSL_AD_UNEXPECTED_MESSAGE},
		{"inside the hello", BYTES("\x16\x03\x03\0\x01\x01\x14\x03\x03\0\x01\x01"),
	         ERR_PROTO, SSL_AD_UNEXPECTED_MESSAGE},
	};
	static unsigned char raw[RAW_SPACE], space[HELLO_MAX];
	struct message *m = malloc(sizeof(*m));

	(void)state;
	make(m, TLSEXT_TYPE_server_name, a_name, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hello_walk walk = {.second = true};
		size_t len = cases[i].before.len;
		uint8_t alert = 0;
		enum err err = ERR_AGAIN;

		memcpy(raw, cases[i].before.data, len);
		len += cut_into_records(m, 50, raw + len);
		for (size_t have = 0; have <= len && err == ERR_AGAIN; have++)
			err = hello_walk(&walk, (struct span){raw, have}, &alert);
		if (err != cases[i].err || alert != cases[i].alert)
			fail_msg("%s: %s, alert %d", cases[i].title, err_word(err), alert);
		if (!err)
			assert_memory_equal(
				hello_message(&walk, (struct span){raw, len}, space).data, m->bytes,
				m->len);
	}
	free(m);
}

static void
test_is_retry(void **state)
{
	unsigned char flight[] = "\x16\x03\x03\0\x58\x02\0\0\x54\x03\x03"
				 "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
				 "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
	size_t len = sizeof(flight) - 1;

	(void)state;
	assert_true(hello_is_retry((struct span){flight, len}));
	assert_false(hello_is_retry((struct span){flight, len - 1}));
	assert_false(hello_is_retry((struct span){flight, 0}));
	for (size_t i = 0; i < len; i++) {
		bool matters = i == 0 || i == 5 || i >= 11;

		flight[i] ^= 1;
		assert_true(hello_is_retry((struct span){flight, len}) == !matters);
		flight[i] ^= 1;
	}
}

/* A2: a message of exactly HELLO_MAX bytes in any pieces; at worst each record has one byte and
 * another version than the one before. */
static void
test_longest(void **state)
{
	static unsigned char raw[RAW_SPACE];
	static const size_t sizes[] = {1, 2, 3, 63, 64, 65, 66, 256, 16383, HELLO_MAX};
	struct message *m = malloc(sizeof(*m));

	(void)state;
	begin(m);
	for (size_t i = m->len; i < HELLO_MAX; i++)
		m->bytes[i] = (unsigned char)(i * 7);
	m->len = HELLO_MAX;
	set_len(m);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = cut_into_records(m, sizes[i], raw);

		check_walk(m, raw, len, 10000);
		for (size_t at = 0; at < len; at += RECORD_HEADER + sizes[i])
			raw[at + 2] = (unsigned char)(at * 3);
		check_walk(m, raw, len, 10000);
	}
	free(m);
}

/* Of a second hello nothing of the headers stays, so it comes back in one record. */
static void
test_second_packed(void **state)
{
	static unsigned char raw[RAW_SPACE], space[HELLO_MAX], unpacked[RAW_SPACE];
	static const unsigned char change[] = "\x14\x03\x03\0\x01\x01";
	struct kept kept = {.walk.second = true};
	struct message *m = malloc(sizeof(*m));
	uint8_t alert = 0;
	size_t len, largest = 0;

	(void)state;
	begin(m);
	memset(m->bytes + m->len, 7, HELLO_MAX - m->len);
	m->len = HELLO_MAX;
	set_len(m);
	len = cut_into_records(m, 1, raw);
	memmove(raw + 6, raw, len);
	memcpy(raw, change, 6);
	len += 6;
	for (size_t at = 0; at < len - 6; at += 60) {
		size_t n = len - 6 - at < 60 ? len - 6 - at : 60;

		keep(&kept, raw + at, n);
		assert_int_equal(hello_walk(&kept.walk, kept.bytes, &alert), ERR_AGAIN);
		pack(&kept);
		largest = kept.bytes.len > largest ? kept.bytes.len : largest;
	}
	assert_int_equal(largest, HELLO_MAX - 1);
	keep(&kept, raw + len - 6, 6);
	assert_int_equal(hello_walk(&kept.walk, kept.bytes, &alert), ERR_OK);
	assert_memory_equal(hello_message(&kept.walk, kept.bytes, space).data, m->bytes, m->len);
	assert_int_equal(hello_unpacked_len(&kept.walk, kept.bytes.len), 5 + HELLO_MAX - 1 + 6);
	hello_unpack(&kept.walk, kept.bytes, unpacked);
	assert_memory_equal(unpacked, "\x16\x03\x03\x3f\xff", RECORD_HEADER);
	assert_memory_equal(unpacked + RECORD_HEADER, m->bytes, HELLO_MAX - 1);
	assert_memory_equal(unpacked + RECORD_HEADER + HELLO_MAX - 1, raw + len - 6, 6);
	free((void *)kept.bytes.data);
	free(m);
}

static void
test_alert(void **state)
{
	unsigned char record[HELLO_ALERT_LEN];

	(void)state;
	hello_alert(SSL_AD_UNRECOGNIZED_NAME, record);
	assert_memory_equal(record, "\x15\x03\x03\0\x02\x02\x70", sizeof(record));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_a_thousand_extensions),
		cmocka_unit_test(test_any_fragmentation),
		cmocka_unit_test(test_bytes_behind),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_second),
		cmocka_unit_test(test_second_packed),
		cmocka_unit_test(test_is_retry),
		cmocka_unit_test(test_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
