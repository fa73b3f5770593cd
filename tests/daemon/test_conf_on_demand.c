/* SPDX-License-Identifier: Apache-2.0 */
/* The `on-demand` block. */
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

static char path[] = "/tmp/certd-conf-on-demand-XXXXXX";

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

#define TOP                                                                                        \
	"listen 127.0.0.9:443 { tls; }\n"                                                          \
	"ca x { directory https://ca.example/d; }\nca y { directory https://ca.example/e; }\n"     \
	"backend app { server 127.0.0.1:80; }\nbackend raw { server 127.0.0.1:443; passthrough; "  \
	"}\n"
#define DEFAULT "default { ca x; backend app; }\n"

static void
values_and_defaults(void **state)
{
	const struct conf *c = take(TOP DEFAULT);
	const struct conf_on_demand *o = &c->on_demand;

	(void)state;
	assert_false(o->on);
	assert_int_equal(o->lapse_s, 60 * 86400);
	conf_unref(c);
	c = take(TOP "on-demand { allow shop.example.org *.Example.net; }\n" DEFAULT);
	o = &c->on_demand;
	assert_true(o->on);
	assert_int_equal(o->allow_count, 2);
	assert_string_equal(o->allow[1].name, "*.example.net");
	assert_null(o->url);
	assert_int_equal(o->wait_ms, 20000);
	assert_int_equal(o->cache_ms, 600000);
	assert_int_equal(o->per_address.count, 30);
	assert_int_equal(o->per_address.period, 3600);
	assert_int_equal(o->per_domain.count, 20);
	assert_int_equal(o->ca_count, 1);
	assert_ptr_equal(o->cas[0], &c->cas[0]);
	assert_string_equal(o->backend->name, "app");
	conf_unref(c);
	c = take(TOP
	         "on-demand { permission https://h.example/ok?x=1 ca-file /etc/h.pem; wait 5s;\n"
	         "cache 1h; names-per-address 3/1m; names-per-domain 4/2h; lapse 90d;\n"
	         "ca y x; backend app; label from=client; label b=c; }");
	o = &c->on_demand;
	assert_string_equal(o->url, "https://h.example/ok?x=1");
	assert_string_equal(o->ca_file, "/etc/h.pem");
	assert_null(o->socket);
	assert_int_equal(o->wait_ms, 5000);
	assert_int_equal(o->per_domain.period, 7200);
	assert_int_equal(o->lapse_s, 90 * 86400);
	assert_int_equal(o->ca_count, 2);
	assert_ptr_equal(o->cas[0], &c->cas[1]);
	assert_string_equal(o->labels, "b=c\nfrom=client\n");
	conf_unref(c);
	c = take(TOP DEFAULT "on-demand { permission unix:/run/ask.sock; }");
	assert_string_equal(c->on_demand.socket, "/run/ask.sock");
	assert_string_equal(c->on_demand.url, "http://localhost/on-demand");
	assert_false(c->listens[0].no_demand);
	conf_unref(c);
	c = take(TOP DEFAULT "listen 127.0.0.9:444 { tls; on-demand off; }");
	assert_true(c->listens[1].no_demand);
	conf_unref(c);
}

static void
refusals(void **state)
{
	static const char *const cases[][2] = {
		{DEFAULT "on-demand { }", "allow PATTERN"},
		{DEFAULT "on-demand { wait 5s; }", "allow PATTERN"},
		{DEFAULT "on-demand { allow; }", "argument is missing"},
		{DEFAULT "on-demand { allow *; }", "\"*\""},
		{DEFAULT "on-demand { allow a.*.example; }", "a.*.example"},
		{DEFAULT "on-demand { allow 192.0.2.1; }", "192.0.2.1"},
		{DEFAULT "on-demand { permission http://h.example/; }", "neither https"},
		{DEFAULT "on-demand { permission unix:run/x; }", "run/x"},
		{DEFAULT "on-demand { permission https://h.example/ ca /x; }", "write: permission"},
		{DEFAULT "on-demand { permission unix:/x ca-file /y; }", "neither https"},
		{DEFAULT "on-demand { allow a.example; wait 10m; }", "10m"},
		{DEFAULT "on-demand { allow a.example; lapse 4s; }", "3650d"},
		{DEFAULT "on-demand { allow a.example; names-per-domain 5; }", "300/3h"},
		{DEFAULT "on-demand { allow a.example; ca z; }", "\"z\""},
		{DEFAULT "on-demand { allow a.example; backend z; }", "\"z\""},
		{DEFAULT "on-demand { allow a.example; backend raw; }", "TLS of its own"},
		{DEFAULT "on-demand { allow a.example; label x; }", "\"x\""},
		{"listen 127.0.0.9:444 { tls; on-demand on; }", "on-demand off"},
		{"listen 127.0.0.9:444 { http; on-demand off; }", "for \"tls\" only"},
		{"on-demand { allow a.example; }", "no \"backend\""},
		{"on-demand { allow a.example; backend app; }", "no \"ca\""},
		{DEFAULT "on-demand { allow a.example; }\non-demand { allow b.example; }",
	         "already set"},
	};
	char error[CONF_ERROR_MAX + 1], text[1024];
	const struct conf *conf;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", TOP, cases[i][0]);
		if (load(text, &conf, error) != ERR_INVALID || !strstr(error, cases[i][1]))
			fail_msg("%s\nnot refused for %s: %s", cases[i][0], cases[i][1], error);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_defaults),
		cmocka_unit_test(refusals),
	};
	int fd = mkstemp(path), rc;

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
