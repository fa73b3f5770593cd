/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: who gets which certificate, with real clients at a real worker. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

#define ACME                                                                                       \
	"\x0a"                                                                                     \
	"acme-tls/1"

enum { EXACT = 11, WILDCARD = 12, EXPIRED = 13 };

static struct tmpfront front;
static struct tmpserver echo;

static int
setup(void **state)
{
	(void)state;
	tmpserver_start(&echo, tmpserver_echo);
	tmpfront_init(&front);
	tmpfront_backend(&front, "echo", echo.port);
	tmpcert_store(&front.store,
	              &(struct tmpcert){.name = "exact.example.org", .generation = EXACT});
	tmpcert_store(&front.store,
	              &(struct tmpcert){.name = "*.example.org", .generation = WILDCARD});
	tmpcert_store(&front.store, &(struct tmpcert){.name = "old.example.net",
	                                              .generation = EXPIRED,
	                                              .not_before = clock_wall() - 7200,
	                                              .not_after = clock_wall() - 3600});
	return 0;
}

static int
setup_running(void **state)
{
	setup(state);
	tmpfront_run(&front);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	tmpserver_stop(&echo);
	return 0;
}

static struct tmpclient
shake(const char *sni, const char *alpn, int version)
{
	struct tmpclient c;

	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = sni,
	                                            .alpn = alpn,
	                                            .version = version});
	return c;
}

static const struct {
	const char *sni; /* NULL: none */
	uint64_t serial; /* 0: refused */
	enum status_counter reason;
} names[] = {
	{"exact.example.org", EXACT, 0},
	{"EXACT.Example.ORG", EXACT, 0},
	{"exact.example.org.", EXACT, 0},
	{"other.example.org", WILDCARD, 0},
	{"xn--bcher-kva.example.org", WILDCARD, 0},
	{"under_score.example.org", WILDCARD, 0},
	{"old.example.net", EXPIRED, 0},
	{"example.org", 0, STATUS_SNI_UNKNOWN},
	{"a.b.example.org", 0, STATUS_SNI_UNKNOWN},
	{"unknown.example.com", 0, STATUS_SNI_UNKNOWN},
	{"www.www.www", 0, STATUS_SNI_UNKNOWN},
	{"localhost", 0, STATUS_SNI_UNKNOWN},
	{"*.example.org", 0, STATUS_SNI_INVALID},
	{"exact.example.org..", 0, STATUS_SNI_INVALID},
	{".example.org", 0, STATUS_SNI_INVALID},
	{"192.0.2.1", 0, STATUS_SNI_INVALID},
	{"2001:db8::1", 0, STATUS_SNI_INVALID},
	{"../../etc/passwd", 0, STATUS_SNI_INVALID},
	{"\x1b]0;pwn", 0, STATUS_SNI_INVALID},
	{"a\nlevel=error", 0, STATUS_SNI_INVALID},
	{"b\xc3\xbc"
         "cher.example.org",
         0, STATUS_SNI_INVALID},
	{"exact example.org", 0, STATUS_SNI_INVALID},
	{NULL, 0, STATUS_SNI_ABSENT},
};

static void
check_name(size_t i, int version)
{
	uint64_t before = names[i].reason ? tmpfront_count(&front, names[i].reason) : 0;
	struct tmpclient c = shake(names[i].sni, NULL, version);
	const char *title = names[i].sni ? names[i].sni : "no name";

	if (c.connected != (names[i].serial != 0) || (c.connected && c.serial != names[i].serial))
		fail_msg("%s: serial %lu, alert %d", title, (unsigned long)c.serial, c.alert);
	if (!names[i].serial) {
		assert_int_equal(c.alert, SSL_AD_UNRECOGNIZED_NAME);
		tmpfront_expect(&front, names[i].reason, before + 1);
	}
	tmpclient_close(&c);
}

static void
test_names_tls13(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_name(i, TLS1_3_VERSION);
}

static void
test_names_tls12(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_name(i, TLS1_2_VERSION);
}

/* A7: a client that asks for a second handshake gets none. */
static void
test_no_renegotiation(void **state)
{
	struct tmpclient c = shake("exact.example.org", NULL, TLS1_2_VERSION);

	(void)state;
	assert_true(c.connected);
	assert_int_equal(SSL_renegotiate(c.ssl), 1);
	assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	assert_int_equal(tmpfront_count(&front, STATUS_HANDSHAKES), 1);
}

static void
test_tls11_is_refused(void **state)
{
	struct tmpclient c = {0};

	(void)state;
	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = "exact.example.org",
	                                            .version = TLS1_1_VERSION});
	assert_false(c.connected);
	tmpclient_close(&c);
}

/* Chain, name and dates as a client that checks them sees them; P-256 and RSA. */
static void
test_verified(void **state)
{
	struct tmpclient_spec spec = {.port = front.ports[TMPFRONT_TLS],
	                              .sni = "exact.example.org",
	                              .verify = "exact.example.org"};

	(void)state;
	tmpcert_store(&front.store, &(struct tmpcert){.name = "rsa.example.net", .rsa = true});
	for (int i = 0; i < 4; i++) {
		struct tmpclient c;

		spec.version = i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
		spec.sni = spec.verify = i < 2 ? "exact.example.org" : "rsa.example.net";
		tmpclient_open(&c, &spec);
		assert_true(c.connected);
		assert_int_equal(SSL_get_verify_result(c.ssl), X509_V_OK);
		assert_false(SSL_session_reused(c.ssl));
		assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(c.ssl)), 2);
		tmpclient_close(&c);
	}
}

/* A HelloRetryRequest makes two hellos of one handshake. */
static void
test_second_hello(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct tmpclient c;

		tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
		                                            .sni = "exact.example.org",
		                                            .groups = "P-521:P-256",
		                                            .verify = "exact.example.org"});
		assert_true(c.connected);
		tmpclient_send(&c, "hello", 5);
		tmpclient_expect(&c, "hello", 5);
		tmpclient_close(&c);
	}
}

/* The client asks for another server once it has been told to try again. */
static void
on_message(int writing, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	(void)version;
	if (!writing && type == SSL3_RT_HANDSHAKE && len &&
	    *(const unsigned char *)data == SSL3_MT_SERVER_HELLO)
		SSL_set_tlsext_host_name(ssl, arg);
}

static void
test_second_hello_with_another_name(void **state)
{
	static const struct {
		char name[32];
		bool fine;
	} cases[] = {{"exact.example.org", true},
	             {"EXACT.example.org.", true},
	             {"other.example.org", false},
	             {"unknown.example.com", false},
	             {"192.0.2.1", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[32];
		struct tmpclient c;

		memcpy(name, cases[i].name, sizeof(name));
		tmpclient_prepare(&c, &(struct tmpclient_spec){.sni = "exact.example.org",
		                                               .version = TLS1_3_VERSION,
		                                               .groups = "P-521:P-256"});
		SSL_set_msg_callback(c.ssl, on_message);
		SSL_set_msg_callback_arg(c.ssl, name);
		tmpclient_connect(&c, front.ports[TMPFRONT_TLS]);
		if (c.connected != cases[i].fine)
			fail_msg("%s: %d", name, c.connected);
		assert_int_equal(c.alert, cases[i].fine ? 0 : SSL_AD_ILLEGAL_PARAMETER);
		tmpclient_close(&c);
	}
}

static void
test_next_handshake_gets_the_new_generation(void **state)
{
	struct tmpclient c = shake("exact.example.org", NULL, 0);

	(void)state;
	assert_int_equal(c.serial, EXACT);
	for (uint64_t g = 100; g < 110; g++) {
		struct tmpclient next;

		tmpcert_store(&front.store,
		              &(struct tmpcert){.name = "exact.example.org", .generation = g});
		next = shake("exact.example.org", NULL, 0);
		assert_int_equal(next.serial, g);
		tmpclient_close(&next);
	}
	tmpclient_send(&c, "still here", 10);
	tmpclient_expect(&c, "still here", 10);
	tmpclient_close(&c);
}

static void
test_alpn(void **state)
{
	static const struct {
		const char *offer;
		const char *chosen;
	} cases[] = {
		{NULL, ""},
		{"\x08http/1.1", "http/1.1"},
		{"\x02h2\x08http/1.1", "http/1.1"},
		{"\x02h2", ""}, /* goes on without */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpclient c = shake("exact.example.org", cases[i].offer, 0);

		assert_true(c.connected);
		assert_string_equal(c.alpn, cases[i].chosen);
		tmpclient_close(&c);
	}
}

static void
test_silent_close(void **state)
{
	struct tmpclient c;

	(void)state;
	front.conf.otherwise.unknown_sni = UNKNOWN_SNI_CLOSE;
	tmpfront_run(&front);
	c = shake("unknown.example.com", NULL, 0);
	assert_false(c.connected);
	assert_int_equal(c.alert, 0);
	tmpclient_close(&c);
	c = shake("exact.example.org", NULL, 0);
	assert_true(c.connected);
	tmpclient_close(&c);
}

static void
test_name_without_certificate(void **state)
{
	struct domain d = tmpstore_domain("pending.example.com", 0);
	struct store_txn *txn = tmpstore_write(&front.store, STORE_SERVED);
	struct tmpclient c;

	(void)state;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	c = shake("pending.example.com", NULL, 0);
	assert_int_equal(c.alert, SSL_AD_UNRECOGNIZED_NAME);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_NO_CERTIFICATE, 1);
	c = shake("pending.example.com", ACME, 0);
	assert_int_equal(c.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
	tmpclient_close(&c);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup_running, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_names_tls13),
		CASE(test_names_tls12),
		CASE(test_no_renegotiation),
		CASE(test_tls11_is_refused),
		CASE(test_verified),
		CASE(test_second_hello),
		CASE(test_second_hello_with_another_name),
		CASE(test_next_handshake_gets_the_new_generation),
		CASE(test_alpn),
		cmocka_unit_test_setup_teardown(test_silent_close, setup, teardown),
		CASE(test_name_without_certificate),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
