/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/hello.h"

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

/* A copy of exactly that size, so that the sanitizer sees a read past its end. */
static struct span
exact(struct span s)
{
	unsigned char *copy = malloc(s.len ? s.len : 1);

	assert_non_null(copy);
	memcpy(copy, s.data, s.len);
	return (struct span){copy, s.len};
}

static void
test_server_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span copy = exact(names[i].extension);
		struct span name;
		enum err err = hello_server_name(copy, &name);

		if (err != (names[i].name ? ERR_OK : ERR_PROTO))
			fail_msg("%s: %s", names[i].title, err_word(err));
		if (!err) {
			assert_int_equal(name.len, strlen(names[i].name));
			assert_memory_equal(name.data, names[i].name, name.len);
		}
		free((void *)copy.data);
	}
}

static void
test_offers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct span copy = exact(offers[i].extension);
		bool yes = false;
		enum err err = hello_offers(copy, "acme-tls/1", &yes);

		if ((err ? -1 : yes) != offers[i].offers)
			fail_msg("%s: %s, %d", offers[i].title, err_word(err), yes);
		free((void *)copy.data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
