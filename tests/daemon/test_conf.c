/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/network.h"

static char dir[] = "/tmp/certd-conf-XXXXXX";
static char main_file[64];

static int
setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(main_file, sizeof(main_file), "%s/c", dir);
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
write_bytes(const char *name, const void *data, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static const struct conf *
load(const char *text)
{
	char error[CONF_ERROR_MAX + 1] = "";
	const struct conf *conf = NULL;

	write_file("c", text);
	if (conf_load(main_file, &conf, error) != ERR_OK)
		fail_msg("%s\nrefused: %s", text, error);
	assert_string_equal(error, "");
	return conf;
}

/* The error with our directory left out: "c:1:1: sentence". */
static void
assert_refused(const char *text, const char *expected)
{
	char error[CONF_ERROR_MAX + 1] = "", shown[CONF_ERROR_MAX + 1] = "", *at, *from = error;
	const struct conf *conf = NULL;
	size_t n = strlen(dir) + 1;
	enum err err = conf_load(main_file, &conf, error);

	if (err == ERR_OK)
		fail_msg("accepted:\n%s", text);
	assert_null(conf);
	for (; (at = strstr(from, dir)); from = at + n)
		strncat(shown, from, (size_t)(at - from));
	strcat(shown, from);
	if (strcmp(shown, expected) != 0)
		fail_msg("for:\n%s\nwanted: %s\ngot:    %s", text, expected, shown);
	assert_int_equal(err, ERR_INVALID);
}

static const char example[] =
	"state-directory /var/lib/certd;\n"
	"workers 2;                               # default: one per CPU\n"
	"control-socket  /run/certd/control.sock;\n"
	"listen 0.0.0.0:443 { tls; }\n"
	"listen 0.0.0.0:80  { http; }            # ACME HTTP-01 answers; the rest redirects\n"
	"ca letsencrypt { directory https://acme-v02.api.letsencrypt.org/directory; "
	"account ops@example.com; agree-terms; }\n"
	"ca local       { directory https://localhost:14000/dir; ca-file /etc/certd/pebble-ca.pem; "
	"agree-terms; challenge tls-alpn-01 http-01; }\n"
	"backend app1   { server 127.0.0.1:8080; send-proxy v2; connect-timeout 2s; }\n"
	"default        { ca letsencrypt; backend app1; key ecdsa-p256; unknown-sni reject; }\n"
	"include /etc/certd/conf.d/*.conf;\n";

static void
check_example_top(const struct conf *c)
{
	assert_string_equal(c->file, main_file);
	assert_string_equal(c->state_directory, "/var/lib/certd");
	assert_string_equal(c->control_socket, "/run/certd/control.sock");
	assert_string_equal(c->master_key, "/var/lib/certd/master.key");
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->log_level, LOG_LEVEL_NOTICE);
	assert_int_equal(c->listen_count, 2);
	assert_int_equal(c->listens[0].kind, LISTEN_TLS);
	assert_string_equal(c->listens[0].address.text, "0.0.0.0:443");
	assert_int_equal(c->listens[0].max_connections, 20000);
	assert_int_equal(c->listens[0].handshake_timeout_ms, 10000);
	assert_int_equal(c->listens[0].idle_timeout_ms, 300000);
	assert_int_equal(c->listens[1].kind, LISTEN_HTTP);
	assert_string_equal(c->listens[1].address.text, "0.0.0.0:80");
}

static void
check_example_blocks(const struct conf *c)
{
	const struct conf_ca *ca = conf_ca(c, "letsencrypt");
	const struct conf_backend *backend = conf_backend(c, "app1");

	assert_int_equal(c->ca_count, 2);
	assert_string_equal(ca->directory, "https://acme-v02.api.letsencrypt.org/directory");
	assert_int_equal(ca->contact_count, 1);
	assert_string_equal(ca->contacts[0], "ops@example.com");
	assert_true(ca->agree_terms);
	assert_null(ca->ca_file);
	assert_null(ca->profile);
	assert_int_equal(ca->max_orders, 64);
	assert_int_equal(ca->challenge_count, 2);
	assert_int_equal(ca->challenges[0], CHALLENGE_HTTP_01);
	assert_ptr_equal(c->otherwise.ca, ca);
	ca = conf_ca(c, "local");
	assert_string_equal(ca->ca_file, "/etc/certd/pebble-ca.pem");
	assert_int_equal(ca->contact_count, 0);
	assert_int_equal(ca->challenges[0], CHALLENGE_TLS_ALPN_01);
	assert_int_equal(ca->challenges[1], CHALLENGE_HTTP_01);
	assert_int_equal(c->backend_count, 1);
	assert_int_equal(backend->server_count, 1);
	assert_string_equal(backend->servers[0].text, "127.0.0.1:8080");
	assert_int_equal(backend->send_proxy, 2);
	assert_int_equal(backend->connect_timeout_ms, 2000);
	assert_false(backend->connect_immediately);
	assert_int_equal(backend->alpn_len, 9);
	assert_memory_equal(backend->alpn, "\x08http/1.1", 9);
	assert_ptr_equal(c->otherwise.backend, backend);
	assert_int_equal(c->otherwise.key, KEY_ECDSA_P256);
	assert_int_equal(c->otherwise.unknown_sni, UNKNOWN_SNI_REJECT);
	assert_null(conf_ca(c, "app1"));
	assert_null(conf_backend(c, "local"));
}

static void
test_example(void **state)
{
	const struct conf *c = load(example);

	(void)state;
	check_example_top(c);
	check_example_blocks(c);
	assert_ptr_equal(conf_ref(c), c);
	conf_unref(c);
	check_example_top(c);
	conf_unref(c);
	conf_unref(NULL);
}

static void
test_least(void **state)
{
	const struct conf *c = load("listen [::1]:1{http;}");

	(void)state;
	assert_string_equal(c->listens[0].address.text, "[::1]:1");
	assert_int_equal(c->listens[0].address.sa.ss_family, AF_INET6);
	assert_int_equal(c->listens[0].address.len, sizeof(struct sockaddr_in6));
	assert_in_range(c->workers, 1, CONF_WORKERS_MAX);
	assert_int_equal(c->ca_count, 0);
	assert_int_equal(c->backend_count, 0);
	assert_null(c->otherwise.ca);
	assert_null(c->otherwise.backend);
	assert_int_equal(c->otherwise.unknown_sni, UNKNOWN_SNI_REJECT);
	conf_unref(c);
}

static void
test_every_word(void **state)
{
	const struct conf *c = load(
		"default { unknown-sni close; key rsa-3072; backend b; ca a-1; } # before they "
		"exist\n"
		"state-directory \"/a \\\"b\\\" \\\\c # d\"; master-key /m; log-level debug;\n"
		"listen\n\t10.1.2.3:65535\n{ tls; max-connections 7; handshake-timeout 1500ms;\n"
		"idle-timeout 2h; connections-per-address 9;\n"
		"proxy-protocol from 10.0.0.0/8 2001:db8::7; }\n"
		"ca a-1 { directory \"https://[2001:db8::1]:8443/d?x=%41&y\"; profile "
		"short-lived;\n"
		"account a@b.example c+d@e.example; max-orders 1; challenge http-01;\n"
		"eab kid/1=x file /etc/eab; eab-algorithm HS512; account-key RS256; }\n"
		"ca dns { directory https://h; dns zone-a; challenge dns-01 dns-account-01 "
		"dns-persist-01; }\n"
		"ca persist { directory https://h; challenge dns-persist-01; }\n"
		"dns zone-a { hook /usr/bin/set-txt --zone \"a b\"; timeout 5s; }\n"
		"dns plain { hook /h; }\n"
		"backend b { server 10.0.0.1:1 [2001:DB8:0:0::2]:2\n 10.0.0.3:3; alpn h2 "
		"http/1.1;\n"
		"connect immediately; connect-timeout 1m; }\n"
		"backend 0 { server 1.1.1.1:1; }");
	const struct conf_backend *b = conf_backend(c, "b");
	const struct sockaddr_in *sin = (const struct sockaddr_in *)&b->servers[0].address.sa;

	(void)state;
	assert_string_equal(c->state_directory, "/a \"b\" \\c # d");
	assert_string_equal(c->master_key, "/m");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->listens[0].max_connections, 7);
	assert_int_equal(c->listens[0].handshake_timeout_ms, 1500);
	assert_int_equal(c->listens[0].idle_timeout_ms, 7200000);
	assert_int_equal(c->listens[0].max_per_address, 9);
	assert_int_equal(c->listens[0].proxy_count, 2);
	assert_int_equal(c->listens[0].proxies[0].bits, NETWORK_V4_BITS + 8);
	assert_int_equal(c->listens[0].proxies[1].bits, NETWORK_BITS);
	assert_string_equal(c->cas[0].directory, "https://[2001:db8::1]:8443/d?x=%41&y");
	assert_string_equal(c->cas[0].profile, "short-lived");
	assert_int_equal(c->cas[0].contact_count, 2);
	assert_string_equal(c->cas[0].contacts[1], "c+d@e.example");
	assert_int_equal(c->cas[0].max_orders, 1);
	assert_int_equal(c->cas[0].challenge_count, 1);
	assert_false(c->cas[0].agree_terms);
	assert_string_equal(c->cas[0].eab.kid, "kid/1=x");
	assert_string_equal(c->cas[0].eab.file, "/etc/eab");
	assert_null(c->cas[0].eab.credential);
	assert_int_equal(c->cas[0].eab.mac, BINDING_HS512);
	assert_int_equal(c->cas[0].account_key, KEY_RSA_2048);
	assert_null(c->cas[0].dns);
	assert_ptr_equal(c->cas[1].dns, conf_dns(c, "zone-a"));
	assert_int_equal(c->cas[1].challenges[2], CHALLENGE_DNS_PERSIST_01);
	assert_null(c->cas[2].dns);
	assert_string_equal(c->dns[0].hook[0], "/usr/bin/set-txt");
	assert_string_equal(c->dns[0].hook[2], "a b");
	assert_null(c->dns[0].hook[3]);
	assert_int_equal(c->dns[0].timeout_ms, 5000);
	assert_int_equal(c->dns[1].timeout_ms, 30000);
	assert_null(c->dns[1].hook[1]);
	assert_int_equal(b->server_count, 3);
	assert_int_equal(sin->sin_family, AF_INET);
	assert_int_equal(ntohs(sin->sin_port), 1);
	assert_int_equal(ntohl(sin->sin_addr.s_addr), 0x0a000001);
	assert_string_equal(b->servers[1].text, "[2001:db8::2]:2");
	assert_true(b->connect_immediately);
	assert_int_equal(b->balance, BALANCE_LEAST);
	assert_int_equal(b->check.kind, CHECK_FAILED);
	assert_int_equal(b->check.fall, 3);
	assert_int_equal(b->connect_timeout_ms, 60000);
	assert_int_equal(b->alpn_len, 12);
	assert_memory_equal(b->alpn, "\x02h2\x08http/1.1", 12);
	assert_ptr_equal(c->otherwise.ca, &c->cas[0]);
	assert_ptr_equal(c->otherwise.backend, b);
	assert_int_equal(c->otherwise.key, KEY_RSA_3072);
	assert_int_equal(c->otherwise.unknown_sni, UNKNOWN_SNI_CLOSE);
	conf_unref(c);
}

static void
test_named_servers_and_checks(void **state)
{
	const struct conf *c =
		load("listen 0.0.0.0:1 { tls; }\n"
	             "backend 0 { server App.Internal:8080 db_1:1; balance first; send-proxy v1;\n"
	             "check http GET /healthz?a=b every 2s expect 204 rise 1 host h fall 9; }\n"
	             "backend 1 { server 1.1.1.1:1; check connect every 1s; }");
	const struct conf_backend *b = conf_backend(c, "0");

	(void)state;
	assert_int_equal(b->server_count, 2);
	assert_string_equal(b->servers[0].text, "App.Internal:8080");
	assert_string_equal(b->servers[0].host, "app.internal");
	assert_int_equal(b->servers[0].port, 8080);
	assert_int_equal(b->servers[0].address.len, 0);
	assert_string_equal(b->servers[1].host, "db_1");
	assert_int_equal(b->balance, BALANCE_FIRST);
	assert_int_equal(b->send_proxy, 1);
	assert_int_equal(b->check.kind, CHECK_HTTP);
	assert_string_equal(b->check.method, "GET");
	assert_string_equal(b->check.path, "/healthz?a=b");
	assert_string_equal(b->check.host, "h");
	assert_int_equal(b->check.every_ms, 2000);
	assert_int_equal(b->check.expect_min, 204);
	assert_int_equal(b->check.expect_max, 204);
	assert_int_equal(b->check.fall, 9);
	assert_int_equal(b->check.rise, 1);
	b = conf_backend(c, "1");
	assert_int_equal(b->check.kind, CHECK_CONNECT);
	assert_int_equal(b->check.every_ms, 1000);
	assert_null(b->servers[0].host);
	conf_unref(c);
}

static void
test_names_and_tls(void **state)
{
	const struct conf *c =
		load("bind 10.0.0.1 a.example.org; bind 2001:db8::1 B\xc3\xbc"
	             "cher.Example;\n"
	             "listen 0.0.0.0:1 { tls; protocols TLSv1.3 TLSv1.2; ciphers "
	             "ECDHE-RSA-AES256-GCM-SHA384\nAES128-SHA; ciphersuites TLS_AES_256_GCM_SHA384;"
	             "groups P-256 X25519; alpn h2 http/1.1; unknown-sni default; }\n"
	             "listen 0.0.0.0:2 { tls; protocols TLSv1.3; }\n"
	             "backend b { server 10.0.0.1:1; passthrough; send-proxy v2; }\n"
	             "default { certificate www.example.org; unknown-sni close; }");
	const struct conf_listen *l = &c->listens[0];
	const struct sockaddr_in *in = (const struct sockaddr_in *)&c->binds[0].address;

	(void)state;
	assert_int_equal(c->bind_count, 2);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0x0a000001);
	assert_string_equal(c->binds[0].name.name, "a.example.org");
	assert_int_equal(c->binds[1].address.ss_family, AF_INET6);
	assert_string_equal(c->binds[1].name.name, "xn--bcher-kva.example");
	assert_int_equal(l->tls.min_version, 0x0303);
	assert_int_equal(l->tls.max_version, 0x0304);
	assert_string_equal(l->tls.ciphers, "ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA");
	assert_string_equal(l->tls.ciphersuites, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(l->tls.groups, "P-256:X25519");
	assert_int_equal(l->alpn_len, 12);
	assert_int_equal(l->unknown_sni, UNKNOWN_SNI_DEFAULT);
	l = &c->listens[1];
	assert_int_equal(l->tls.min_version, 0x0304);
	assert_null(l->tls.ciphers);
	assert_int_equal(l->alpn_len, 0);
	assert_int_equal(l->unknown_sni, 0);
	assert_string_equal(c->otherwise.certificate.name, "www.example.org");
	assert_int_equal(c->otherwise.unknown_sni, UNKNOWN_SNI_CLOSE);
	assert_true(conf_backend(c, "b")->passthrough);
	conf_unref(c);
}

/* Each is a whole file. */
static const char *const accepted[] = {
	"listen 0.0.0.0:1 { tls; } # at the end",
	"#\n\n\t \n# caf\xe9 and \xe2\x80\xae in a comment\nlisten 0.0.0.0:1 { tls; }",
	"listen \"0.0.0.0:1\" { tls; }",
	"listen [::]:443 { http; } listen 0.0.0.0:443 { http; }",
	"listen 0.0.0.0:1 { tls; } ca ca { directory https://h; }",
	"listen 0.0.0.0:1 { tls; } ca abcdefghij-abcdefghij-abcdefghi { directory https://h/; }",
	"listen 0.0.0.0:1 { tls; } backend default { server 10.0.0.1:1; } default { backend "
	"default; }",
	"listen 0.0.0.0:1 { tls; } default { }",
	"listen 0.0.0.0:1 { tls; } backend b { server 10.0.0.1:1; connect-timeout 10ms; "
	"alpn\n\th2; }",
	"workers 64; listen 0.0.0.0:1 { tls; idle-timeout 1d; }",
	"include nothing/*/here.conf; include [x]*; listen 0.0.0.0:1 { tls; }",
};

static void
test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		conf_unref(load(accepted[i]));
}

static const struct {
	const char *text;
	const char *error;
} refused[] = {
	{"", "c:1:1: no \"listen\" in the whole file: at least one is needed"},
	/* words and shape */
	{"worker 2;", "c:1:1: unknown word \"worker\", did you mean \"workers\"?"},
	{"zebra 2;", "c:1:1: unknown word \"zebra\""},
	{"\n\n   listen 0.0.0.0:443 { tsl; }",
         "c:3:25: unknown word \"tsl\" in \"listen\", did you mean \"tls\"?"},
	{"ca x { server 10.0.0.1:1; }", "c:1:8: unknown word \"server\" in \"ca\""},
	{"listen 0.0.0.0:1 { tls;\nworkers 2; }",
         "c:2:1: \"workers\" does not belong inside \"listen\": is a \"}\" missing before it?"},
	{"listen 0.0.0.0:1 { include x; }",
         "c:1:20: \"include\" does not belong inside \"listen\": is a \"}\" missing before it?"},
	{"workers;", "c:1:8: an argument is missing, write: workers NUMBER;"},
	{"workers 2 3;", "c:1:11: an argument too many, write: workers NUMBER;"},
	{"workers 2 { }", "c:1:11: \"workers\" takes no block, write: workers NUMBER;"},
	{"listen 0.0.0.0:1;", "c:1:17: a block is missing, write: listen ADDRESS:PORT { ... }"},
	{"default x { }", "c:1:9: an argument too many, write: default { ... }"},
	{"listen 0.0.0.0:1 { tls 1; }", "c:1:24: an argument too many, write: tls;"},
	{"workers 2;\nworkers 3;", "c:2:1: \"workers\" is already set at c:1"},
	{"default { }\n default { }", "c:2:2: \"default\" is already set at c:1"},
	{"listen 0.0.0.0:1 {\ntls;\ntls; }", "c:3:1: \"tls\" is already set at c:2"},
	/* semicolons and braces */
	{"workers 2\nlisten 0.0.0.0:1 { tls; }", "c:2:1: \";\" is missing before \"listen\""},
	{"listen 0.0.0.0:1 { tls\nmax-connections 2; }",
         "c:2:1: \";\" is missing before \"max-connections\""},
	{"listen 0.0.0.0:1 { tls }", "c:1:24: \";\" is missing before \"}\""},
	{"workers 2", "c:1:10: \";\" is missing at the end of the file"},
	{"\nlisten 0.0.0.0:1 {\n tls;\n",
         "c:4:1: the file ends inside \"listen\" opened at c:2: \"}\" is missing"},
	{"}", "c:1:1: \"}\" without a block to close"},
	{"listen 0.0.0.0:1 { tls; } }", "c:1:27: \"}\" without a block to close"},
	{"{ }", "c:1:1: \"{\" without a word before it"},
	{"workers 2;;", "c:1:11: \";\" without a statement before it"},
	{"a { b { c { d { e { } } } } }", "c:1:19: blocks inside blocks inside blocks"},
	/* bytes and quotes */
	{"workers\r\n2;", "c:1:8: a carriage return: lines end with a newline only"},
	{"# \x01", "c:1:3: the control byte 0x01"},
	{"workers \"2", "c:1:9: the quote that opens here is not closed on its line"},
	{"workers \"2\n\";", "c:1:9: the quote that opens here is not closed on its line"},
	{"workers \"2\"3;", "c:1:12: a blank or \";\" must follow a closing quote"},
	{"workers 2\"3\";", "c:1:10: a quote inside a word"},
	{"workers \"\\n\";", "c:1:10: after \\ only \\ or \" may follow"},
	{"\"workers\" 2;", "c:1:1: a statement begins with a word, not with a quote"},
	{"workers \xe2\x80\xae"
         "2;",
         "c:1:9: a character that cannot be shown, in \"\\xe2\\x80\\xae2\""},
	{"workers \xff;", "c:1:9: a character that cannot be shown, in \"\\xff\""},
	{"work\xc3\xa9rs b\xc3\xbc x\n;",
         "c:1:1: unknown word \"work\xc3\xa9rs\", did you mean \"workers\"?"},
	/* numbers, times, choices */
	{"workers two;", "c:1:9: \"two\" is not a number"},
	{"workers 0;", "c:1:9: 0 is out of range: 1 to 64"},
	{"workers 65;", "c:1:9: 65 is out of range: 1 to 64"},
	{"workers 99999999999999999999999;",
         "c:1:9: 99999999999999999999999 is out of range: 1 to 64"},
	{"workers -1;", "c:1:9: \"-1\" is not a number"},
	{"workers \"\";", "c:1:9: \"\" is not a number"},
	{"listen 0.0.0.0:1 { tls; idle-timeout 5; }", "c:1:38: 5 needs a unit: ms, s, m, h or d"},
	{"listen 0.0.0.0:1 { tls; idle-timeout 5parsecs; }",
         "c:1:38: \"5parsecs\" is not a time: write 500ms, 10s, 5m, 2h or 1d"},
	{"listen 0.0.0.0:1 { tls; idle-timeout 99ms; }",
         "c:1:38: 99ms is out of range: 100ms to 1d"},
	{"listen 0.0.0.0:1 { tls; handshake-timeout 3601s; }",
         "c:1:43: 3601s is out of range: 100ms to 1h"},
	{"listen 0.0.0.0:1 { tls; handshake-timeout 9007199254740992d; }",
         "c:1:43: 9007199254740992d is out of range: 100ms to 1h"},
	{"listen 0.0.0.0:1 { tls; max-connections 0; }", "c:1:41: 0 is out of range: 1 to 1000000"},
	{"listen 0.0.0.0:1 { tls; connections-per-address 0; }",
         "c:1:49: 0 is out of range: 1 to 1000000"},
	{"listen 0.0.0.0:1 { tls; proxy-protocol; }",
         "c:1:39: an argument is missing, write: proxy-protocol from NETWORK...;"},
	{"listen 0.0.0.0:1 { tls; proxy-protocol from; }",
         "c:1:44: an argument is missing, write: proxy-protocol from NETWORK...;"},
	{"listen 0.0.0.0:1 { tls; proxy-protocol 10.0.0.0/8 ::1; }",
         "c:1:40: \"10.0.0.0/8\": who may send it is missing: \"proxy-protocol from "
         "NETWORK...;\""},
	{"listen 0.0.0.0:1 { tls; proxy-protocol from ::1 lb.example; }",
         "c:1:49: \"lb.example\" is not a network, write 192.0.2.0/24, 2001:db8::/32, or an "
         "address alone"},
	{"listen 0.0.0.0:1 { tls; proxy-protocol from 10.0.0.0/33; }",
         "c:1:45: \"10.0.0.0/33\": a prefix has at most 32 bits, with IPv6 128"},
	{"listen 0.0.0.0:1 { tls; proxy-protocol from 10.0.0.1/8; }",
         "c:1:45: \"10.0.0.1/8\": the address has bits behind its prefix, is the prefix right?"},
	{"log-level nitice;", "c:1:11: unknown log level \"nitice\", did you mean \"notice\"?"},
	{"log-level loud;",
         "c:1:11: unknown log level \"loud\", known: err, warn, notice, info, debug"},
	{"state-directory var/lib;",
         "c:1:17: \"var/lib\" is not a full path: it must begin with \"/\""},
	{"front-user no-such-user;", "c:1:12: this system has no user \"no-such-user\""},
	{"front-user root;", "c:1:12: root is no user for workers: the less one owns the better"},
	{"control-socket /2345678901234567890123456789012345678901234567890123456789012345678901234"
         "5678901234567890123456789012345678;",
         "c:1:16: a path of more than 107 bytes"},
	/* control */
	{"control { change user no-such-user; }",
         "c:1:23: this system has no user \"no-such-user\""},
	{"control { read group root no-such-group; }",
         "c:1:27: this system has no group \"no-such-group\""},
	{"control { read groups root; }",
         "c:1:16: unknown kind of right \"groups\", did you mean \"group\"?"},
	{"control { read user 4294967295; }", "c:1:21: this system has no user \"4294967295\""},
	/* listen and addresses */
	{"listen 0.0.0.0:1 { }", "c:1:18: what to speak there is missing: \"tls;\" or \"http;\""},
	{"listen 0.0.0.0:1 { tls; http; }",
         "c:1:25: one address speaks either \"tls\" or \"http\", not both"},
	{"listen 0.0.0.0:1 { tls; }\nlisten 0.0.0.0:01 { http; }",
         "c:2:8: listen \"0.0.0.0:01\" is already set at c:1"},
	{"listen 443 { tls; }",
         "c:1:8: \"443\": a port needs an address before it: 0.0.0.0:443 or [::]:443"},
	{"listen 0.0.0.0 { tls; }", "c:1:8: \"0.0.0.0\": the port is missing: ADDRESS:PORT"},
	{"listen :443 { tls; }",
         "c:1:8: \":443\": the address is missing: 0.0.0.0 or [::] for all"},
	{"listen 0.0.0.0:99999 { tls; }",
         "c:1:8: \"0.0.0.0:99999\": a port is a number from 1 to 65535"},
	{"listen 0.0.0.0:0 { tls; }", "c:1:8: \"0.0.0.0:0\": a port is a number from 1 to 65535"},
	{"listen 0.0.0.256:1 { tls; }", "c:1:8: \"0.0.0.256:1\": this is not an IPv4 address"},
	{"listen *:1 { tls; }", "c:1:8: \"*:1\": this is not an IPv4 address"},
	{"listen ::1:443 { tls; }",
         "c:1:8: \"::1:443\": an IPv6 address stands in brackets: [2001:db8::1]:443"},
	{"listen [::1] { tls; }", "c:1:8: \"[::1]\": the port is missing: [ADDRESS]:PORT"},
	{"listen [::1 { tls; }", "c:1:8: \"[::1\": \"]\" is missing"},
	{"listen [::g]:1 { tls; }", "c:1:8: \"[::g]:1\": this is not an IPv6 address"},
	{"listen app.example:443 { tls; }",
         "c:1:8: \"app.example:443\" is a name: give a numeric address, as 0.0.0.0:443 or "
         "[2001:db8::1]:443"},
	{"backend b { server a..b:80; }",
         "c:1:20: \"a..b:80\": neither an address nor a host name"},
	{"backend b { server 10.0.0.256:80; }",
         "c:1:20: \"10.0.0.256:80\": this is not an IPv4 address"},
	{"backend b { server app.example; }",
         "c:1:20: \"app.example\": the port is missing: ADDRESS:PORT"},
	{"backend b { server [::1]:80 [0::1]:80; }", "c:1:29: \"[::1]:80\" stands here twice"},
	{"backend b { server 10.0.0.1:1 10.0.0.2; }",
         "c:1:31: \"10.0.0.2\": the port is missing: ADDRESS:PORT"},
	/* ca */
	{"ca x { }", "c:1:6: the CA's address is missing: directory URL;"},
	{"ca x { directory http://localhost/dir; }",
         "c:1:18: \"http://localhost/dir\": a CA is spoken to over https only"},
	{"ca x { directory localhost/dir; }",
         "c:1:18: \"localhost/dir\" is not a URL: it must begin with \"https://\""},
	{"ca x { directory https://; }", "c:1:18: \"https://\": the host is missing"},
	{"ca x { directory https://h:0/; }",
         "c:1:18: \"https://h:0/\": a port is a number from 1 to 65535"},
	{"ca x { directory https://h:123456789/; }",
         "c:1:18: \"https://h:123456789/\": a port is a number from 1 to 65535"},
	{"ca x { directory https://u@h/; }",
         "c:1:18: \"https://u@h/\": a user or password does not belong into the URL"},
	{"ca x { directory https://h/#f; }",
         "c:1:18: \"https://h/#f\": it has a character that URLs do not have"},
	{"ca x { directory https://h%; }",
         "c:1:18: \"https://h%\": after the host a \":PORT\" or \"/\" must follow"},
	{"ca x { directory https://[::1; }", "c:1:18: \"https://[::1\": \"]\" is missing"},
	{"ca X { directory https://h; }",
         "c:1:4: \"X\" cannot name a ca: use a-z, 0-9 and \"-\" (not first), at most 31 of them"},
	{"ca -x { directory https://h; }",
         "c:1:4: \"-x\" cannot name a ca: use a-z, 0-9 and \"-\" (not first), at most 31 of "
         "them"},
	{"ca abcdefghij-abcdefghij-abcdefghij { directory https://h; }",
         "c:1:4: \"abcdefghij-abcdefghij-abcdefghij\" cannot name a ca: use a-z, 0-9 and \"-\" "
         "(not first), at most 31 of them"},
	{"ca x { directory https://h; }\nca x { directory https://h; }",
         "c:2:4: ca \"x\" is already set at c:1"},
	{"ca x { directory https://h; account ops; }", "c:1:37: \"ops\" is not a mail address"},
	{"ca x { directory https://h; account mailto:ops@h; }",
         "c:1:37: \"mailto:ops@h\" is not a mail address"},
	{"ca x { directory https://h; challenge dns; }",
         "c:1:39: unknown challenge \"dns\", known: http-01, tls-alpn-01, dns-01, "
         "dns-account-01, dns-persist-01"},
	{"ca x { directory https://h; challenge http-01 dns-01; }",
         "c:1:47: \"dns-01\" needs somebody who sets the records: dns NAME; in this block, and "
         "a block dns NAME { ... }"},
	{"ca x { directory https://h; dns far; }\ndns fur { hook /bin/true; }",
         "c:1:33: unknown dns \"far\", did you mean \"fur\"?"},
	{"dns a { hook true; }", "c:1:14: \"true\" is not a full path: it must begin with \"/\""},
	{"dns a { timeout 5s; }",
         "c:1:7: how records are set is missing: hook PATH [ARGUMENT...]; or server ADDRESS; and "
         "key"},
	{"dns a { hook /bin/true; timeout 11m; }", "c:1:33: 11m is out of range: 1s to 10m"},
	{"dns a { hook /bin/true; }\ndns a { hook /bin/true; }",
         "c:2:5: dns \"a\" is already set at c:1"},
	{"dns a-b_c { hook /bin/true; }",
         "c:1:5: \"a-b_c\" cannot name a dns: use a-z, 0-9 and \"-\" (not first), at most 31 of "
         "them"},
	{"ca x { directory https://h; challenge http-02; }",
         "c:1:39: unknown challenge \"http-02\", did you mean \"http-01\"?"},
	{"ca x { directory https://h; challenge http-01 http-01; }",
         "c:1:47: \"http-01\" stands here twice"},
	{"ca x { directory https://h; profile \"\"; }",
         "c:1:37: \"\" is not the name of a profile: see what the CA offers"},
	{"ca x { directory https://h; eab k file etc; }",
         "c:1:40: \"etc\" is not a full path: it must begin with \"/\""},
	{"ca x { directory https://h; eab \"\" file /k; }",
         "c:1:33: \"\" is not a key identifier: printable ASCII, at most 255 characters"},
	{"ca x { directory https://h; eab k fiel /k; }",
         "c:1:35: unknown place of a key \"fiel\", did you mean \"file\"?"},
	{"ca x { directory https://h; eab k credential ../k; }",
         "c:1:46: \"../k\" is not the name of a credential"},
	{"ca x { directory https://h; eab-algorithm HS1; }",
         "c:1:43: unknown algorithm \"HS1\", known: HS256, HS384, HS512"},
	{"ca x { directory https://h; account-key ES265; }",
         "c:1:41: unknown kind of account key \"ES265\", did you mean \"ES256\"?"},
	{"ca x { directory https://h; max-orders 1001; }",
         "c:1:40: 1001 is out of range: 1 to 1000"},
	{"ca x { directory https://h; limits letsencript; }",
         "c:1:36: unknown profile of limits \"letsencript\", did you mean \"letsencrypt\"?"},
	{"ca x { directory https://h; limits none domian 5/1h; }",
         "c:1:41: unknown scope of a limit \"domian\", did you mean \"domain\"?"},
	{"ca x { directory https://h; limits none account 5/1h; }",
         "c:1:41: unknown scope of a limit \"account\", known: domain, set, name, directory, "
         "new-nonce, new-account, new-order, revoke, renewal-info, other"},
	{"ca x { directory https://h; limits none set; }",
         "c:1:41: after a scope comes its limit: NUMBER/TIME, or none"},
	{"ca x { directory https://h; limits none set 5; }",
         "c:1:45: \"5\": so many in a time, as in 300/3h"},
	{"ca x { directory https://h; limits none set 0/1h; }",
         "c:1:45: 0 is out of range: 1 to 1000000"},
	{"ca x { directory https://h; ca-file ca.pem; }",
         "c:1:37: \"ca.pem\" is not a full path: it must begin with \"/\""},
	/* backend and default */
	{"backend b { }", "c:1:11: the backend's address is missing: server ADDRESS:PORT;"},
	{"backend b { server 1.1.1.1:1; send-proxy v3; }",
         "c:1:42: unknown version of the PROXY protocol \"v3\", did you mean \"v1\"?"},
	{"backend b { server 1.1.1.1:1; balance random; }",
         "c:1:39: unknown balance \"random\", known: least-connections, first"},
	{"backend b { server 1.1.1.1:1; check ping; }",
         "c:1:37: unknown check \"ping\", known: connect, http"},
	{"backend b { server 1.1.1.1:1; check http GET; }",
         "c:1:45: an argument is missing, write: check http GET /"},
	{"backend b { server 1.1.1.1:1; check http POST /; }",
         "c:1:42: \"POST\": the method is GET or HEAD"},
	{"backend b { server 1.1.1.1:1; check http GET x; }",
         "c:1:46: \"x\": a path begins with \"/\", has no blanks and at most 255 bytes"},
	{"backend b { server 1.1.1.1:1; check http GET / expect 399-200; }",
         "c:1:55: \"399-200\": expected are status codes, as 200 or 200-399"},
	{"backend b { server 1.1.1.1:1; check connect expect 200; }",
         "c:1:45: unknown word of a check \"expect\", known: every, fall, rise"},
	{"backend b { server 1.1.1.1:1; check connect every 10ms; }",
         "c:1:51: 10ms is out of range: 250ms to 1h"},
	{"backend b { server 1.1.1.1:1; check connect fall; }", "c:1:49: \"fall\" needs a value"},
	{"backend b { server 1.1.1.1:1; tls-verify off; }",
         "c:1:11: \"tls;\" is missing: tls-... needs it"},
	{"backend b { server 1.1.1.1:1; tls; tls-name 1.1.1.1; }",
         "c:1:45: \"1.1.1.1\" is no host name"},
	{"backend b { server 1.1.1.1:1; tls; tls-verify no; }",
         "c:1:47: unknown choice \"no\", did you mean \"on\"?"},
	{"backend b { server 1.1.1.1:1; tls; tls-ca /nowhere/ca.pem; }",
         "c:1:43: /nowhere/ca.pem cannot be read: No such file or directory"},
	{"backend b { server 1.1.1.1:1; tls; tls-ca /dev/null; }",
         "c:1:43: /dev/null has no certificate in PEM, or more than 1048576 bytes"},
	{"backend b { server 1.1.1.1:1; passthrough; tls; }",
         "c:1:44: \"tls\" and \"passthrough\": the TLS is the server's own"},
	{"backend b { server 1.1.1.1:1; connect later; }",
         "c:1:39: \"later\": the one choice is \"connect immediately\""},
	{"backend b { server 1.1.1.1:1; alpn h2 h2; }", "c:1:39: \"h2\" stands here twice"},
	{"backend b { server 1.1.1.1:1; alpn acme-tls/1; }",
         "c:1:36: \"acme-tls/1\" cannot be a backend's protocol"},
	{"backend b { server 1.1.1.1:1; alpn "
         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd; }",
         "c:1:36: more than 64 bytes of protocol names"},
	{"backend b { server 1.1.1.1:1; client-certificate required; }",
         "c:1:58: an argument is missing, write: client-certificate required|optional FILE;"},
	{"backend b { server 1.1.1.1:1; client-certificate never /dev/null; }",
         "c:1:50: \"never\": client certificates are \"required\" or \"optional\""},
	{"backend b { server 1.1.1.1:1; client-certificate optional ca.pem; }",
         "c:1:59: \"ca.pem\" is not a full path: it must begin with \"/\""},
	{"backend b { server 1.1.1.1:1; client-certificate required /dev/null; }",
         "c:1:59: \"/dev/null\": is no file"},
	{"backend b { server 1.1.1.1:1; client-certificate required /etc/passwd; }",
         "c:1:59: \"/etc/passwd\": has no certificate"},
	{"backend b { server 1.1.1.1:1; }\nbackend b { server 1.1.1.1:2; }",
         "c:2:9: backend \"b\" is already set at c:1"},
	{"default { ca nobody; }", "c:1:14: unknown ca \"nobody\": there is none"},
	{"backend app1 { server 1.1.1.1:1; } default { backend app2; }",
         "c:1:54: unknown backend \"app2\", did you mean \"app1\"?"},
	{"default { key ecdsa-p265; }",
         "c:1:15: unknown kind of key \"ecdsa-p265\", did you mean \"ecdsa-p256\"?"},
	{"default { unknown-sni ignore; }",
         "c:1:23: unknown choice \"ignore\", known: reject, default, close"},
	{"default { unknown-sni default; }",
         "c:1:23: which certificate is missing: default { certificate NAME; }"},
	{"listen 0.0.0.0:1 { tls; unknown-sni default; } default { unknown-sni reject; }",
         "c:1:37: which certificate is missing: default { certificate NAME; }"},
	{"default { certificate *.example.org; }",
         "c:1:23: \"*.example.org\" stands for many names: give one of them"},
	{"default { certificate 0.0.0.0; }", "c:1:23: \"0.0.0.0\": no host can have this address"},
	{"default { key rsa-2048 rsa-4096; }",
         "c:1:24: two certificates have one RSA and one ECDSA key"},
	{"default { key both rsa-2048; }", "c:1:15: \"both\" stands alone"},
	{"default { key ecdsa-p25; }",
         "c:1:15: unknown kind of key \"ecdsa-p25\", did you mean \"ecdsa-p256\"?"},
	{"ca x { chain root X; }",
         "c:1:14: unknown way to choose a chain \"root\", known: issuer, spki"},
	{"ca x { chain issuer \"\"; }", "c:1:21: no CA is called \"\""},
	{"ca x { chain spki 00:11; }",
         "c:1:19: \"00:11\" is not a SHA-256 of 32 bytes in hexadecimal"},
	{"ca x { profile short maybe; }", "c:1:22: \"maybe\": only \"required\" may stand here"},
	{"bind 10.0.0.1;", "c:1:14: an argument is missing, write: bind ADDRESS NAME;"},
	{"bind 10.0.0.1:443 a.example;",
         "c:1:6: \"10.0.0.1:443\" is not an address alone, as 192.0.2.1 or 2001:db8::1"},
	{"bind [::1] a.example;",
         "c:1:6: \"[::1]\" is not an address alone, as 192.0.2.1 or 2001:db8::1"},
	{"bind ::1 a.example;\nbind 10.0.0.1 a.example; bind 0:0::1 b.example;",
         "c:2:31: bind \"0:0::1\" is already set at c:1"},
	/* TLS */
	{"listen 0.0.0.0:1 { tls; protocols TLSv1.2 TLSv1.1; }",
         "c:1:43: unknown protocol \"TLSv1.1\", did you mean \"TLSv1.2\"?"},
	{"listen 0.0.0.0:1 { tls; protocols SSLv3; }",
         "c:1:35: unknown protocol \"SSLv3\", known: TLSv1.2, TLSv1.3"},
	{"listen 0.0.0.0:1 { tls; ciphers ECDHE-RSA-AES128-GCM-SHA256 FASTEST; }",
         "c:1:61: OpenSSL knows no cipher of TLS 1.2 \"FASTEST\""},
	{"listen 0.0.0.0:1 { tls; ciphers HIGH; }",
         "c:1:33: OpenSSL knows no cipher of TLS 1.2 \"HIGH\""},
	{"listen 0.0.0.0:1 { tls; ciphers NULL-SHA256; }",
         "c:1:33: OpenSSL knows no cipher of TLS 1.2 \"NULL-SHA256\""},
	{"listen 0.0.0.0:1 { tls; ciphers !aNULL; }",
         "c:1:33: OpenSSL knows no cipher of TLS 1.2 \"!aNULL\""},
	{"listen 0.0.0.0:1 { tls; ciphers TLS_AES_128_GCM_SHA256; }",
         "c:1:33: OpenSSL knows no cipher of TLS 1.2 \"TLS_AES_128_GCM_SHA256\""},
	{"listen 0.0.0.0:1 { tls; ciphersuites ECDHE-RSA-AES128-GCM-SHA256; }",
         "c:1:38: OpenSSL knows no cipher suite of TLS 1.3 \"ECDHE-RSA-AES128-GCM-SHA256\""},
	{"listen 0.0.0.0:1 { tls; ciphersuites TLS_AES_128_GCM_SHA256 TLS_AES_128_GCM_SHA256; }",
         "c:1:61: \"TLS_AES_128_GCM_SHA256\" stands here twice"},
	{"listen 0.0.0.0:1 { tls; groups X25519 P-257; }",
         "c:1:39: OpenSSL knows no group \"P-257\""},
	{"listen 0.0.0.0:1 { tls; groups X25519:P-256; }",
         "c:1:32: OpenSSL knows no group \"X25519:P-256\""},
	{"listen 0.0.0.0:1 { tls; alpn h2 acme-tls/1; }",
         "c:1:33: \"acme-tls/1\" cannot be a backend's protocol"},
	{"listen 0.0.0.0:1 { groups X25519; http; }", "c:1:20: \"groups\" is for \"tls\" only"},
	{"listen 0.0.0.0:1 { http; unknown-sni close; }",
         "c:1:26: \"unknown-sni\" is for \"tls\" only"},
	{"backend b { server 1.1.1.1:1; passthrough; alpn h2; }",
         "c:1:44: \"alpn\" and \"passthrough\": the TLS is the server's own"},
	{"backend b { server 1.1.1.1:1; passthrough yes; }",
         "c:1:43: an argument too many, write: passthrough;"},
	/* include */
	{"include;", "c:1:1: \"include\" takes one file or pattern"},
	{"include a b;", "c:1:1: \"include\" takes one file or pattern"},
	{"include a { }", "c:1:11: \"include\" takes no block"},
	{"include nowhere;", "c:1:9: cannot include \"nowhere\": No such file or directory"},
	{"include ../../../dev/null;",
         "c:1:9: cannot include \"../../../dev/null\": not a regular file"},
	{"include c;",
         "c:1:9: cannot include \"c\": it is being read already, so this would never end"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		write_file("c", refused[i].text);
		assert_refused(refused[i].text, refused[i].error);
	}
}

static void
test_nul(void **state)
{
	static const char text[] = "workers 2;\0";

	(void)state;
	write_bytes("c", text, sizeof(text));
	assert_refused(text, "c:1:11: the control byte 0x00");
	write_bytes("c", "log-level \"a\\\0\"", 14);
	assert_refused("NUL behind a backslash", "c:1:13: after \\ only \\ or \" may follow");
}

static void
test_unreadable(void **state)
{
	const struct conf *conf = NULL;
	char error[CONF_ERROR_MAX + 1];

	(void)state;
	assert_int_equal(conf_load("/nonexistent/c", &conf, error), ERR_NOTFOUND);
	assert_string_equal(error, "/nonexistent/c: cannot be read: No such file or directory");
	assert_int_equal(conf_load("/tmp", &conf, error), ERR_NOTFOUND);
	assert_string_equal(error, "/tmp: cannot be read: not a regular file");
	assert_null(conf);
}

static void
test_large(void **state)
{
	size_t size = 1024 * 1024 + 1;
	char *text = malloc(size + 1);
	const struct conf *c;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', size);
	memcpy(text, "listen 0.0.0.0:1 { tls; }", 25);
	write_bytes("large", text, size - 1);
	c = load("include large;");
	conf_unref(c);
	write_bytes("large", text, size);
	write_file("c", "include large;");
	assert_refused("include large;", "c:1:9: cannot include \"large\": larger than 1 MiB");
	memset(text, 'x', 2048);
	text[2048] = '\0';
	write_file("c", text);
	assert_refused("a long word", "c:1:2048: a word of more than 2047 bytes");
	text[2047] = ';';
	write_file("c", text);
	assert_refused(
		"a long word",
		"c:1:1: unknown word \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxx...\"");
	memset(text, ' ', 4096);
	for (size_t i = 0; i < 65; i++)
		text[2 * i] = 'x';
	text[130] = ';';
	text[131] = '\0';
	write_file("c", text);
	assert_refused("many words", "c:1:129: a statement of more than 64 words");
	free(text);
}

static void
make_directory(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* Sorted by bytes, relative to the file that includes, counted as written there. */
static void
test_include(void **state)
{
	const struct conf *c;

	(void)state;
	make_directory("d[1]*");
	write_file("d[1]*/10.conf", "backend b10 { server 1.1.1.1:1; }\ninclude sub.inc;");
	write_file("d[1]*/9.conf", "backend b9 { server 1.1.1.1:1; }");
	write_file("d[1]*/B.conf", "backend upper { server 1.1.1.1:1; }");
	write_file("d[1]*/a.conf", "backend lower { server 1.1.1.1:1; }");
	write_file("d[1]*/.hidden.conf", "nonsense;");
	write_file("d[1]*/sub.inc", "include ?.conf;\nlisten 0.0.0.0:1 { tls; }\n");
	c = load("include d[[]1]*/10.conf; workers 3;");
	assert_int_equal(c->workers, 3);
	assert_int_equal(c->backend_count, 4);
	assert_string_equal(c->backends[0].name, "b10");
	assert_string_equal(c->backends[1].name, "b9");
	assert_string_equal(c->backends[2].name, "upper");
	assert_string_equal(c->backends[3].name, "lower");
	conf_unref(c);
}

static void
test_include_refused(void **state)
{
	(void)state;
	write_file("one", "\nworkers 2;");
	write_file("c", "workers 3; include one;");
	assert_refused("twice", "one:2:1: \"workers\" is already set at c:1");
	write_file("one", "listen 0.0.0.0:1 { tls;");
	write_file("c", "include one; }");
	assert_refused(
		"half a block",
		"one:1:24: the file ends inside \"listen\" opened at one:1: \"}\" is missing");
	write_file("one", "include two;");
	write_file("two", "\n include one;");
	write_file("c", "include one;");
	assert_refused("a ring",
	               "two:2:10: cannot include \"one\": it is being read already, so this "
	               "would never end");
}

/* Eight files in a row are fine, nine are not. */
static void
test_include_depth(void **state)
{
	char name[16], text[128];

	(void)state;
	for (int i = 2; i <= 9; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		snprintf(text, sizeof(text), "include f%d;", i + 1);
		write_file(name, text);
	}
	write_file("f8", "listen 0.0.0.0:1 { tls; }");
	conf_unref(load("include f2;"));
	write_file("f8", "include f9;");
	write_file("f9", "listen 0.0.0.0:1 { tls; }");
	assert_refused("nine files", "f8:1:9: includes go deeper than 8 files");
	write_file("one", "");
	write_file("two",
	           "include one;include one;include one;include one;include one;include one;");
	for (int i = 2; i <= 6; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		snprintf(text, sizeof(text), "include f%d; include f%d; include f%d; include f%d;",
		         i + 1, i + 1, i + 1, i + 1);
		write_file(name, i == 6 ? "include two;" : text);
	}
	assert_refused("too many files", "two:1:69: more than 1000 files are included");
}

/* orders, domain, set, name: how many, in how long */
static void
limits_of_a_ca(void **state)
{
	static const struct {
		const char *words;
		uint32_t rates[LIMIT_SCOPES][2];
		bool replaces_are_free;
		uint32_t new_nonce, other; /* requests */
	} rows[] = {
		{"directory https://h/d;", {{0, 0}, {0, 0}, {0, 0}, {20, 3600}}, false, 0, 0},
		{"directory https://acme-v02.api.letsencrypt.org/directory;",
	         {{300, 10800}, {50, 604800}, {5, 604800}, {5, 3600}},
	         true,
	         20,
	         250},
		{"directory https://acme-v02.api.letsencrypt.org/directory; limits none;",
	         {{0, 0}, {0, 0}, {0, 0}, {0, 0}},
	         false,
	         0,
	         0},
		{"directory https://h; orders 7/1m; limits letsencrypt set none domain 500/7d "
	         "other 7/1s "
	         "new-nonce none;",
	         {{7, 60}, {500, 604800}, {0, 0}, {5, 3600}},
	         true,
	         0,
	         7},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct conf *conf;
		const struct conf_ca *ca;

		snprintf(text, sizeof(text),
		         "listen 1.1.1.1:1 { tls; } ca x { %s } backend b { server 1.1.1.1:1; }",
		         rows[i].words);
		conf = load(text);
		ca = conf_ca(conf, "x");
		assert_int_equal(ca->budget, rows[i].rates[LIMIT_ACCOUNT][0]);
		assert_int_equal(ca->budget_period, rows[i].rates[LIMIT_ACCOUNT][1]);
		for (int s = LIMIT_DOMAIN; s < LIMIT_SCOPES; s++) {
			assert_int_equal(ca->limits.rate[s].count, rows[i].rates[s][0]);
			assert_int_equal(ca->limits.rate[s].period, rows[i].rates[s][1]);
		}
		assert_int_equal(ca->limits.requests[PACE_NEW_NONCE].count, rows[i].new_nonce);
		assert_int_equal(ca->limits.requests[PACE_OTHER].count, rows[i].other);
		assert_int_equal(ca->limits.replaces_are_free, rows[i].replaces_are_free);
		conf_unref(conf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_names_and_tls),
		cmocka_unit_test(test_every_word),
		cmocka_unit_test(limits_of_a_ca),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_refused),
		cmocka_unit_test(test_include_depth),
		cmocka_unit_test(test_named_servers_and_checks),
	};

	return cmocka_run_group_tests_name("conf", tests, setup, teardown);
}
