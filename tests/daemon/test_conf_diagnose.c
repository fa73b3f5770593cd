/* SPDX-License-Identifier: Apache-2.0 */
/* The `diagnose` block, and which addresses are ours because of it. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose_code.h"
#include "daemon/dns/diagnose_own.h"

static char path[] = "/tmp/certd-conf-diagnose-XXXXXX";

static enum err
load(const char *text, const struct conf **ret_conf, char error[CONF_ERROR_MAX + 1])
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fprintf(out, "%s\n", text);
	assert_int_equal(fclose(out), 0);
	return conf_load(path, ret_conf, error);
}

static const struct conf *
take(const char *text)
{
	char error[CONF_ERROR_MAX + 1];
	const struct conf *conf = NULL;

	if (load(text, &conf, error))
		fail_msg("%s\nrefused: %s", text, error);
	return conf;
}

#define LISTEN "listen 127.0.0.9:443 { tls; }\n"
#define CA     "ca x { directory https://ca.example/d; diagnose "

static void
values_and_defaults(void **state)
{
	const struct conf *c = take(LISTEN CA "advise; }");

	(void)state;
	assert_int_equal(c->diagnose.again_ms, 60000);
	assert_int_equal(c->diagnose.moved_after_ms, 7 * 86400 * 1000);
	assert_int_equal(c->diagnose.http_port, 80);
	assert_int_equal(c->diagnose.tls_port, 443);
	assert_true(!c->diagnose.off && !c->diagnose.from_root && !c->diagnose.probe_private);
	assert_null(c->diagnose.trust_anchor);
	assert_int_equal(c->diagnose.address_count, 0);
	assert_false(c->cas[0].diagnose_first);
	conf_unref(c);
	c = take(
		LISTEN CA
		"require; }\ndiagnose { off; from-root; probe-private; again 5m; moved-after 40d;\n"
		"trust-anchor /a/b; probe-ports 8080 8443;\n"
		"addresses 192.0.2.1 2001:DB8:0::1; }");
	assert_int_equal(c->diagnose.again_ms, 300000);
	assert_true(c->diagnose.moved_after_ms == 40u * 86400 * 1000);
	assert_int_equal(c->diagnose.http_port, 8080);
	assert_int_equal(c->diagnose.tls_port, 8443);
	assert_true(c->diagnose.off && c->diagnose.from_root && c->diagnose.probe_private);
	assert_string_equal(c->diagnose.trust_anchor, "/a/b");
	assert_int_equal(c->diagnose.address_count, 2);
	assert_string_equal(c->diagnose.addresses[0].text, "192.0.2.1");
	assert_string_equal(c->diagnose.addresses[1].text, "2001:db8::1");
	assert_true(c->cas[0].diagnose_first);
	conf_unref(c);
}

static void
what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} refused[] = {
		{"diagnose { addresses 192.0.2.1:80; }", "is not an address"},
		{"diagnose { addresses here.example; }", "\"here.example\""},
		{"diagnose { addresses; }", "addresses"},
		{"diagnose { again 0s; }", "0s"},
		{"diagnose { moved-after 50d; }", "50d"},
		{"diagnose { moved-after soon; }", "soon"},
		{"diagnose { probe-ports 80; }", "probe-ports"},
		{"diagnose { probe-ports 0 443; }", "0"},
		{"diagnose { trust-anchor key; }", "key"},
		{"diagnose { of; }", "did you mean \"off\""},
		{"diagnose { off; } diagnose { off; }", "already set"},
		{CA "requires; }", "did you mean \"require\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char error[CONF_ERROR_MAX + 1], text[512];
		const struct conf *conf;

		snprintf(text, sizeof(text), LISTEN "%s", refused[i].text);
		if (load(text, &conf, error) == ERR_OK)
			fail_msg("accepted: %s", refused[i].text);
		if (!strstr(error, refused[i].error))
			fail_msg("for: %s\nwanted: %s\ngot:    %s", refused[i].text,
			         refused[i].error, error);
	}
}

static bool
has(const struct own *own, const char *text)
{
	unsigned char bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, bytes), 1);
	return own_has(own, family, bytes);
}

static void
own_addresses(void **state)
{
	const struct conf *c = take(LISTEN "listen [2001:db8::2]:80 { http; }");
	struct own own;

	(void)state;
	own_find(c, &own);
	assert_int_equal(own.count, 2);
	assert_true(has(&own, "127.0.0.9") && has(&own, "2001:db8::2"));
	assert_false(has(&own, "127.0.0.1"));
	assert_false(own.is_sure); /* neither is public: others may lead to us */
	conf_unref(c);
	c = take(LISTEN "listen 1.1.1.1:80 { http; }");
	own_find(c, &own);
	assert_true(own.is_sure);
	conf_unref(c);
	c = take(LISTEN "diagnose { addresses 192.0.2.1 192.0.2.1 2001:db8::3; }");
	own_find(c, &own);
	assert_int_equal(own.count, 2);
	assert_true(own.is_sure && has(&own, "192.0.2.1") && has(&own, "2001:db8::3"));
	assert_false(has(&own, "127.0.0.9"));
	conf_unref(c);
	c = take("listen 0.0.0.0:443 { tls; }");
	own_find(c, &own);
	assert_false(has(&own, "127.0.0.1") || has(&own, "0.0.0.0"));
	conf_unref(c);
}

static void
codes_say_who_must_act(void **state)
{
	(void)state;
	assert_string_equal(diagnose_word(DIAGNOSE_OK), "ok");
	assert_int_equal(diagnose_actor("ok"), EVENT_NOBODY);
	assert_int_equal(diagnose_actor("caa/forbids"), EVENT_CUSTOMER);
	assert_int_equal(diagnose_actor("http/unreachable"), EVENT_OPERATOR);
	assert_int_equal(diagnose_actor("ca/fault"), EVENT_CA);
	assert_int_equal(diagnose_actor("of another certd"), EVENT_NOBODY);
	for (int i = 0; i < DIAGNOSE_CODES; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(diagnose_word((enum diagnose_code)i),
			                        diagnose_word((enum diagnose_code)k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_defaults),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(own_addresses),
		cmocka_unit_test(codes_say_who_must_act),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
