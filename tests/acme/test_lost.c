/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/lost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/refusal.h"

#define CA "https://ca.example"
#define ORDER(status, name)                                                                        \
	"{\"status\":\"" status "\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"" name "\"}]}"

struct exchange {
	const char *url; /* NULL: the orders list */
	int status;      /* 0: nothing heard */
	const char *body;
	const char *next;
};

static bool
is_known(void *arg, const char *order_url)
{
	(void)arg;
	return strstr(order_url, "/known") != NULL;
}

static struct lost *
seeking(const char *first, const char *second)
{
	const char *const names[] = {first, second};
	struct lost *lost;

	assert_int_equal(lost_new(is_known, NULL, &lost), ERR_OK);
	for (size_t i = 0; i < 2 && names[i]; i++) {
		struct hostname name;

		assert_int_equal(hostname_parse(names[i], &name, NULL), ERR_OK);
		assert_int_equal(lost_seek(lost, &name, 1), ERR_OK);
	}
	return lost;
}

static const char *
url_for(const struct lost *lost, const char *text)
{
	struct hostname name;

	assert_int_equal(hostname_parse(text, &name, NULL), ERR_OK);
	return lost_url(lost, &name);
}

static void
feed(struct lost *lost, const struct exchange *x)
{
	struct transport_reply *reply = calloc(1, sizeof(*reply));
	struct client_answer answer = {.reply = reply};

	reply->status = x->status;
	reply->retry_after_ms = -1;
	if (x->next) {
		reply->link_count = 2;
		strcpy(reply->links[0].rel, "index");
		strcpy(reply->links[0].url, CA "/dir");
		strcpy(reply->links[1].rel, "next");
		strcpy(reply->links[1].url, x->next);
	}
	buf_add_str(&reply->body, x->body ? x->body : "");
	if (x->status)
		refusal_judge(reply, &answer.problem);
	else
		problem_set(&answer.problem, PROBLEM_CA_UNREACHABLE, "no answer");
	lost_feed(lost, &answer);
	buf_done(&reply->body);
	free(reply);
}

static void
play(struct lost *lost, const struct exchange *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct engine_send *send = lost_send(lost);

		assert_non_null(send);
		assert_null(send->payload);
		if (x[i].url) {
			assert_int_equal(send->target, CLIENT_URL);
			assert_string_equal(send->url, x[i].url);
		} else {
			assert_int_equal(send->target, CLIENT_ORDERS);
		}
		feed(lost, &x[i]);
	}
	assert_null(lost_send(lost));
}

#define PLAY(lost, ...)                                                                            \
	play(lost, (const struct exchange[]){__VA_ARGS__},                                         \
	     sizeof((const struct exchange[]){__VA_ARGS__}) / sizeof(struct exchange))

static void
found_on_the_last_page_newest_first(void **state)
{
	struct lost *lost = seeking("a.example", "b.example");

	(void)state;
	PLAY(lost,
	     {.status = 200,
	      .body = "{\"orders\":[\"" CA "/o1\",\"" CA "/known2\"]}",
	      .next = CA "/p2"},
	     {CA "/p2", 200, "{\"orders\":[\"" CA "/o3\",\"" CA "/o4\",\"" CA "/o5\"]}", NULL},
	     {CA "/o5", 200, ORDER("invalid", "a.example"), NULL},
	     {CA "/o4", 200, ORDER("ready", "b.example"), NULL},
	     {CA "/o3", 200, ORDER("pending", "a.example"), NULL});
	assert_string_equal(url_for(lost, "a.example"), CA "/o3");
	assert_string_equal(url_for(lost, "b.example"), CA "/o4");
	assert_null(url_for(lost, "c.example"));
	assert_false(lost_failed(lost));
	lost_free(lost);
}

/* An order of several names is known by all of them, in whatever order. */
static void
sets_are_found_by_all_their_names(void **state)
{
	static const char *const names[] = {"a.example", "192.0.2.1"};
	struct hostname hosts[2];
	struct lost *lost;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(hostname_parse_any(names[i], &hosts[i], NULL), ERR_OK);
	assert_int_equal(lost_new(is_known, NULL, &lost), ERR_OK);
	assert_int_equal(lost_seek(lost, hosts, 2), ERR_OK);
	PLAY(lost, {.status = 200, .body = "[\"" CA "/o1\",\"" CA "/o2\",\"" CA "/o3\"]"},
	     {CA "/o3", 200, ORDER("pending", "a.example"), NULL},
	     {CA "/o2", 200,
	      "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"ip\",\"value\":\"192.0.2.1\"},"
	      "{\"type\":\"dns\",\"value\":\"a.example\"}]}",
	      NULL});
	assert_string_equal(url_for(lost, "a.example"), CA "/o2");
	lost_free(lost);
}

static void
a_bare_array_will_do(void **state)
{
	struct lost *lost = seeking("a.example", NULL);

	(void)state;
	PLAY(lost, {.status = 200, .body = "[\"" CA "/o1\",7,\"http://x/\",null]"},
	     {CA "/o1", 200, ORDER("processing", "a.example"), NULL});
	assert_string_equal(url_for(lost, "a.example"), CA "/o1");
	lost_free(lost);
}

static void
nothing_is_found(void **state)
{
	static const char *const orders[] = {
		ORDER("valid", "a.example"),
		ORDER("pending", "b.example"),
		"{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a."
		"example\"},"
		"{\"type\":\"dns\",\"value\":\"b.example\"}]}",
		"<html>",
		ORDER("odd", "a.example"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct lost *lost = seeking("a.example", NULL);

		PLAY(lost, {.status = 200, .body = "{\"orders\":[\"" CA "/o1\"]}"},
		     {CA "/o1", 200, orders[i], NULL});
		assert_null(url_for(lost, "a.example"));
		assert_false(lost_failed(lost));
		lost_free(lost);
	}
}

static void
refused_orders_are_passed_over(void **state)
{
	struct lost *lost = seeking("a.example", NULL);

	(void)state;
	PLAY(lost, {.status = 200, .body = "{\"orders\":[\"" CA "/o1\",\"" CA "/o2\"]}"},
	     {CA "/o2", 404, "", NULL}, {CA "/o1", 200, ORDER("pending", "a.example"), NULL});
	assert_string_equal(url_for(lost, "a.example"), CA "/o1");
	lost_free(lost);
}

static void
passing_faults_are_tried_again(void **state)
{
	struct lost *lost = seeking("a.example", NULL);

	(void)state;
	PLAY(lost, {.status = 0}, {.status = 502},
	     {.status = 200, .body = "{\"orders\":[\"" CA "/o1\"]}"}, {CA "/o1", 0, NULL, NULL},
	     {CA "/o1", 200, ORDER("pending", "a.example"), NULL});
	assert_string_equal(url_for(lost, "a.example"), CA "/o1");
	assert_false(lost_failed(lost));
	lost_free(lost);
}

static void
a_ca_without_a_list_has_nothing_to_find(void **state)
{
	struct lost *lost = seeking("a.example", NULL);
	struct hostname name;

	(void)state;
	assert_int_equal(hostname_parse("a.example", &name, NULL), ERR_OK);
	lost_none(lost);
	assert_null(lost_send(lost));
	assert_false(lost_failed(lost));
	assert_null(lost_url(lost, &name));
	lost_free(lost);
}

static void
a_ca_that_is_down_ends_the_search(void **state)
{
	struct lost *lost = seeking("a.example", NULL);

	(void)state;
	PLAY(lost, {.status = 200, .body = "{\"orders\":[\"" CA "/o1\"]}"},
	     {CA "/o1", 0, NULL, NULL}, {CA "/o1", 0, NULL, NULL}, {CA "/o1", 0, NULL, NULL},
	     {CA "/o1", 0, NULL, NULL});
	assert_true(lost_failed(lost));
	lost_free(lost);
	lost = seeking("a.example", NULL);
	PLAY(lost, {.status = 403, .body = "{}"});
	assert_true(lost_failed(lost));
	lost_free(lost);
	lost = seeking("a.example", NULL);
	PLAY(lost, {.status = 200, .body = "<html>"});
	assert_true(lost_failed(lost));
	lost_free(lost);
}

static void
a_list_without_end_is_cut(void **state)
{
	static const struct exchange page = {NULL, 200, "{\"orders\":[\"" CA "/o1\"]}", CA "/p"};
	static const struct exchange order = {NULL, 200, ORDER("pending", "b.example"), NULL};
	struct lost *lost = seeking("a.example", NULL);
	size_t pages = 0, orders = 0;

	(void)state;
	while (lost_send(lost)) {
		const char *url = lost_send(lost)->url;
		bool listing = !url || strcmp(url, CA "/p") == 0;

		feed(lost, listing ? &page : &order);
		pages += listing;
		orders += !listing;
	}
	assert_int_equal(pages, 1000);
	assert_int_equal(orders, 1000);
	lost_free(lost);
}

static void
many_orders_the_newest_are_looked_at(void **state)
{
	struct lost *lost = seeking("a.example", NULL);
	struct exchange list = {.status = 200}, order = {NULL, 404, "", NULL};
	struct buf body = {0};
	size_t looked = 0;

	(void)state;
	for (int i = 0; i < 2500; i++)
		buf_printf(&body, "%s\"" CA "/o%d\"", i ? "," : "[", i);
	buf_add_str(&body, "]");
	list.body = buf_str(&body);
	feed(lost, &list);
	assert_string_equal(lost_send(lost)->url, CA "/o2499");
	for (; lost_send(lost); looked++)
		feed(lost, &order);
	assert_int_equal(looked, 2000);
	lost_free(lost);
	buf_done(&body);
}

static void
nothing_sought_nothing_asked(void **state)
{
	struct lost *lost = seeking(NULL, NULL);

	(void)state;
	assert_null(lost_send(lost));
	assert_false(lost_failed(lost));
	lost_free(lost);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_on_the_last_page_newest_first),
		cmocka_unit_test(sets_are_found_by_all_their_names),
		cmocka_unit_test(a_bare_array_will_do),
		cmocka_unit_test(nothing_is_found),
		cmocka_unit_test(refused_orders_are_passed_over),
		cmocka_unit_test(passing_faults_are_tried_again),
		cmocka_unit_test(a_ca_that_is_down_ends_the_search),
		cmocka_unit_test(a_ca_without_a_list_has_nothing_to_find),
		cmocka_unit_test(a_list_without_end_is_cut),
		cmocka_unit_test(many_orders_the_newest_are_looked_at),
		cmocka_unit_test(nothing_sought_nothing_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
