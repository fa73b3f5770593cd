/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/event_types.h"
#include "daemon/conf/conf.h"

static char path[] = "/tmp/certd-conf-tell-XXXXXX";

static enum err
load(const char *text, const struct conf **ret_conf, char error[CONF_ERROR_MAX + 1])
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fprintf(out, "listen 0.0.0.0:443 { tls; }\n%s\n", text);
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

static void
test_defaults(void **state)
{
	const struct conf *c = take("");

	(void)state;
	assert_int_equal(c->tell.metrics.len, 0);
	assert_int_equal(c->tell.target_count, 0);
	assert_int_equal(c->tell.expiry_count, 5);
	assert_int_equal(c->tell.expiry[0].num, 1);
	assert_int_equal(c->tell.expiry[0].den, 6);
	assert_int_equal(c->tell.expiry[4].seconds, 86400);
	conf_unref(c);
}

static void
test_values(void **state)
{
	const struct conf *c =
		take("metrics [::1]:9187;\n"
	             "expiry-events 1/3 12h;\n"
	             "on event cert.* order.failed {\n"
	             "	exec /usr/lib/certd/mail -v \"to ops\";\n"
	             "	webhook https://ops.example/hook secret file /etc/certd/hook.key;\n"
	             "}\n"
	             "on event * { webhook http://127.0.0.1:8080/x secret credential hook "
	             "ca-file /etc/ca.pem; }\n");
	const struct conf_target *t = c->tell.targets;

	(void)state;
	assert_string_equal(c->tell.metrics.text, "[::1]:9187");
	assert_int_equal(c->tell.expiry_count, 2);
	assert_int_equal(c->tell.expiry[1].num, 0);
	assert_int_equal(c->tell.expiry[1].seconds, 12 * 3600);
	assert_int_equal(c->tell.target_count, 3);
	assert_int_equal(t[0].type_count, 2);
	assert_string_equal(t[0].types[1], "order.failed");
	assert_string_equal(t[0].argv[0], "/usr/lib/certd/mail");
	assert_string_equal(t[0].argv[2], "to ops");
	assert_null(t[0].argv[3]);
	assert_null(t[1].argv);
	assert_string_equal(t[1].url, "https://ops.example/hook");
	assert_string_equal(t[1].secret, "/etc/certd/hook.key");
	assert_false(t[1].secret_is_credential);
	assert_null(t[1].ca_file);
	assert_true(t[2].secret_is_credential);
	assert_string_equal(t[2].ca_file, "/etc/ca.pem");
	conf_unref(c);
	c = take("metrics 192.0.2.1:9187 exposed; expiry-events none;");
	assert_int_equal(c->tell.expiry_count, 0);
	conf_unref(c);
}

static const struct {
	const char *text;
	const char *error; /* a part of it */
} refused[] = {
	{"metrics 192.0.2.1:9187;", ":2:9: 192.0.2.1:9187 is no loopback address"},
	{"metrics 127.0.0.1:9187 open;", ":2:24: \"open\": only \"exposed\" may stand here"},
	{"metrics localhost:9187;", "is a name: give a numeric address"},
	{"metrics 127.0.0.1:1; metrics 127.0.0.1:2;", "is already set"},
	{"expiry-events 3/2;", ":2:15: \"3/2\": a part of a certificate's life"},
	{"expiry-events 1/1;", "a part of a certificate's life"},
	{"expiry-events 1/0;", "a part of a certificate's life"},
	{"expiry-events -1/3;", "a part of a certificate's life"},
	{"expiry-events 1/3x;", "a part of a certificate's life"},
	{"expiry-events 90d;", ":2:15:"},
	{"expiry-events 0s;", ":2:15:"},
	{"expiry-events soon;", ":2:15:"},
	{"on event cert.faild { exec /x; }", ":2:10: unknown event \"cert.faild\""},
	{"on event cert.expird { exec /x; }", "did you mean \"cert.expired\"?"},
	{"on event certs.* { exec /x; }", "unknown event \"certs.*\""},
	{"on events cert.* { exec /x; }", ":2:4: write: on event TYPE... { ... }"},
	{"on event { exec /x; }", "an argument is missing"},
	{"on event * { }", "nobody is told"},
	{"on event * { exec hook.sh; }", ":2:19:"},
	{"on event * { mail /x; }", "unknown word \"mail\" in \"on event\""},
	{"on event * { webhook https://a.example/ ; }", "an argument is missing"},
	{"on event * { webhook https://a.example/ key file /x; }", "write: webhook URL"},
	{"on event * { webhook https://a.example/ secret /x y; }", "the secret is in a file"},
	{"on event * { webhook https://a.example/ secret file x; }", ":2:53:"},
	{"on event * { webhook https://a.example/ secret credential ../x; }",
         "is not the name of a credential"},
	{"on event * { webhook https://a.example/ secret file /x ca /y; }", "write: webhook URL"},
	{"on event * { webhook http://a.example/ secret file /x; }", "is no URL of a webhook"},
	{"on event * { webhook http://127.0.0.1.evil.example@b/ secret file /x; }",
         "is no URL of a webhook"},
	{"on event * { webhook http://localhost.example/ secret file /x; }",
         "is no URL of a webhook"},
	{"on event * { webhook https://u:p@a.example/ secret file /x; }", "is no URL of a webhook"},
	{"on event * { webhook ftp://a.example/ secret file /x; }", "is no URL of a webhook"},
	{"on event cert.* { exec /x a; }\non event order.* { exec /x a; }",
         ":3:25: \"/x\" stands here twice"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char error[CONF_ERROR_MAX + 1];
		const struct conf *conf = NULL;

		if (load(refused[i].text, &conf, error) == ERR_OK)
			fail_msg("accepted: %s", refused[i].text);
		if (!strstr(error, refused[i].error))
			fail_msg("for: %s\nwanted: %s\ngot:    %s", refused[i].text,
			         refused[i].error, error);
	}
}

static const struct {
	const char *pattern, *word;
	bool matches;
} patterns[] = {
	{"*", "cert.stored", true},
	{"cert.*", "cert.stored", true},
	{"cert.*", "certs.stored", false},
	{"cert.*", "cert", false},
	{"cert.stored", "cert.stored", true},
	{"cert.stored", "cert.stored2", false},
	{"audit.*", "audit.key.rotate", true},
	{"audit.key.*", "audit.key.rotate", true},
	{".*", "cert.stored", false},
	{"", "cert.stored", false},
};

static void
test_patterns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (event_type_matches(patterns[i].pattern, patterns[i].word) !=
		    patterns[i].matches)
			fail_msg("%s with %s", patterns[i].pattern, patterns[i].word);
	assert_int_equal(event_type_find("no.such"), event_type_count);
	for (size_t i = 1; i < event_type_count; i++)
		if (strcmp(event_types[i - 1].word, event_types[i].word) >= 0)
			fail_msg("%s is out of order", event_types[i].word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_patterns),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests_name("conf_tell", tests, NULL, NULL);
	unlink(path);
	return failed;
}
