/* SPDX-License-Identifier: Apache-2.0 */
/* `resolver`, and what a `dns` block says of updates and of looking. */
#include "daemon/conf/conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/certd-conf-dns-XXXXXX";

static enum err
load(const char *text, const struct conf **ret_conf, char error[CONF_ERROR_MAX + 1])
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "%s\nlisten 127.0.0.1:1 { tls; }\n", text);
	assert_int_equal(fclose(f), 0);
	return conf_load(path, ret_conf, error);
}

static void
assert_address(const struct conf_address *a, const char *host, uint16_t port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;
	bool is_v4 = a->sa.ss_family == AF_INET;
	char text[INET6_ADDRSTRLEN];

	assert_non_null(inet_ntop(a->sa.ss_family,
	                          is_v4 ? (const void *)&v4->sin_addr : &v6->sin6_addr, text,
	                          sizeof(text)));
	assert_string_equal(text, host);
	assert_int_equal(ntohs(is_v4 ? v4->sin_port : v6->sin6_port), port);
	assert_int_equal(a->len, is_v4 ? sizeof(*v4) : sizeof(*v6));
}

static void
test_every_word(void **state)
{
	const struct conf *c;
	const struct conf_dns_update *u;
	char error[CONF_ERROR_MAX + 1];

	(void)state;
	if (load("resolver 192.0.2.1 [2001:db8::1] 127.0.0.1:5353;\n"
	         "dns a { server 2001:db8::2; zone Example.ORG.; ttl 5m; propagation-timeout 10s;\n"
	         " key _Cert.Key. hmac-sha512 file /k; check-at 192.0.2.9 [::1]:54; }\n"
	         "dns b { server 192.0.2.3:54; key k hmac-sha256 credential tsig.key; }\n"
	         "dns c { hook /h; check-at none; }",
	         &c, error))
		fail_msg("%s", error);
	assert_int_equal(c->resolvers.count, 3);
	assert_address(&c->resolvers.addresses[0], "192.0.2.1", 53);
	assert_address(&c->resolvers.addresses[1], "2001:db8::1", 53);
	assert_address(&c->resolvers.addresses[2], "127.0.0.1", 5353);
	u = &conf_dns(c, "a")->update;
	assert_address(&u->server, "2001:db8::2", 53);
	assert_string_equal(u->server.text, "2001:db8::2");
	assert_string_equal(u->zone, "example.org");
	assert_string_equal(u->key_name, "_cert.key");
	assert_int_equal(u->key_algorithm, DNS_HMAC_SHA512);
	assert_string_equal(u->key_file, "/k");
	assert_null(u->key_credential);
	assert_int_equal(u->ttl_s, 300);
	assert_int_equal(u->propagation_timeout_ms, 10000);
	assert_int_equal(u->check_at_count, 2);
	assert_address(&u->check_at[0], "192.0.2.9", 53);
	assert_address(&u->check_at[1], "::1", 54);
	assert_false(u->unchecked);
	u = &conf_dns(c, "b")->update;
	assert_address(&u->server, "192.0.2.3", 54);
	assert_null(u->zone);
	assert_null(u->key_file);
	assert_string_equal(u->key_credential, "tsig.key");
	assert_int_equal(u->ttl_s, 60);
	assert_int_equal(u->propagation_timeout_ms, 120000);
	assert_int_equal(u->check_at_count, 0);
	u = &conf_dns(c, "c")->update;
	assert_true(u->unchecked);
	assert_int_equal(u->server.len, 0);
	conf_unref(c);
}

#define KEY "key k hmac-sha256 file /k; "

static const struct {
	const char *text, *error;
} refused[] = {
	{"resolver ns.example.org;", "1:10: \"ns.example.org\""},
	{"resolver 192.0.2.1:0;", "1:10: \"192.0.2.1:0\""},
	{"resolver 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4;", "1:34: an argument too many"},
	{"resolver 1.1.1.1; resolver 1.1.1.2;", "\"resolver\" is already set"},
	{"dns a { }", "1:7: how records are set is missing: hook PATH [ARGUMENT...]; or server"},
	{"dns a { server 192.0.2.1; }", "1:7: the key is missing: key NAME hmac-sha256 file PATH;"},
	{"dns a { server 192.0.2.1; " KEY "hook /h; }",
         "1:7: records are set by a hook or by updates"},
	{"dns a { hook /h; zone a.test; }", "1:7: records are set by a hook or by updates"},
	{"dns a { server 192.0.2.1; " KEY "check-at none; }",
         "1:7: with \"check-at\" the zone must be"},
	{"dns a { server 192.0.2.1; key k hmac-md5 file /k; }", "1:33: hmac-md5 is too weak"},
	{"dns a { server 192.0.2.1; key k hmac-sha1 file /k; }", "1:33: hmac-sha1 is too weak"},
	{"dns a { server 192.0.2.1; key k hmac-sha255 file /k; }",
         "1:33: unknown algorithm \"hmac-sha255\", did you mean \"hmac-sha256\"?"},
	{"dns a { server 192.0.2.1; key k/ hmac-sha256 file /k; }",
         "1:31: \"k/\" is not the name of a key"},
	{"dns a { server 192.0.2.1; key a..b hmac-sha256 file /k; }", "\"a..b\" is not the name"},
	{"dns a { server 192.0.2.1; key k hmac-sha256 file k; }", "1:50: \"k\" is not a full path"},
	{"dns a { server 192.0.2.1; key k hmac-sha256 secret abc; }",
         "1:45: \"secret\": a key is in a \"file\" or \"credential\""},
	{"dns a { server 192.0.2.1; key k hmac-sha256 credential ../k; }",
         "1:56: \"../k\" is not the name of a credential"},
	{"dns a { server 192.0.2.1; " KEY "zone .; }", "\".\" is not the name of a zone"},
	{"dns a { server 192.0.2.1; " KEY "ttl 60; }", "60 needs a unit"},
	{"dns a { server 192.0.2.1; " KEY "ttl 1500ms; }", "a TTL is of whole seconds"},
	{"dns a { server 192.0.2.1; " KEY "ttl 2d; }", "2d is out of range: 1s to 1d"},
	{"dns a { server 192.0.2.1; " KEY "propagation-timeout 2h; }",
         "2h is out of range: 1s to 1h"},
	{"dns a { hook /h; check-at none 192.0.2.1; }", "\"none\""},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char error[CONF_ERROR_MAX + 1];
		const struct conf *c;

		if (load(refused[i].text, &c, error) != ERR_INVALID)
			fail_msg("taken: %s", refused[i].text);
		if (!strstr(error, refused[i].error))
			fail_msg("%s\n%s", refused[i].text, error);
	}
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_word),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
