/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: the page of servers, and which one a connection gets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/common/failure.h"
#include "daemon/conf/conf.h"
#include "daemon/front/balance.h"

enum { ROLE = 3, OTHER_ROLE = 100 };

static struct servers *page;
static struct conf_backend backends[2];
static struct conf conf;
static struct balance *balance;

static void
add_server(struct conf_backend *b, const char *text)
{
	struct conf_server *s = &b->servers[b->server_count++];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s->address.sa;

	s->text = text;
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)b->server_count);
	s->address.len = sizeof(*v4);
}

static int
setup(void **state)
{
	const struct conf *one = &conf;

	(void)state;
	memset(backends, 0, sizeof(backends));
	for (int i = 0; i < 2; i++) {
		snprintf(backends[i].name, sizeof(backends[i].name), "b%d", i);
		backends[i].balance = BALANCE_LEAST;
		backends[i].check.fall = 2;
		add_server(&backends[i], "one:1");
		add_server(&backends[i], "two:2");
		add_server(&backends[i], "three:3");
	}
	conf = (struct conf){.backends = backends, .backend_count = 2};
	assert_int_equal(servers_new(&page), ERR_OK);
	assert_int_equal(servers_claim(page, &one, 1), ERR_OK);
	assert_int_equal(balance_new(&conf, page, ROLE, &balance), ERR_OK);
	atomic_store(&page->looked_at, clock_mono_ms());
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	balance_free(balance);
	servers_free(page);
	return 0;
}

static struct server_slot *
slot(const char *server)
{
	struct server_slot *s = servers_find(page, "b0", server);

	assert_non_null(s);
	return s;
}

/* The servers in the order they are tried, as "132"; the pick ends with it. */
static const char *
order_of(const struct conf_backend *b)
{
	static char order[CONF_SERVERS_MAX + 1];
	struct balance_pick pick = {0};
	struct conf_address address;
	size_t n = 0;

	while (balance_next(balance, b, &pick, &address))
		order[n++] = (char)('1' + pick.server);
	order[n] = '\0';
	assert_null(pick.slot);
	return order;
}

static void
test_slots_by_backend_and_server(void **state)
{
	(void)state;
	assert_ptr_not_equal(servers_find(page, "b0", "one:1"), servers_find(page, "b1", "one:1"));
	assert_null(servers_find(page, "b0", "four:4"));
	assert_null(servers_find(page, "b2", "one:1"));
}

/* A reload keeps what is known of a server as long as any conf names it. */
static void
test_claim_again(void **state)
{
	static struct conf_backend next_backend;
	struct conf next = {.backends = &next_backend, .backend_count = 1};
	const struct conf *both[] = {&conf, &next};
	struct server_slot *one = slot("one:1"), *gone = servers_find(page, "b1", "two:2");

	(void)state;
	snprintf(next_backend.name, sizeof(next_backend.name), "b0");
	add_server(&next_backend, "one:1");
	add_server(&next_backend, "new:1");
	server_set_health(one, HEALTH_DOWN);
	atomic_store(&gone->connects, 7);
	assert_int_equal(servers_claim(page, both, 2), ERR_OK);
	assert_ptr_equal(slot("one:1"), one);
	assert_ptr_equal(servers_find(page, "b1", "two:2"), gone);
	assert_int_equal(servers_claim(page, &both[1], 1), ERR_OK);
	assert_ptr_equal(slot("one:1"), one);
	assert_int_equal(atomic_load(&one->health), HEALTH_DOWN);
	assert_null(servers_find(page, "b1", "two:2"));
	assert_null(servers_find(page, "b0", "two:2"));
	assert_int_equal(servers_claim(page, both, 2), ERR_OK); /* a place is taken anew, empty */
	assert_int_equal(atomic_load(&servers_find(page, "b1", "two:2")->connects), 0);
	assert_ptr_equal(slot("one:1"), one);
}

static void
test_full(void **state)
{
	static struct conf_backend many[SERVERS_MAX / CONF_SERVERS_MAX + 1];
	static char texts[SERVERS_MAX + CONF_SERVERS_MAX][16];
	struct conf big = {.backends = many, .backend_count = SERVERS_MAX / CONF_SERVERS_MAX};
	const struct conf *one = &big;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i <= big.backend_count; i++) {
		snprintf(many[i].name, sizeof(many[i].name), "m%zu", i);
		for (int j = 0; j < CONF_SERVERS_MAX; j++, n++) {
			snprintf(texts[n], sizeof(texts[n]), "s%zu:1", n);
			add_server(&many[i], texts[n]);
		}
	}
	assert_int_equal(servers_claim(page, &one, 1), ERR_OK);
	big.backend_count++;
	assert_int_equal(servers_claim(page, &one, 1), ERR_FULL);
	assert_non_null(servers_find(page, "m0", "s0:1"));
}

static void
test_least_connections(void **state)
{
	(void)state;
	atomic_store(&slot("one:1")->active[OTHER_ROLE], 2); /* of another worker */
	atomic_store(&slot("two:2")->active[ROLE], 1);
	assert_string_equal(order_of(&backends[0]), "321");
	assert_int_equal(server_active(slot("three:3")), 0);
	servers_forget_role(page, OTHER_ROLE);
	assert_int_equal(server_active(slot("one:1")), 0);
	assert_int_equal(server_active(slot("two:2")), 1);
}

/* Equal ones take turns. */
static void
test_turns(void **state)
{
	char first[7] = "";

	(void)state;
	for (int i = 0; i < 6; i++)
		first[i] = order_of(&backends[0])[0];
	assert_string_equal(first, "123123");
	backends[0].balance = BALANCE_FIRST;
	atomic_store(&slot("one:1")->active[ROLE], 9);
	assert_string_equal(order_of(&backends[0]), "123");
	assert_string_equal(order_of(&backends[0]), "123");
}

static void
test_down_last(void **state)
{
	(void)state;
	backends[0].balance = BALANCE_FIRST;
	server_set_health(slot("one:1"), HEALTH_DOWN);
	assert_string_equal(order_of(&backends[0]), "231");
	server_set_health(slot("two:2"), HEALTH_DOWN);
	server_set_health(slot("three:3"), HEALTH_DOWN);
	assert_string_equal(order_of(&backends[0]), "123"); /* all of them are tried */
	server_set_health(slot("two:2"), HEALTH_UP);
	assert_string_equal(order_of(&backends[0]), "213");
	/* Nobody looks any more: what was seen long ago says nothing. */
	atomic_store(&page->looked_at, clock_mono_ms() - SERVERS_BLIND_MS);
	assert_string_equal(order_of(&backends[0]), "123");
}

static void
test_drained_never(void **state)
{
	(void)state;
	backends[0].balance = BALANCE_FIRST;
	atomic_store(&slot("one:1")->admin, ADMIN_DRAIN);
	atomic_store(&slot("two:2")->admin, ADMIN_DISABLED);
	server_set_health(slot("three:3"), HEALTH_DOWN);
	assert_string_equal(order_of(&backends[0]), "3");
	atomic_store(&slot("three:3")->admin, ADMIN_DRAIN);
	assert_string_equal(order_of(&backends[0]), "");
}

static void
fail_first(void)
{
	struct balance_pick pick = {0};
	struct conf_address address;

	assert_true(balance_next(balance, &backends[0], &pick, &address));
	pick.failure = failure_of(FAILURE_CONNECT, 111);
	assert_true(balance_next(balance, &backends[0], &pick, &address));
	balance_connected(&pick, clock_mono_us());
	assert_int_equal(server_active(pick.slot), 1);
	balance_done(balance, &pick);
	balance_done(balance, &pick);
}

static void
test_failures_in_a_row(void **state)
{
	struct server_slot *one = slot("one:1");
	char why[FAILURE_TEXT_MAX];

	(void)state;
	backends[0].balance = BALANCE_FIRST;
	fail_first();
	assert_int_equal(atomic_load(&one->health), HEALTH_UNKNOWN);
	fail_first();
	assert_int_equal(atomic_load(&one->health), HEALTH_DOWN);
	assert_int_equal(atomic_load(&one->failures), 2);
	assert_string_equal(failure_text(atomic_load(&one->failure), why),
	                    "cannot connect: Connection refused");
	assert_int_equal(atomic_load(&slot("two:2")->connects), 2);
	assert_int_equal(server_active(one), 0);
	assert_int_equal(server_active(slot("two:2")), 0);
	server_connected(one);
	assert_int_equal(atomic_load(&one->health), HEALTH_UP);
}

/* What an HTTP check found a connection does not take back. */
static void
test_status_is_the_checks(void **state)
{
	struct server_slot *one = slot("one:1");

	(void)state;
	server_failed(one, failure_of(FAILURE_CONNECT, 111), 1);
	atomic_store(&one->failure, failure_of(FAILURE_STATUS, 503));
	server_connected(one);
	assert_int_equal(atomic_load(&one->health), HEALTH_DOWN);
}

static void
make_list(struct conf_address *list, size_t count, unsigned char fill)
{
	for (size_t i = 0; i < count; i++) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&list[i].sa;
		struct sockaddr_in *v4 = (struct sockaddr_in *)&list[i].sa;

		memset(&list[i], 0, sizeof(list[i]));
		v6->sin6_family = i % 2 ? AF_INET : AF_INET6;
		if (i % 2)
			memset(&v4->sin_addr, fill, sizeof(v4->sin_addr));
		else
			memset(&v6->sin6_addr, fill, sizeof(v6->sin6_addr));
	}
}

static void
test_addresses(void **state)
{
	struct conf_address list[SERVERS_ADDRESSES], got[SERVERS_ADDRESSES];
	struct balance_pick pick = {0};

	(void)state;
	assert_int_equal(server_addresses(slot("one:1"), 80, got), 0);
	make_list(list, 2, 9);
	server_set_addresses(slot("one:1"), list, 2);
	assert_int_equal(server_addresses(slot("one:1"), 80, got), 2);
	assert_string_equal(got[0].text, "[909:909:909:909:909:909:909:909]:80");
	assert_string_equal(got[1].text, "9.9.9.9:80");
	/* All addresses of a name, then the next server. */
	backends[0].balance = BALANCE_FIRST;
	backends[0].servers[0].host = "one";
	backends[0].servers[0].port = 7;
	assert_true(balance_next(balance, &backends[0], &pick, &got[0]));
	assert_true(balance_next(balance, &backends[0], &pick, &got[1]));
	assert_int_equal(pick.server, 0);
	assert_int_not_equal(got[0].sa.ss_family, got[1].sa.ss_family);
	assert_true(balance_next(balance, &backends[0], &pick, &got[0]));
	assert_int_equal(pick.server, 1);
	assert_int_equal(atomic_load(&slot("one:1")->failures), 0);
	balance_done(balance, &pick);
	server_set_addresses(slot("one:1"), list, 0);
	assert_string_equal(order_of(&backends[0]), "23");
}

/* A reader never sees half of one list and half of another. */
static _Atomic bool stop;

static void *
write_lists(void *arg)
{
	struct conf_address list[SERVERS_ADDRESSES];

	for (unsigned char n = 1; !atomic_load(&stop); n++) {
		make_list(list, SERVERS_ADDRESSES, n);
		server_set_addresses(arg, list, SERVERS_ADDRESSES);
	}
	return NULL;
}

static void
test_addresses_while_they_change(void **state)
{
	struct conf_address got[SERVERS_ADDRESSES];
	struct server_slot *one = slot("one:1");
	pthread_t writer;
	int seen = 0;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_lists, one), 0);
	while (seen < 20000) {
		const struct sockaddr_in6 *v6 = (const void *)&got[0].sa;
		const unsigned char *bytes = v6->sin6_addr.s6_addr;
		char expected[32];

		if (server_addresses(one, 1, got) == 0)
			continue;
		seen++;
		for (int i = 1; i < 16; i++)
			assert_int_equal(bytes[i], bytes[0]);
		snprintf(expected, sizeof(expected), "%d.%d.%d.%d:1", bytes[0], bytes[0], bytes[0],
		         bytes[0]);
		for (int i = 1; i < SERVERS_ADDRESSES; i += 2)
			assert_string_equal(got[i].text, expected);
	}
	atomic_store(&stop, true);
	pthread_join(writer, NULL);
}

/* What is beyond the page would be read, and written. */
static void
a_worker_gone_mad_leads_nobody_out_of_the_page(void **state)
{
	const struct conf *one = &conf;

	(void)state;
	atomic_store(&page->top, UINT32_MAX);
	assert_null(servers_find(page, "b0", "of nobody"));
	assert_non_null(servers_find(page, "b1", "three:3"));
	servers_forget_role(page, ROLE);
	assert_int_equal(servers_claim(page, &one, 1), ERR_OK);
	assert_non_null(servers_find(page, "b1", "three:3"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_worker_gone_mad_leads_nobody_out_of_the_page),
		CASE(test_slots_by_backend_and_server),
		CASE(test_claim_again),
		CASE(test_full),
		CASE(test_least_connections),
		CASE(test_turns),
		CASE(test_down_last),
		CASE(test_drained_never),
		CASE(test_failures_in_a_row),
		CASE(test_status_is_the_checks),
		CASE(test_addresses),
		CASE(test_addresses_while_they_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
