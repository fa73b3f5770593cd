/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: resumption by tickets, with real clients at a real worker. */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/role.h"
#include "store/ticket.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

/* Bytes of a ticket (RFC 5077, 4). */
enum { NAME_AT = 0, IV_AT = 16, STATE_AT = 32 };

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct tmpfront front;
static struct tmpserver echo;
static int tickets;        /* that the client got in this connection */
static const char *groups; /* that it offers; NULL: OpenSSL's */

static void
turn(bool forget)
{
	struct store_txn *txn = tmpstore_write(&front.store, STORE_SERVED);
	struct ticket_ring ring = {0};

	(void)!ticket_ring_get(txn, &ring);
	assert_int_equal(ticket_ring_turn(&ring, clock_wall(), forget), ERR_OK);
	assert_int_equal(ticket_ring_put(txn, &ring), ERR_OK);
	tmpstore_commit(txn);
}

static int
setup(void **state)
{
	(void)state;
	tmpserver_start(&echo, tmpserver_echo);
	tmpfront_init(&front);
	tmpfront_backend(&front, "echo", echo.port);
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
	tmpcert_store(&front.store, &(struct tmpcert){.name = "*.example.net"});
	return 0;
}

static int
setup_running(void **state)
{
	setup(state);
	turn(false);
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

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	tickets += SSL_SESSION_has_ticket(session);
	return 0;
}

struct result {
	SSL_SESSION *session; /* to go on with; NULL: cannot be resumed */
	bool resumed;
};

/* A connection with a byte there and back, in which SESSION is offered. */
static struct result
talk(const char *sni, int version, SSL_SESSION *session)
{
	const struct tmpclient_spec spec = {.port = front.ports[TMPFRONT_TLS],
	                                    .sni = sni,
	                                    .version = version,
	                                    .groups = groups};
	struct tmpclient c;
	struct result r = {0};

	tickets = 0;
	tmpclient_prepare(&c, &spec);
	SSL_CTX_set_session_cache_mode(c.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c.ctx, on_session);
	c.fd = tmpserver_connect(spec.port);
	assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
	if (session)
		assert_int_equal(SSL_set_session(c.ssl, session), 1);
	assert_int_equal(SSL_do_handshake(c.ssl), 1);
	tmpclient_send(&c, "x", 1);
	tmpclient_expect(&c, "x", 1);
	r.resumed = SSL_session_reused(c.ssl);
	r.session = SSL_get1_session(c.ssl);
	if (!SSL_SESSION_is_resumable(r.session) || !SSL_SESSION_has_ticket(r.session)) {
		SSL_SESSION_free(r.session);
		r.session = NULL;
	}
	SSL_shutdown(c.ssl); /* else the client takes its session for broken */
	tmpclient_close(&c);
	return r;
}

static bool
resumes(const char *sni, int version, SSL_SESSION *session)
{
	struct result r = talk(sni, version, session);

	assert_non_null(r.session); /* whatever happened, it can go on from here */
	SSL_SESSION_free(r.session);
	return r.resumed;
}

static void
test_one_ticket_resumes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct result first = talk("a.example.org", versions[i], NULL), next;

		assert_false(first.resumed);
		assert_int_equal(tickets, 1);
		assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(first.session),
		                 TICKET_EVERY_S);
		next = talk("a.example.org", versions[i], first.session);
		assert_true(next.resumed);
		/* TLS 1.2 goes on with the same ticket; RFC 8446 C.4 wants a new one each time. */
		assert_int_equal(tickets, versions[i] == TLS1_3_VERSION);
		assert_true(resumes("a.example.org", versions[i], next.session));
		SSL_SESSION_free(first.session);
		SSL_SESSION_free(next.session);
	}
	tmpfront_expect(&front, STATUS_RESUMED, 4);
	assert_int_equal(tmpfront_count(&front, STATUS_HANDSHAKES), 6);
}

/* A9: another host, also under the same certificate. */
static void
test_row_A9_another_host(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct result a = talk("a.example.org", versions[i], NULL);
		struct result one = talk("one.example.net", versions[i], NULL);

		assert_false(resumes("one.example.net", versions[i], a.session));
		assert_false(resumes("a.example.org", versions[i], one.session));
		assert_false(resumes("two.example.net", versions[i], one.session));
		assert_true(resumes("ONE.example.net.", versions[i], one.session));
		SSL_SESSION_free(a.session);
		SSL_SESSION_free(one.session);
	}
}

/* A HelloRetryRequest makes two hellos of one handshake, each with the ticket. */
static void
test_after_a_retry(void **state)
{
	struct result r = talk("a.example.org", TLS1_3_VERSION, NULL), one;

	(void)state;
	groups = "P-521:P-256";
	assert_true(resumes("a.example.org", TLS1_3_VERSION, r.session));
	assert_false(resumes("one.example.net", TLS1_3_VERSION, r.session));
	one = talk("one.example.net", TLS1_3_VERSION, NULL);
	groups = NULL;
	assert_true(resumes("one.example.net", TLS1_3_VERSION, one.session));
	SSL_SESSION_free(one.session);
	SSL_SESSION_free(r.session);
}

/* A9: a worker that never saw the first handshake. */
static void
test_after_a_restart(void **state)
{
	struct result r[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		r[i] = talk("a.example.org", versions[i], NULL);
	tmpfront_tell(&front, ROLE_QUIT);
	tmpfront_join(&front);
	tmpstore_close(&front.store);
	tmpstore_open(&front.store);
	tmpfront_run(&front);
	for (int i = 0; i < 2; i++) {
		assert_true(resumes("a.example.org", versions[i], r[i].session));
		SSL_SESSION_free(r[i].session);
	}
}

static void
run_again(const char *ciphers)
{
	tmpfront_tell(&front, ROLE_QUIT);
	tmpfront_join(&front);
	front.listens[TMPFRONT_TLS].tls.ciphers = ciphers;
	tmpfront_run(&front);
}

/* A session has its cipher, and TLS 1.2 would go on with it where it is not allowed. */
static void
test_with_other_ciphers(void **state)
{
	struct result usual = talk("a.example.org", TLS1_2_VERSION, NULL), own;

	(void)state;
	run_again("ECDHE-ECDSA-AES256-GCM-SHA384");
	assert_false(resumes("a.example.org", TLS1_2_VERSION, usual.session));
	own = talk("a.example.org", TLS1_2_VERSION, NULL);
	assert_true(resumes("a.example.org", TLS1_2_VERSION, own.session));
	run_again(NULL);
	assert_false(resumes("a.example.org", TLS1_2_VERSION, own.session));
	assert_true(resumes("a.example.org", TLS1_2_VERSION, usual.session));
	SSL_SESSION_free(usual.session);
	SSL_SESSION_free(own.session);
}

/* The first bytes of SESSION's ticket: the name of its key. */
static bool
has_key(const SSL_SESSION *session, size_t at)
{
	struct store_txn *txn = tmpstore_read(&front.store, STORE_SERVED);
	const unsigned char *ticket;
	struct ticket_ring ring;
	size_t len;

	assert_int_equal(ticket_ring_get(txn, &ring), ERR_OK);
	store_abort(txn);
	SSL_SESSION_get0_ticket(session, &ticket, &len);
	return memcmp(ticket, ring.keys[at].name, TICKET_NAME_LEN) == 0;
}

/* Handshakes until the worker, which looks once a second, has the new key. */
static struct result
wait_for_new_key(int version)
{
	for (int i = 0; i < 1000; i++) {
		struct result r = talk("a.example.org", version, NULL);

		if (has_key(r.session, 0))
			return r;
		SSL_SESSION_free(r.session);
	}
	fail_msg("the worker does not take the new key up");
	return (struct result){0};
}

/* A9: the key before still resumes, and is left; the one before that does not. */
static void
test_row_A9_old_key(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct result first = talk("a.example.org", versions[i], NULL), second, renewed;

		turn(false);
		second = wait_for_new_key(versions[i]);
		assert_true(has_key(first.session, 1));
		renewed = talk("a.example.org", versions[i], first.session);
		assert_true(renewed.resumed);
		assert_true(has_key(renewed.session, 0));
		turn(false);
		SSL_SESSION_free(wait_for_new_key(versions[i]).session);
		assert_false(resumes("a.example.org", versions[i], first.session));
		assert_true(resumes("a.example.org", versions[i], second.session));
		SSL_SESSION_free(first.session);
		SSL_SESSION_free(second.session);
		SSL_SESSION_free(renewed.session);
	}
}

/* A9: a leaked key is done with at once. */
static void
test_forgotten_keys(void **state)
{
	struct result old = talk("a.example.org", TLS1_3_VERSION, NULL);

	(void)state;
	turn(true);
	SSL_SESSION_free(wait_for_new_key(TLS1_3_VERSION).session);
	assert_false(resumes("a.example.org", TLS1_3_VERSION, old.session));
	SSL_SESSION_free(old.session);
}

/* SESSION with one byte of its ticket changed. */
static SSL_SESSION *
forge(SSL_SESSION *session, size_t at_ticket)
{
	unsigned char der[16384], *out = der;
	const unsigned char *in = der, *ticket;
	size_t len, der_len;
	unsigned char *found;
	SSL_SESSION *forged;

	assert_true(i2d_SSL_SESSION(session, NULL) <= (int)sizeof(der));
	der_len = (size_t)i2d_SSL_SESSION(session, &out);
	SSL_SESSION_get0_ticket(session, &ticket, &len);
	assert_non_null(found = memmem(der, der_len, ticket, len));
	found[at_ticket < len ? at_ticket : len - 1] ^= 1;
	assert_non_null(forged = d2i_SSL_SESSION(NULL, &in, (long)der_len));
	return forged;
}

static void
test_row_A9_forged(void **state)
{
	static const size_t at[] = {NAME_AT, IV_AT, STATE_AT, SIZE_MAX /* of the MAC */};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct result r = talk("a.example.org", versions[i], NULL);

		for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
			SSL_SESSION *forged = forge(r.session, at[k]);

			assert_false(resumes("a.example.org", versions[i], forged));
			SSL_SESSION_free(forged);
		}
		SSL_SESSION_free(r.session);
	}
	tmpfront_expect(&front, STATUS_HANDSHAKES, 10);
	assert_int_equal(tmpfront_count(&front, STATUS_HANDSHAKES_FAILED), 0);
}

/* The keeper has not made a key yet, or none for a day: every handshake is a full one. */
static void
test_without_a_key(void **state)
{
	struct ticket_ring ring = {0};
	struct store_txn *txn;

	(void)state;
	for (int old = 0; old < 2; old++) {
		tmpfront_run(&front);
		for (int i = 0; i < 2; i++) {
			assert_null(talk("a.example.org", versions[i], NULL).session);
			assert_int_equal(tickets, 0);
		}
		tmpfront_tell(&front, ROLE_QUIT);
		tmpfront_join(&front);
		assert_int_equal(ticket_ring_turn(&ring, clock_wall() - TICKET_KEEP_S, false),
		                 ERR_OK);
		txn = tmpstore_write(&front.store, STORE_SERVED);
		assert_int_equal(ticket_ring_put(txn, &ring), ERR_OK);
		tmpstore_commit(txn);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_ticket_resumes, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_row_A9_another_host, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_retry, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_restart, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_with_other_ciphers, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_row_A9_old_key, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten_keys, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_row_A9_forged, setup_running, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_key, setup, teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	tmpcert_done();
	return failed;
}
