/* SPDX-License-Identifier: Apache-2.0 */
/* The client's requests, nonces and bounds; its account is in test_client_account.c. */
#include "tests/acme/client_fixture.h"

/* --- getting ready --------------------------------------------------------------------------- */

static void
account_is_made_before_the_first_request(void **state)
{
	struct fixture *f = begin("", true);
	struct heard h;

	(void)state;
	post(f, CLIENT_NEW_ORDER, NULL, "{\"a\":1}", &h);
	EXPECT(f, "GET", "/dir", .status = 200,
	       .body = DIRECTORY(",\"meta\":{\"termsOfService\":\"" CA "/tos\"}"));
	assert_string_equal(client_state_word(f->client), "account");
	EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "n1");
	assert_signed(f, "n1", NULL,
	              "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:ops@example.com\","
	              "\"mailto:b@example.com\"]}");
	EXPECT(f, "POST", "/acct", .status = 201, .nonce = "n2", .location = CA "/acct/1",
	       .body = "{\"status\":\"valid\",\"orders\":\"" CA "/orders/1\"}");
	assert_int_equal(f->accounts, 1);
	assert_string_equal(f->account_url, CA "/acct/1");
	assert_string_equal(f->orders_url, CA "/orders/1");
	assert_true(client_lists_orders(f->client));
	assert_signed(f, "n2", CA "/acct/1", "{\"a\":1}");
	EXPECT(f, "POST", "/order", .status = 201);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_NONE);
	assert_int_equal(h.status, 201);
	post(f, CLIENT_ORDERS, NULL, NULL, &h);
	EXPECT(f, "HEAD", "/nonce", .status = 204, .nonce = "n3");
	assert_signed(f, "n3", CA "/acct/1", "");
	EXPECT(f, "POST", "/orders/1", .status = 200, .body = "{}");
	assert_int_equal(h.calls, 1);
	end(f);
}

static void
known_account_is_used_at_once(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h);
	assert_signed(f, "n0", CA "/acct/1", "{}");
	EXPECT(f, "POST", "/y", .status = 200);
	assert_int_equal(f->accounts, 0);
	end(f);
}

struct not_ready {
	const char *name;
	const char *directory;
	int status; /* of newAccount; 0: it must not be asked */
	const char *body;
	const char *location;
	bool agree_terms;
	enum problem_kind kind;
	const char *detail;
};

static const struct not_ready not_ready[] = {
	{"terms", DIRECTORY(",\"meta\":{\"termsOfService\":\"" CA "/tos\"}"), 0, "", "", false,
         PROBLEM_CA_ACCOUNT, CA "/tos"},
	{"binding", DIRECTORY(",\"meta\":{\"externalAccountRequired\":true}"), 0, "", "", true,
         PROBLEM_CA_ACCOUNT, "(external account binding)"},
	{"not json", "<html>", 0, "", "", true, PROBLEM_CA_DIRECTORY, "no ACME directory"},
	{"an array", "[]", 0, "", "", true, PROBLEM_CA_DIRECTORY, "no ACME directory"},
	{"no newNonce", "{\"newOrder\":\"" CA "/o\"}", 0, "", "", true, PROBLEM_CA_DIRECTORY,
         "newNonce"},
	{"newOrder over http",
         "{\"newNonce\":\"" CA "/n\",\"newAccount\":\"" CA "/a\",\"newOrder\":\"http://ca/o\"}", 0,
         "", "", true, PROBLEM_CA_DIRECTORY, "newOrder"},
	{"refused", DIRECTORY(""), 403, ACME_ERROR("unauthorized"), "", true, PROBLEM_CA_ACCOUNT,
         "the unauthorized"},
	{"contact", DIRECTORY(""), 400, ACME_ERROR("invalidContact"), "", true, PROBLEM_CA_ACCOUNT,
         "the invalidContact"},
	{"limited", DIRECTORY(""), 429, ACME_ERROR("rateLimited"), "", true, PROBLEM_CA_LIMITED,
         "the rateLimited"},
	{"broken", DIRECTORY(""), 500, "", "", true, PROBLEM_CA_ERROR, "HTTP 500"},
	{"no location", DIRECTORY(""), 201, "{}", "", true, PROBLEM_CA_PROTOCOL, "no usable URL"},
	{"location elsewhere", DIRECTORY(""), 201, "{}", "https://169.254.169.254/a", true,
         PROBLEM_CA_PROTOCOL, "no usable URL"},
	{"deactivated", DIRECTORY(""), 200, "{\"status\":\"deactivated\"}", CA "/acct/1", true,
         PROBLEM_CA_ACCOUNT, "deactivated"},
};

static void
who_waits_is_told_why_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(not_ready) / sizeof(not_ready[0]); i++) {
		const struct not_ready *n = &not_ready[i];
		struct fixture *f = begin("", n->agree_terms);
		struct heard h[2];

		post(f, CLIENT_NEW_ORDER, NULL, "{}", &h[0]);
		post(f, CLIENT_URL, CA "/x", NULL, &h[1]);
		EXPECT(f, "GET", "/dir", .status = 200, .body = n->directory, .nonce = "n1");
		if (n->status)
			EXPECT(f, "POST", "/acct", .status = n->status, .body = n->body,
			       .location = n->location);
		for (size_t k = 0; k < 2; k++) {
			if (h[k].calls != 1 || h[k].kind != n->kind || !h[k].unsent ||
			    !strstr(h[k].problem.detail, n->detail))
				fail_msg("%s: %u calls, %s: %s", n->name, h[k].calls,
				         problem_code(h[k].kind), h[k].problem.detail);
		}
		assert_int_equal(f->t.count, 0);
		assert_string_equal(client_state_word(f->client), "new");
		/* the next request starts over */
		post(f, CLIENT_URL, CA "/x", NULL, &h[0]);
		EXPECT(f, "GET", "/dir", .err = ERR_TIMEOUT);
		assert_int_equal(h[0].kind, PROBLEM_CA_UNREACHABLE);
		end(f);
	}
}

static void
transport_errors_are_told_apart(void **state)
{
	static const struct {
		enum err err;
		enum problem_kind kind;
	} rows[] = {
		{ERR_UNREACHABLE, PROBLEM_CA_UNREACHABLE},
		{ERR_TIMEOUT, PROBLEM_CA_UNREACHABLE},
		{ERR_CLOSED, PROBLEM_CA_UNREACHABLE},
		{ERR_CRYPTO, PROBLEM_CA_TLS},
		{ERR_TOOBIG, PROBLEM_CA_PROTOCOL},
		{ERR_PROTO, PROBLEM_CA_PROTOCOL},
		{ERR_NOMEM, PROBLEM_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f = begin_ready();
		struct heard h;

		post(f, CLIENT_URL, CA "/y", NULL, &h);
		EXPECT(f, "POST", "/y", .err = rows[i].err);
		assert_int_equal(h.calls, 1);
		assert_int_equal(h.kind, rows[i].kind);
		assert_string_equal(h.problem.detail, "curl's words");
		assert_int_equal(h.status, 0);
		assert_int_equal(h.unsent,
		                 rows[i].err == ERR_UNREACHABLE || rows[i].err == ERR_CRYPTO);
		end(f);
	}
}

/* --- nonces ---------------------------------------------------------------------------------- */

static void
bad_nonce_is_answered_with_the_nonce_it_brings(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h);
	assert_signed(f, "n0", CA "/acct/1", "{}");
	EXPECT(f, "POST", "/y", .status = 400, .body = ACME_ERROR("badNonce"), .nonce = "better");
	assert_signed(f, "better", CA "/acct/1", "{}");
	EXPECT(f, "POST", "/y", .status = 400, .body = ACME_ERROR("badNonce"));
	EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "fresh"); /* none came with that one */
	assert_signed(f, "fresh", CA "/acct/1", "{}");
	EXPECT(f, "POST", "/y", .status = 200);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_NONE);
	end(f);
}

static void
bad_nonce_for_ever_ends(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;
	unsigned tries = 0;

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h);
	while (f->t.count) {
		tries++;
		EXPECT(f, "POST", "/y", .status = 400, .body = ACME_ERROR("badNonce"),
		       .nonce = "bad");
	}
	assert_int_equal(tries, 11);
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_CA_PROTOCOL);
	end(f);
}

static void
no_nonce_to_be_had(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[2];

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	EXPECT(f, "POST", "/y", .status = 200); /* brings no nonce */
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	post(f, CLIENT_URL, CA "/z", "{}", &h[1]);
	for (int i = 0; i < 3; i++) /* two side by side, then one more */
		EXPECT(f, "HEAD", "/nonce", .status = 200);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(h[i].calls, 1);
		assert_int_equal(h[i].kind, PROBLEM_CA_PROTOCOL);
		assert_non_null(strstr(h[i].problem.detail, "nonce"));
	}
	end(f);
}

/* --- the account and the CA's memory --------------------------------------------------------- */

static void
lost_account_is_registered_again_once(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[2];

	(void)state;
	fill_pool(f);
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	post(f, CLIENT_URL, CA "/z", "{}", &h[1]);
	EXPECT(f, "POST", "/y", .status = 400, .body = ACME_ERROR("accountDoesNotExist"),
	       .nonce = "n1");
	EXPECT(f, "POST", "/acct", .status = 201, .nonce = "n3", .location = CA "/acct/2");
	assert_string_equal(f->account_url, CA "/acct/2");
	/* the other was signed for the old account: no second registration */
	EXPECT(f, "POST", "/z", .status = 400, .body = ACME_ERROR("accountDoesNotExist"),
	       .nonce = "n2");
	assert_signed(f, "n3", CA "/acct/2", "{}");
	EXPECT(f, "POST", "/y", .status = 200);
	assert_signed(f, "n2", CA "/acct/2", "{}");
	EXPECT(f, "POST", "/z", .status = 400, .body = ACME_ERROR("accountDoesNotExist"));
	assert_int_equal(f->accounts, 1);
	assert_int_equal(h[0].kind, PROBLEM_NONE);
	assert_int_equal(h[1].kind, PROBLEM_CA_ACCOUNT);
	end(f);
}

static void
orders_list_may_be_missing(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;

	(void)state;
	assert_false(client_lists_orders(f->client));
	post(f, CLIENT_ORDERS, NULL, NULL, &h);
	expect(f, "defer", "", &(struct reply){.status = 0});
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_CA_PROTOCOL);
	end(f);
}

static void
foreign_urls_are_never_asked(void **state)
{
	static const char *const urls[] = {
		"https://169.254.169.254/latest",
		"https://ca.example:8443/x",
		"http://ca.example/x",
		"file:///etc/passwd",
		"https://u@ca.example/x",
		"https://ca.example.evil/x",
		"https://ca.example/a b",
		"https://ca.example/\"",
		"",
	};
	struct fixture *f = begin_ready();

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct heard h;

		post(f, CLIENT_URL, urls[i], NULL, &h);
		expect(f, "defer", "", &(struct reply){.status = 0});
		assert_int_equal(h.calls, 1);
		assert_int_equal(h.kind, PROBLEM_CA_PROTOCOL);
		assert_true(h.unsent);
	}
	end(f);
}

static void
hosts_of_the_directory_may_be_asked(void **state)
{
	struct fixture *f = begin(CA "/acct/1", true);
	struct heard h;

	(void)state;
	post(f, CLIENT_URL, "https://API.example:4443/x", NULL, &h);
	EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n",
	       .body = DIRECTORY(",\"revokeCert\":\"https://api.example:4443/r\""));
	expect(f, "POST", "https://API.example:4443/x", &(struct reply){.status = 200});
	assert_int_equal(h.kind, PROBLEM_NONE);
	end(f);
}

/* --- crowds ---------------------------------------------------------------------------------- */

static void
crowds_are_bounded(void **state)
{
	enum { CROWD = 100 };
	struct fixture *f = begin_ready();
	struct heard *h = calloc(CROWD, sizeof(*h));
	unsigned posts = 0, heads = 0, answered = 0;

	(void)state;
	for (size_t i = 0; i < CROWD; i++)
		post(f, CLIENT_URL, CA "/y", "{}", &h[i]);
	while (request_for(f, "HEAD", CA "/nonce")) {
		assert_true(f->t.count <= 64 + 16);
		heads++;
		EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "x");
	}
	assert_int_equal(f->t.count, 64); /* the others wait for their turn */
	while (f->t.count) {
		posts++;
		EXPECT(f, "POST", "/y", .status = 200, .nonce = "y");
	}
	assert_true(heads <= 63 + 16); /* one nonce was in the pool */
	for (size_t i = 0; i < CROWD; i++)
		answered += h[i].calls == 1 && h[i].kind == PROBLEM_NONE;
	assert_int_equal(posts, CROWD);
	assert_int_equal(answered, CROWD);
	free(h);
	end(f);
}

static void
new_orders_go_one_at_a_time(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[3];

	(void)state;
	post(f, CLIENT_NEW_ORDER, NULL, "1", &h[0]);
	post(f, CLIENT_NEW_ORDER, NULL, "2", &h[1]);
	assert_int_equal(f->t.count, 1);
	post(f, CLIENT_URL, CA "/y", "3", &h[2]); /* does not wait for it */
	assert_int_equal(f->t.count, 2);
	EXPECT(f, "POST", "/order", .status = 201, .nonce = "n1");
	assert_int_equal(h[0].calls, 1);
	client_cancel(f->client, &h[2]);
	end(f);
}

static void
silence_fails_who_waits(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		post(f, CLIENT_NEW_ORDER, NULL, "{}", &h[i]);
	EXPECT(f, "POST", "/order", .err = ERR_TIMEOUT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(h[i].calls, 1);
		assert_int_equal(h[i].kind, PROBLEM_CA_UNREACHABLE);
		assert_int_equal(h[i].unsent, i > 0);
	}
	end(f);
}

static void
cancelled_requests_are_not_called_back(void **state)
{
	struct fixture *f = begin(CA "/acct/1", true);
	struct heard h[2];

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	post(f, CLIENT_URL, CA "/y", "{}", &h[1]);
	client_cancel(f->client, &h[0]);
	EXPECT(f, "GET", "/dir", .status = 200, .body = DIRECTORY(""), .nonce = "n");
	client_cancel(f->client, &h[1]); /* on its way */
	assert_int_equal(f->t.count, 0);
	assert_int_equal(h[0].calls + h[1].calls, 0);
	end(f);
}

static void
freed_with_requests_of_every_kind(void **state)
{
	struct fixture *f = begin("", true);
	struct heard h[2];

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	end(f);
	f = begin_ready();
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	post(f, CLIENT_URL, "https://elsewhere.example/", "{}", &h[1]);
	end(f);
	assert_int_equal(h[0].calls + h[1].calls, 0);
}

/* --- pace ------------------------------------------------------------------------------------ */

/* Sends what waits for its pace, as soon as it may. */
static void
tended(struct fixture *f)
{
	while (client_tend_ms(f->client) > 0)
		assert_true(client_tend_ms(f->client) <= 1000);
	client_tend(f->client);
}

/* A CA that has enough for a second is asked again, by whoever wanted something of that endpoint;
 * nobody fails. newOrder is another endpoint. */
static void
too_fast_for_one_endpoint(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[3];

	(void)state;
	assert_true(client_tend_ms(f->client) == INT64_MAX);
	post(f, CLIENT_URL, CA "/y", "{}", &h[0]);
	EXPECT(f, "POST", "/y", .status = 503, .body = "", .nonce = "x", .retry_after_ms = 300);
	post(f, CLIENT_URL, CA "/z", "{}", &h[1]);
	assert_null(request_for(f, "POST", CA "/y"));
	assert_null(request_for(f, "POST", CA "/z"));
	post(f, CLIENT_NEW_ORDER, NULL, "{}", &h[2]);
	EXPECT(f, "POST", "/order", .status = 201, .nonce = "y");
	assert_int_equal(h[2].calls, 1);
	tended(f);
	EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "z");
	EXPECT(f, "POST", "/y", .status = 200, .nonce = "a");
	EXPECT(f, "POST", "/z", .status = 200, .nonce = "b");
	assert_int_equal(h[0].kind, PROBLEM_NONE);
	assert_int_equal(h[0].calls + h[1].calls, 2);
	end(f);
}

static void
too_fast_for_ever_ends(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;

	(void)state;
	post(f, CLIENT_URL, CA "/y", "{}", &h);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(h.calls, 0);
		EXPECT(f, "POST", "/y", .status = 503, .body = "", .nonce = "x",
		       .retry_after_ms = 1);
		if (i < 3)
			tended(f);
	}
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_CA_ERROR);
	end(f);
}

/* --- what problems say ----------------------------------------------------------------------- */

static const struct {
	const char *name;
	struct reply reply;
	enum problem_kind kind;
	const char *detail; /* exactly */
	int64_t retry_at;
} problems[] = {
	{"seconds",
         {.status = 429, .body = ACME_ERROR("rateLimited"), .retry_after_ms = 61500},
         PROBLEM_CA_LIMITED,
         "the rateLimited",
         NOW + 62},
	{"ten years",
         {.status = 503, .body = "", .retry_after_ms = INT64_C(315360000000)},
         PROBLEM_CA_ERROR,
         "the CA answered HTTP 503 without saying why",
         NOW + 7 * 86400},
	{"in the words",
         {.status = 429,
          .body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":"
                  "\"too many, retry after 2027-01-15 09:00:00 UTC: see x\"}"},
         PROBLEM_CA_LIMITED,
         "too many, retry after 2027-01-15 09:00:00 UTC: see x",
         1800003600},
	{"no type, no status",
         {.status = 418, .body = "{\"title\":\"a teapot\"}"},
         PROBLEM_CA_REFUSED,
         "a teapot",
         0},
	{"wrong types",
         {.status = 400, .body = "{\"type\":7,\"detail\":[],\"status\":\"x\"}"},
         PROBLEM_CA_REFUSED,
         "no reason given",
         0},
	{"redirect",
         {.status = 302, .body = ""},
         PROBLEM_CA_PROTOCOL,
         "the CA answered HTTP 302, which ACME does not use",
         0},
	{"subproblems",
         {.status = 403,
          .body = "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"some\","
                  "\"subproblems\":[{\"detail\":\"bad\",\"identifier\":{\"type\":\"dns\",\"value\":"
                  "\"_x.example\"}},{\"detail\":\"worse\"},7]}"},
         PROBLEM_CA_REFUSED,
         "some; _x.example: bad; worse",
         0},
	{"a visit is due",
         {.status = 403,
          .body = "{\"type\":\"urn:ietf:params:acme:error:userActionRequired\",\"detail\":"
                  "\"terms\","
                  "\"instance\":\"https://ca.example/t\"}"},
         PROBLEM_CA_ACCOUNT,
         "terms; see https://ca.example/t",
         0},
};

static void
problems_are_put_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		struct fixture *f = begin_ready();
		struct heard h;

		post(f, CLIENT_URL, CA "/y", NULL, &h);
		expect(f, "POST", CA "/y", &problems[i].reply);
		if (h.kind != problems[i].kind ||
		    strcmp(h.problem.detail, problems[i].detail) != 0 ||
		    h.problem.retry_at != problems[i].retry_at ||
		    h.problem.status != problems[i].reply.status)
			fail_msg("%s: %s, %s, %d, %lld", problems[i].name, problem_code(h.kind),
			         h.problem.detail, h.problem.status, (long long)h.problem.retry_at);
		end(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(account_is_made_before_the_first_request),
		cmocka_unit_test(known_account_is_used_at_once),
		cmocka_unit_test(who_waits_is_told_why_not),
		cmocka_unit_test(transport_errors_are_told_apart),
		cmocka_unit_test(bad_nonce_is_answered_with_the_nonce_it_brings),
		cmocka_unit_test(bad_nonce_for_ever_ends),
		cmocka_unit_test(no_nonce_to_be_had),
		cmocka_unit_test(lost_account_is_registered_again_once),
		cmocka_unit_test(orders_list_may_be_missing),
		cmocka_unit_test(foreign_urls_are_never_asked),
		cmocka_unit_test(hosts_of_the_directory_may_be_asked),
		cmocka_unit_test(crowds_are_bounded),
		cmocka_unit_test(new_orders_go_one_at_a_time),
		cmocka_unit_test(silence_fails_who_waits),
		cmocka_unit_test(cancelled_requests_are_not_called_back),
		cmocka_unit_test(freed_with_requests_of_every_kind),
		cmocka_unit_test(too_fast_for_one_endpoint),
		cmocka_unit_test(too_fast_for_ever_ends),
		cmocka_unit_test(problems_are_put_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
