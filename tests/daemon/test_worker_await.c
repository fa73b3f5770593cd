/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: clients that wait for what comes on demand, at a real worker; the test is the keeper.
 */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/front/conn.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

enum { LONG_MS = 60000, SERIAL = 21, FALLBACK = 22 };

static struct tmpfront front;
static struct tmpserver echo;
static struct hostname allow[2];
static struct report_reader asks;

static int
setup(void **state)
{
	(void)state;
	asks = (struct report_reader){0};
	tmpserver_start(&echo, tmpserver_echo);
	tmpfront_init(&front);
	tmpfront_backend(&front, "echo", echo.port);
	allow[0] = tmpstore_name("*.shop.test");
	front.conf.on_demand = (struct conf_on_demand){
		.on = true, .allow = allow, .allow_count = 1, .wait_ms = LONG_MS, .lapse_s = 86400};
	tmpcert_store(&front.store,
	              &(struct tmpcert){.name = "fallback.test", .generation = FALLBACK});
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

struct client {
	const char *sni;
	struct tmpclient client;
	pthread_t thread;
};

static void *
client_main(void *arg)
{
	struct client *c = arg;

	tmpclient_open(&c->client,
	               &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS], .sni = c->sni});
	return NULL;
}

static void
begin(struct client *c, const char *sni)
{
	c->sni = sni;
	assert_int_equal(pthread_create(&c->thread, NULL, client_main, c), 0);
}

static void
finish(struct client *c, uint64_t serial, int alert)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	assert_int_equal(c->client.serial, serial);
	assert_int_equal(c->client.alert, alert);
	assert_int_equal(c->client.connected, serial != 0);
	tmpclient_close(&c->client);
}

/* What the worker asks for next. */
static struct hostname
next_ask(uint64_t *ret_network)
{
	struct hostname name;

	for (int i = 0; i < 10000; i++) {
		if (report_next_with(&front.status->slot[0].asks, &asks, &name, ret_network))
			return name;
		usleep(1000);
	}
	fail_msg("nothing is asked");
	return name;
}

static void
issue(const char *name, uint64_t serial)
{
	tmpcert_store(&front.store, &(struct tmpcert){.name = name, .generation = serial});
}

static void
put_domain(const char *name, enum domain_state is, int64_t used_at, int64_t created_at)
{
	struct domain d = tmpstore_domain(name, 5);
	struct store_txn *txn = tmpstore_write(&front.store, STORE_SERVED);

	d.state = is;
	d.used_at = used_at;
	d.created_at = created_at;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static void
it_waits_until_the_certificate_is_there(void **state)
{
	struct client a, b;
	struct hostname name;
	uint64_t network;

	(void)state;
	tmpfront_run(&front);
	begin(&a, "a.shop.test");
	name = next_ask(&network);
	assert_string_equal(name.name, "a.shop.test");
	begin(&b, "A.Shop.Test");
	tmpfront_expect(&front, STATUS_DEMAND_WAITED, 2);
	put_domain("a.shop.test", DOMAIN_PENDING, clock_wall(), clock_wall());
	issue("a.shop.test", SERIAL);
	finish(&a, SERIAL, 0);
	finish(&b, SERIAL, 0);
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_SERVED), 2);
	assert_int_equal(tmpfront_count(&front, STATUS_SNI_UNKNOWN), 0);
}

static void
a_refusal_ends_it(void **state)
{
	struct client c;
	struct hostname name;
	uint64_t network;

	(void)state;
	tmpfront_run(&front);
	begin(&c, "a.shop.test");
	name = next_ask(&network);
	demand_refuse_name(&front.status->demand, &name, INT64_MAX);
	finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
	begin(&c, "a.shop.test"); /* known here: nobody is asked, nobody waits */
	finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
	begin(&c, "b.shop.test");
	name = next_ask(&network);
	assert_string_equal(name.name, "b.shop.test");
	demand_refuse_network(&front.status->demand, network, INT64_MAX);
	finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
	begin(&c, "c.shop.test");
	finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_WAITED), 2);
	assert_int_equal(tmpfront_count(&front, STATUS_SNI_UNKNOWN), 4);
}

static void
without_an_answer_it_gets_the_default(void **state)
{
	struct client c;

	(void)state;
	front.conf.on_demand.wait_ms = 500;
	front.conf.otherwise.unknown_sni = UNKNOWN_SNI_DEFAULT;
	front.conf.otherwise.certificate = tmpstore_name("fallback.test");
	tmpfront_run(&front);
	begin(&c, "a.shop.test");
	finish(&c, FALLBACK, 0);
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_WAITED), 1);
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_SERVED), 0);
	assert_int_equal(tmpfront_count(&front, STATUS_TIMEOUTS), 0);
}

static void
what_is_here_is_not_asked_about(void **state)
{
	static const struct {
		const char *name;
		enum domain_state is;
		bool on_demand, is_new, waits;
	} rows[] = {
		{"mine.shop.test", DOMAIN_PENDING, false, true, false},
		{"pending.shop.test", DOMAIN_PENDING, true, true, true},
		{"held-up.shop.test", DOMAIN_PENDING, true, false, false},
		{"failing.shop.test", DOMAIN_FAILING, true, true, false},
		{"paused.shop.test", DOMAIN_PAUSED, true, true, false},
		{"pending.elsewhere.test", DOMAIN_PENDING, true, true, true}, /* once allowed */
	};
	struct hostname name;
	uint64_t network;
	uint64_t waited = 0;
	struct client c;

	(void)state;
	front.conf.on_demand.wait_ms = 300;
	tmpfront_run(&front);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_domain(rows[i].name, rows[i].is, rows[i].on_demand ? clock_wall() : 0,
		           clock_wall() - (rows[i].is_new ? 0 : 3600));
		begin(&c, rows[i].name);
		finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
		waited += rows[i].waits;
		assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_WAITED), waited);
	}
	assert_false(report_next_with(&front.status->slot[0].asks, &asks, &name, &network));
}

static void
nobody_waits(const char *const *names)
{
	struct client c;

	tmpfront_run(&front);
	for (size_t i = 0; names[i]; i++) {
		begin(&c, names[i]);
		finish(&c, 0, SSL_AD_UNRECOGNIZED_NAME);
	}
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_WAITED), 0);
}

static void
what_is_not_allowed_does_not_wait(void **state)
{
	(void)state;
	nobody_waits((const char *const[]){"shop.test", "a.b.shop.test", "a_b.shop.test",
	                                   "-a.shop.test", "other.test", NULL});
}

static void
what_is_no_name_of_a_certificate_does_not_wait(void **state)
{
	(void)state;
	front.conf.on_demand.allow_count = 0; /* anything */
	nobody_waits((const char *const[]){"a_b.shop.test", "-a.shop.test", "localhost", NULL});
}

static void
nobody_waits_where_it_is_off(void **state)
{
	(void)state;
	front.listens[TMPFRONT_TLS].no_demand = true;
	nobody_waits((const char *const[]){"a.shop.test", NULL});
}

static void
there_are_so_many_places_for_a_network(void **state)
{
	struct client clients[CONN_AWAIT_NETWORK_MAX], more;

	(void)state;
	tmpfront_run(&front);
	for (size_t i = 0; i < CONN_AWAIT_NETWORK_MAX; i++)
		begin(&clients[i], "a.shop.test");
	tmpfront_expect(&front, STATUS_DEMAND_WAITED, CONN_AWAIT_NETWORK_MAX);
	begin(&more, "b.shop.test");
	finish(&more, 0, SSL_AD_UNRECOGNIZED_NAME);
	assert_int_equal(tmpfront_count(&front, STATUS_DEMAND_CROWDED), 1);
	issue("a.shop.test", SERIAL);
	for (size_t i = 0; i < CONN_AWAIT_NETWORK_MAX; i++)
		finish(&clients[i], SERIAL, 0);
	begin(&more, "b.shop.test"); /* the places are free again */
	tmpfront_expect(&front, STATUS_DEMAND_WAITED, CONN_AWAIT_NETWORK_MAX + 1);
	issue("b.shop.test", SERIAL + 1);
	finish(&more, SERIAL + 1, 0);
}

static void
who_goes_away_leaves_its_place(void **state)
{
	struct tmpclient c;

	(void)state;
	tmpfront_run(&front);
	tmpclient_prepare(&c, &(struct tmpclient_spec){.sni = "a.shop.test"});
	c.fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
	assert_int_equal(SSL_do_handshake(c.ssl), -1); /* its hello is out */
	tmpfront_expect(&front, STATUS_DEMAND_WAITED, 1);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

/* A use is told once until it is written down. */
static void
uses_are_told(void **state)
{
	struct report_reader uses = {0};
	struct hostname name;
	struct client c;
	struct domain d;
	struct store_txn *txn;

	(void)state;
	issue("a.shop.test", SERIAL);
	issue("mine.shop.test", SERIAL + 1);
	txn = tmpstore_write(&front.store, STORE_SERVED);
	name = tmpstore_name("a.shop.test");
	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	d.used_at = clock_wall() - 86400;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	tmpfront_run(&front);
	for (int i = 0; i < 3; i++) {
		begin(&c, "a.shop.test");
		finish(&c, SERIAL, 0);
		begin(&c, "mine.shop.test");
		finish(&c, SERIAL + 1, 0);
	}
	assert_true(report_next(&front.status->slot[0].uses, &uses, &name));
	assert_string_equal(name.name, "a.shop.test");
	assert_false(report_next(&front.status->slot[0].uses, &uses, &name));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_waits_until_the_certificate_is_there),
		CASE(a_refusal_ends_it),
		CASE(without_an_answer_it_gets_the_default),
		CASE(what_is_here_is_not_asked_about),
		CASE(what_is_not_allowed_does_not_wait),
		CASE(what_is_no_name_of_a_certificate_does_not_wait),
		CASE(nobody_waits_where_it_is_off),
		CASE(there_are_so_many_places_for_a_network),
		CASE(who_goes_away_leaves_its_place),
		CASE(uses_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
