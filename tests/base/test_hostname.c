/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hostname.h"
#include "base/idna.h"

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define N253                                                                                       \
	L63 "." L63 "." L63 "."                                                                    \
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffh"

struct row {
	const char *input;
	size_t len;           /* 0: strlen */
	const char *expected; /* NULL: refused */
};

static const struct row sni_rows[] = {
	{"example.test", 0, "example.test"},
	{"A.EXAMPLE.Test", 0, "a.example.test"},
	{"a.example.test.", 0, "a.example.test"},
	{"_acme.example.test", 0, "_acme.example.test"},
	{"xn--bcher-kva.example", 0, "xn--bcher-kva.example"},
	{"localhost", 0, "localhost"},
	{"1.example", 0, "1.example"},
	{"-a-.example", 0, "-a-.example"},
	{N253, 0, N253},
	{"", 0, NULL},
	{".", 0, NULL},
	{"..", 0, NULL},
	{"a..b", 0, NULL},
	{".a", 0, NULL},
	{"a.b..", 0, NULL},
	{N253 "x", 0, NULL},
	{L63 "x.test", 0, NULL},
	{"*.wild.test", 0, NULL},
	{"192.0.2.1", 0, NULL},
	{"192.0.2.1.", 0, NULL},
	{"2001:db8::1", 0, NULL},
	{"1", 0, NULL},
	{"../../etc/passwd", 0, NULL},
	{"\033]0;pwn", 0, NULL},
	{"a\nlevel=error", 0, NULL},
	{"b\xc3\xbc"
         "cher.example",
         0, NULL},
	{"a b.test", 0, NULL},
	{"a.test\0.evil", 12, NULL},
};

static void
sni_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sni_rows) / sizeof(sni_rows[0]); i++) {
		const struct row *r = &sni_rows[i];
		struct hostname h = {0};
		enum err err = hostname_parse_sni(r->input, r->len ? r->len : strlen(r->input), &h);

		if (!r->expected) {
			assert_int_equal(err, ERR_INVALID);
			assert_int_equal(h.len, 0);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_string_equal(h.name, r->expected);
		assert_int_equal(h.len, strlen(r->expected));
	}
}

static const struct row operator_rows[] = {
	{"shop.example.com", 0, "shop.example.com"},
	{"SHOP.Example.com.", 0, "shop.example.com"},
	{"*.example.com", 0, "*.example.com"},
	{"b\xc3\xbc"
         "cher.example",
         0, "xn--bcher-kva.example"},
	{"B\xc3\x9c"
         "CHER.example",
         0, "xn--bcher-kva.example"},
	{"*.b\xc3\xbc"
         "cher.example",
         0, "*.xn--bcher-kva.example"},
	{"xn--bcher-kva.example", 0, "xn--bcher-kva.example"},
	{"stra\xc3\x9f"
         "e.example",
         0, "xn--strae-oqa.example"},
	{"a.b", 0, "a.b"},
	{"a..b", 0, NULL},
	{"10.0.0.1", 0, "10.0.0.1"},
	{"192.0.2.255", 0, "192.0.2.255"},
	{"[192.0.2.1]", 0, "192.0.2.1"},
	{"2001:DB8:0:0:0:0:0:1", 0, "2001:db8::1"},
	{"[2001:db8::00ff]", 0, "2001:db8::ff"},
	{"::1", 0, "::1"},
	{"::ffff:192.0.2.1", 0, "192.0.2.1"},
	{"2001:0:0:1:0:0:0:1", 0, "2001:0:0:1::1"},
	{"0.0.0.0", 0, NULL},
	{"::", 0, NULL},
	{"::ffff:0:0", 0, NULL},
	{"224.0.0.1", 0, NULL},
	{"255.255.255.255", 0, NULL},
	{"ff02::1", 0, NULL},
	{"fe80::1%eth0", 0, NULL},
	{"2001:db8::1::2", 0, NULL},
	{"192.0.2", 0, NULL},
	{"192.0.2.256", 0, NULL},
	{"192.0.2.01", 0, NULL},
	{"192.0.2.1.", 0, NULL},
	{"*.192.0.2.1", 0, NULL},
	{"0x7f.1", 0, NULL},
	{"[192.0.2.1", 0, NULL},
	{"10.0.0.1:80", 0, NULL},
	{"a_b.com", 0, NULL},
	{"_acme.example.com", 0, NULL},
	{"*", 0, NULL},
	{"*.", 0, NULL},
	{"a.*.com", 0, NULL},
	{"**.com", 0, NULL},
	{"*a.com", 0, NULL},
	{"-a.com", 0, NULL},
	{"a-.com", 0, NULL},
	{"ab--c.com", 0, NULL},
	{"xn--a.com", 0, NULL},
	{"xn--99999999.com", 0, NULL},
	{"", 0, NULL},
	{N253 "x", 0, NULL},
	{"*." N253, 0, NULL},
	{"a\xe2\x80\x8b"
         "b.example",
         0, NULL},
	{"\xff\xfe.example", 0, NULL},
	{"exa mple.com", 0, NULL},
	{"b\xc3\xbc"
         "cher_x.example",
         0, NULL},
	{";rm -rf", 0, NULL},
	{"$(x).com", 0, NULL},
	{"http://example.com", 0, NULL},
};

static void
operators_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(operator_rows) / sizeof(operator_rows[0]); i++) {
		const struct row *r = &operator_rows[i];
		struct hostname h = {0};
		char why[128] = "";
		enum err err = idna_parse(r->input, &h, why, sizeof(why));

		if (!r->expected) {
			if (!err)
				print_error("accepted: %s as %s\n", r->input, h.name);
			assert_int_equal(err, ERR_INVALID);
			assert_true(strlen(why) > 10); /* a sentence */
			continue;
		}
		if (err)
			print_error("refused: %s: %s\n", r->input, why);
		assert_int_equal(err, ERR_OK);
		assert_string_equal(h.name, r->expected);
	}
}

static struct hostname
name_of(const char *text)
{
	struct hostname h;

	assert_int_equal(hostname_parse(text, &h, NULL), ERR_OK);
	return h;
}

static void
addresses(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *bytes;
	} rows[] = {
		{"192.0.2.1", 4, "\300\0\2\1"}, {"::1", 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
		{"a.example", 0, NULL},         {"1.example", 0, NULL},
		{"*.example", 0, NULL},
	};
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	struct hostname h, back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(hostname_parse_any(rows[i].name, &h, NULL), ERR_OK);
		assert_int_equal(hostname_is_address(&h), rows[i].len > 0);
		assert_int_equal(hostname_address(&h, address), rows[i].len);
		if (!rows[i].len)
			continue;
		assert_memory_equal(address, rows[i].bytes, rows[i].len);
		assert_int_equal(hostname_of_address(address, rows[i].len, &back), ERR_OK);
		assert_true(hostname_equal(&h, &back));
		assert_int_equal(hostname_wildcard_parent(&h, &back), ERR_NOTFOUND);
		assert_int_equal(hostname_parse(h.name, &back, NULL), ERR_INVALID);
	}
	assert_int_equal(hostname_of_address("abcde", 5, &h), ERR_INVALID);
	assert_int_equal(hostname_of_address("", 0, &h), ERR_INVALID);
}

static void
wildcards(void **state)
{
	struct hostname h = name_of("a.b.example"), parent, star = name_of("*.b.example"),
			one = name_of("one");
	struct hostname deep = name_of("x.a.b.example"), apex = name_of("b.example");

	(void)state;
	assert_int_equal(hostname_wildcard_parent(&h, &parent), ERR_OK);
	assert_string_equal(parent.name, "*.b.example");
	assert_true(hostname_is_wildcard(&parent));
	assert_true(hostname_equal(&parent, &star));
	assert_int_equal(hostname_wildcard_parent(&parent, &parent), ERR_NOTFOUND);
	assert_int_equal(hostname_wildcard_parent(&one, &parent), ERR_NOTFOUND);
	assert_true(hostname_matches(&star, &h));
	assert_true(hostname_matches(&h, &h));
	assert_true(hostname_matches(&star, &star));
	assert_false(hostname_matches(&star, &deep));
	assert_false(hostname_matches(&star, &apex));
	assert_false(hostname_matches(&h, &star));
}

static void
shown_to_people(void **state)
{
	struct hostname h = name_of("xn--bcher-kva.example"), plain = name_of("plain.example");
	char text[256];

	(void)state;
	idna_display(&h, text, sizeof(text));
	assert_string_equal(text, "b\xc3\xbc"
	                          "cher.example");
	idna_display(&plain, text, sizeof(text));
	assert_string_equal(text, "plain.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sni_names),       cmocka_unit_test(operators_names),
		cmocka_unit_test(addresses),       cmocka_unit_test(wildcards),
		cmocka_unit_test(shown_to_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
