/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: tls-alpn-01 (RFC 8737), with real clients at a real worker. */
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/challenge.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

#define KEYAUTH "token.thumbprint"
#define ACME                                                                                       \
	"\x0a"                                                                                     \
	"acme-tls/1"

enum { EXACT = 11, WILDCARD = 12 };

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

static void
set_challenge(const char *name, bool live)
{
	struct challenge challenge = {.kind = CHALLENGE_TLS_ALPN_01,
	                              .name = tmpstore_name(name),
	                              .token = "token",
	                              .keyauth = KEYAUTH,
	                              .created_at = clock_wall()};
	struct store_txn *txn = tmpstore_write(&front.store, STORE_SERVED);

	if (live)
		assert_int_equal(challenge_put(txn, &challenge), ERR_OK);
	else
		assert_int_equal(challenge_del(txn, &challenge), ERR_OK);
	tmpstore_commit(txn);
}

static void
check_challenge_cert(struct tmpclient *c, const char *name)
{
	unsigned char expected[34] = {0x04, 0x20};
	X509 *cert = SSL_get1_peer_certificate(c->ssl);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	X509_EXTENSION *ext = X509_get_ext(cert, X509_get_ext_by_OBJ(cert, oid, -1));
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);

	SHA256((const unsigned char *)KEYAUTH, strlen(KEYAUTH), expected + 2);
	assert_true(X509_EXTENSION_get_critical(ext));
	assert_int_equal(ASN1_STRING_length(value), sizeof(expected));
	assert_memory_equal(ASN1_STRING_get0_data(value), expected, sizeof(expected));
	assert_int_equal(sk_GENERAL_NAME_num(sans), 1);
	assert_int_equal(X509_check_host(cert, name, 0, 0, NULL), 1);
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
	assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(cert)), -1);
	assert_int_equal(X509_cmp_current_time(X509_get0_notAfter(cert)), 1);
	GENERAL_NAMES_free(sans);
	ASN1_OBJECT_free(oid);
	X509_free(cert);
}

static void
test_challenge(void **state)
{
	static const char *const challenged[] = {"new.example.com", "exact.example.org"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const char *name = challenged[i / 2];
		struct tmpclient c;

		set_challenge(name, true);
		c = shake(name, ACME, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
		assert_true(c.connected);
		assert_string_equal(c.alpn, "acme-tls/1");
		check_challenge_cert(&c, name);
		assert_true(tmpclient_ended_cleanly(&c));
		tmpclient_close(&c);
		set_challenge(name, false);
		c = shake(name, ACME, 0);
		assert_false(c.connected);
		assert_int_equal(c.alert,
		                 i < 2 ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_NO_APPLICATION_PROTOCOL);
		tmpclient_close(&c);
	}
	tmpfront_expect(&front, STATUS_CHALLENGES_SERVED, 4);
	tmpfront_expect(&front, STATUS_CHALLENGES_REFUSED, 4);
	assert_int_equal(atomic_load(&echo.accepted), 0);
}

static void
test_challenge_is_not_for_others(void **state)
{
	struct tmpclient c;

	(void)state;
	set_challenge("exact.example.org", true);
	c = shake("exact.example.org", NULL, 0);
	assert_int_equal(c.serial, EXACT);
	tmpclient_close(&c);
	c = shake("exact.example.org", "\x08http/1.1", 0);
	assert_int_equal(c.serial, EXACT);
	tmpclient_close(&c);
	c = shake("other.example.org", ACME, 0); /* not that name's challenge */
	assert_int_equal(c.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
	tmpclient_close(&c);
	c = shake("unknown.example.com", ACME, 0);
	assert_int_equal(c.alert, SSL_AD_UNRECOGNIZED_NAME);
	tmpclient_close(&c);
}

/* A10: a challenge handshake is no way to the backend. */
static void
test_challenge_carries_no_data(void **state)
{
	struct tmpclient c;

	(void)state;
	set_challenge("exact.example.org", true);
	c = shake("exact.example.org", ACME, 0);
	assert_true(c.connected);
	SSL_write(c.ssl, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_true(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	assert_int_equal(atomic_load(&echo.accepted), 0);
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_CONNECTS), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_challenge),
		CASE(test_challenge_is_not_for_others),
		CASE(test_challenge_carries_no_data),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
