/* SPDX-License-Identifier: Apache-2.0 */
/* The order engine against scripts: a list of (request expected, answer given) and how it must end.
 */
#include "acme/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/acmescript.h"

#define WORKS(n, ...)                                                                              \
	{                                                                                          \
		.name = n, .steps = { __VA_ARGS__ }                                                \
	}
#define FAILS(n, kind, is_dead, words, at, ...)                                                    \
	{                                                                                          \
		.name = n, .problem = PROBLEM_##kind, .dead = is_dead, .detail = words,            \
		.retry_at = at, .steps = {                                                         \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct script scripts[] = {
	FAILS("order_forgotten_before_finalize", CA_ERROR, true, "a new order is needed", 0,
              UNTIL_FINALIZE, {.url = CA "/fin", .payload = "csr", .dirty = true, .status = 404}),
	WORKS("each_request_has_its_own_retries", NEW_ORDER(ORDER("pending", "")),
              {.url = CA "/z1", .dirty = true, .status = 500},
              {.url = CA "/z1", .waited = 1000, .status = 500},
              POLL(3000, "/z1", AUTHZ("valid", "valid", "")), {.url = CA "/o", .status = 500},
              POLL(1000, "/o", ORDER("ready", "")), FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	FAILS("challenge_elsewhere", CA_PROTOCOL, false, "url", 0, NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ_OF("a.example", "pending",
                                        "{\"type\":\"http-01\",\"url\":\"file:///c1\",\"token\":"
                                        "\"t\",\"status\":\"pending\"}"))),
	WORKS("the_long_way", UNTIL_FINALIZE, FINALIZE(ORDER("processing", "")),
              POLL(250, "/o", ORDER("processing", "")), POLL(500, "/o", ORDER("valid", CERT)),
              DOWNLOAD),
	WORKS("ready_at_once_and_valid_from_finalize", NEW_ORDER(ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("valid_authorization_is_skipped", NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("challenge_valid_in_its_own_answer", NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ("pending", "pending", "")),
              RESPOND(CHALLENGE("http-01", "1", "valid", "")),
              POLL(250, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("challenge_answered_in_another_life", NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ("pending", "pending", "")),
              {.url = CA "/c1",
               .payload = "{}",
               .published = 1,
               .status = 400,
               .body = ACME_ERROR("malformed", "challenge is not pending")},
              POLL(250, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("challenge_under_way_is_not_answered_again", NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ("pending", "processing", "")),
              {.url = CA "/z1",
               .waited = 250,
               .published = 1,
               .status = 200,
               .body = AUTHZ("valid", "valid", "")},
              GET("/o", ORDER("ready", "")), FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("retry_after_is_obeyed_and_clamped", UNTIL_RESPOND,
              {.url = CA "/z1",
               .waited = 250,
               .status = 200,
               .body = AUTHZ("pending", "processing", ""),
               .retry_after_ms = 7000},
              {.url = CA "/z1",
               .waited = 7000,
               .status = 200,
               .body = AUTHZ("pending", "processing", ""),
               .retry_after_ms = -1},
              {.url = CA "/z1",
               .waited = 1000,
               .status = 200,
               .body = AUTHZ("pending", "processing", ""),
               .retry_after_ms = INT64_C(400000000000)},
              POLL(86391750, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("order_not_ready_is_polled", UNTIL_FINALIZE,
              {.url = CA "/fin",
               .payload = "csr",
               .dirty = true,
               .status = 403,
               .body = ACME_ERROR("orderNotReady", "not yet")},
              POLL(250, "/o", ORDER("ready", "")),
              {.url = CA "/fin", .payload = "csr", .status = 200, .body = ORDER("valid", CERT)},
              DOWNLOAD),
	WORKS("finalize_unheard_is_looked_up", UNTIL_FINALIZE,
              {.url = CA "/fin", .payload = "csr", .dirty = true},
              POLL(1000, "/o", ORDER("valid", CERT)), DOWNLOAD),
	WORKS("passing_faults_are_waited_out", NEW_ORDER(ORDER("pending", "")),
              {.url = CA "/z1", .dirty = true},
              {.url = CA "/z1", .waited = 1000, .status = 502, .body = "<html>"},
              POLL(3000, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("new_order_that_never_left_is_sent_again",
              {.url = "newOrder", .payload = "dns", .dirty = true, .status = -1},
              {.url = "newOrder",
               .payload = "dns",
               .waited = 1000,
               .status = 201,
               .body = ORDER("ready", ""),
               .location = CA "/o"},
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("old_error_of_a_challenge_is_no_failure", NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ("pending", "pending", FAILED_WITH("dns", "old"))),
              RESPOND(CHALLENGE("http-01", "1", "pending", FAILED_WITH("dns", "old"))),
              POLL(250, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	WORKS("error_while_processing_is_no_failure", UNTIL_RESPOND,
              POLL(250, "/z1", AUTHZ("pending", "processing", FAILED_WITH("dns", "trying"))),
              POLL(500, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", "")),
              FINALIZE(ORDER("valid", CERT)), DOWNLOAD),
	FAILS("new_order_unheard", CA_UNREACHABLE, false, "no answer", 0,
              {.url = "newOrder", .payload = "dns", .dirty = true}),
	FAILS("new_order_500", CA_ERROR, false, "HTTP 500", 0,
              {.url = "newOrder", .payload = "dns", .dirty = true, .status = 500}),
	FAILS("rate_limited", CA_LIMITED, false, "too many", NOW + 90,
              {.url = "newOrder",
               .payload = "dns",
               .dirty = true,
               .status = 429,
               .body = ACME_ERROR("rateLimited", "too many"),
               .retry_after_ms = 90000}),
	FAILS("name_refused", CA_REFUSED, true, "not this one", 0,
              {.url = "newOrder",
               .payload = "dns",
               .dirty = true,
               .status = 400,
               .body = ACME_ERROR("rejectedIdentifier", "not this one")}),
	FAILS("terms_changed", CA_ACCOUNT, false, "read the terms", 0,
              {.url = "newOrder",
               .payload = "dns",
               .dirty = true,
               .status = 403,
               .body = ACME_ERROR("userActionRequired", "read the terms")}),
	FAILS("unavailable_with_a_time", CA_ERROR, false, "HTTP 503", NOW + 5,
              NEW_ORDER(ORDER("pending", "")),
              {.url = CA "/z1", .dirty = true, .status = 503, .body = "", .retry_after_ms = 5000}),
	FAILS("faults_without_end", CA_ERROR, false, "HTTP 500", 0, NEW_ORDER(ORDER("pending", "")),
              {.url = CA "/z1", .dirty = true, .status = 500},
              {.url = CA "/z1", .waited = 1000, .status = 500},
              {.url = CA "/z1", .waited = 3000, .status = 500},
              {.url = CA "/z1", .waited = 9000, .status = 500}),
	FAILS("order_forgotten_by_the_ca", CA_ERROR, true, "a new order is needed", 0,
              NEW_ORDER(ORDER("pending", "")), {.url = CA "/z1", .dirty = true, .status = 404}),
	FAILS("challenge_failed", AUTHZ_UNREACHABLE, true, "port 80?", 0, UNTIL_RESPOND,
              POLL(250, "/z1", AUTHZ("invalid", "invalid", FAILED_WITH("connection", "port 80?")))),
	FAILS("challenge_failed_in_its_own_answer", AUTHZ_CAA, true, "forbidden", 0,
              NEW_ORDER(ORDER("pending", "")), FIRST_GET("/z1", AUTHZ("pending", "pending", "")),
              RESPOND(CHALLENGE("http-01", "1", "invalid", FAILED_WITH("caa", "forbidden")))),
	FAILS("challenge_failed_and_left_pending", AUTHZ_DNS, true, "NX", 0, UNTIL_RESPOND,
              POLL(250, "/z1", AUTHZ("pending", "pending", FAILED_WITH("dns", "NX")))),
	FAILS("authorization_expired_without_a_reason", AUTHZ_FAILED, true, "is expired", 0,
              UNTIL_RESPOND, POLL(250, "/z1", AUTHZ("expired", "pending", ""))),
	FAILS("order_invalid_says_why", CA_REFUSED, true, "weak key", 0, UNTIL_FINALIZE,
              FINALIZE(ORDER("invalid", FAILED_WITH("badCSR", "weak key")))),
	FAILS("order_invalid_is_explained_by_its_authorization", AUTHZ_FAILED, true, "wrong page",
              0, UNTIL_FINALIZE, FINALIZE(ORDER("invalid", "")),
              GET("/z1", AUTHZ("invalid", "invalid", FAILED_WITH("unauthorized", "wrong page")))),
	FAILS("order_invalid_without_a_word", CA_ERROR, true, "without saying why", 0,
              UNTIL_FINALIZE, FINALIZE(ORDER("invalid", "")),
              GET("/z1", AUTHZ("valid", "valid", ""))),
	FAILS("csr_refused", CA_REFUSED, true, "no", 0, UNTIL_FINALIZE,
              {.url = CA "/fin",
               .payload = "csr",
               .dirty = true,
               .status = 400,
               .body = ACME_ERROR("badCSR", "no")}),
	FAILS("ready_for_ever", CA_PROTOCOL, false, "will not finalize", 0,
              NEW_ORDER(ORDER("ready", "")), FINALIZE(ORDER("ready", "")),
              POLL(250, "/o", ORDER("ready", "")),
              {.url = CA "/fin", .payload = "csr", .status = 200, .body = ORDER("ready", "")},
              POLL(250, "/o", ORDER("ready", "")),
              {.url = CA "/fin", .payload = "csr", .status = 200, .body = ORDER("ready", "")},
              POLL(250, "/o", ORDER("ready", "")),
              {.url = CA "/fin", .payload = "csr", .status = 200, .body = ORDER("ready", "")},
              POLL(250, "/o", ORDER("ready", ""))),
	FAILS("status_unknown", CA_PROTOCOL, false, "\"dancing\"", 0,
              NEW_ORDER(ORDER("dancing", ""))),
	FAILS("order_is_no_json", CA_PROTOCOL, false, "JSON", 0, NEW_ORDER("<html>")),
	FAILS("order_has_duplicate_members", CA_PROTOCOL, false, "JSON", 0,
              NEW_ORDER("{\"status\":\"ready\",\"status\":\"valid\"}")),
	FAILS("order_status_is_a_number", CA_PROTOCOL, false, "status", 0,
              NEW_ORDER("{\"status\":7}")),
	FAILS("order_without_location", CA_PROTOCOL, false, "no URL", 0,
              {.url = "newOrder",
               .payload = "dns",
               .dirty = true,
               .status = 201,
               .body = ORDER("pending", "")}),
	FAILS("order_for_another_name", CA_PROTOCOL, false, "other names", 0,
              NEW_ORDER(ORDER_OF("pending", ID("b.example"), "\"" CA "/z1\"", ""))),
	FAILS("order_for_more_names", CA_PROTOCOL, false, "other names", 0,
              NEW_ORDER(ORDER_OF("pending", ID("a.example") "," ID("b.example"), "\"" CA "/z1\"",
                                 ""))),
	FAILS("order_of_another_type", CA_PROTOCOL, false, "other names", 0,
              NEW_ORDER(ORDER_OF("pending", "{\"type\":\"ip\",\"value\":\"a.example\"}",
                                 "\"" CA "/z1\"", ""))),
	FAILS("pending_without_authorizations", CA_PROTOCOL, false, "names no authorization", 0,
              NEW_ORDER(ORDER_OF("pending", ID("a.example"), "", ""))),
	FAILS("authorization_over_http", CA_PROTOCOL, false, "unusable authorizations", 0,
              NEW_ORDER(ORDER_OF("pending", ID("a.example"), "\"http://ca.example/z1\"", ""))),
	FAILS("authorization_is_no_text", CA_PROTOCOL, false, "unusable authorizations", 0,
              NEW_ORDER(ORDER_OF("pending", ID("a.example"), "7", ""))),
	FAILS("ready_without_finalize", CA_PROTOCOL, false, "no finalize", 0,
              NEW_ORDER("{\"status\":\"ready\",\"identifiers\":[" ID("a.example") "]}")),
	FAILS("valid_without_certificate", CA_PROTOCOL, false, "names no certificate", 0,
              UNTIL_FINALIZE, FINALIZE(ORDER("valid", ""))),
	FAILS("certificate_from_a_file", CA_PROTOCOL, false, "names no certificate", 0,
              UNTIL_FINALIZE, FINALIZE(ORDER("valid", ",\"certificate\":\"file:///etc/passwd\""))),
	FAILS("certificate_is_empty", CA_PROTOCOL, false, "empty", 0, UNTIL_FINALIZE,
              FINALIZE(ORDER("valid", CERT)), GET("/cert", "")),
	FAILS("valid_with_a_key_of_someone_else", CA_ERROR, true, "a key that we do not have", 0,
              NEW_ORDER(ORDER("valid", CERT))),
	FAILS("authorization_for_another_name", CA_PROTOCOL, false,
              "b.example, which was not ordered", 0, NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ_OF("b.example", "pending",
                                        CHALLENGE("http-01", "1", "pending", "")))),
	FAILS("authorization_status_unknown", CA_PROTOCOL, false, "status", 0,
              NEW_ORDER(ORDER("pending", "")), FIRST_GET("/z1", AUTHZ("asleep", "pending", ""))),
	FAILS("no_challenge_of_ours", AUTHZ_NO_CHALLENGE, false, "only: dns-01", 0,
              NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1",
                        AUTHZ_OF("a.example", "pending", CHALLENGE("dns-01", "1", "pending", "")))),
	FAILS("token_with_a_path", CA_PROTOCOL, false, "token", 0, NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ_OF("a.example", "pending",
                                        "{\"type\":\"http-01\",\"url\":\"" CA "/c1\",\"token\":"
                                        "\"../../x\",\"status\":\"pending\"}"))),
	FAILS("token_missing", CA_PROTOCOL, false, "token", 0, NEW_ORDER(ORDER("pending", "")),
              FIRST_GET("/z1", AUTHZ_OF("a.example", "pending",
                                        "{\"type\":\"http-01\",\"url\":\"" CA "/c1\","
                                        "\"status\":\"pending\"}"))),
};

static const char *const challenges[] = {"http-01", "tls-alpn-01"};
static const struct engine_config how = {.challenges = challenges, .challenge_count = 2};

static struct engine *
engine_for(const char *const *names, size_t count)
{
	struct hostname hosts[4];
	struct engine_config config = {.names = hosts,
	                               .name_count = count,
	                               .challenges = challenges,
	                               .challenge_count = 2,
	                               .key_kind = KEY_ECDSA_P256};
	struct engine *e;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(hostname_parse(names[i], &hosts[i], NULL), ERR_OK);
	assert_int_equal(engine_new(&config, &e), ERR_OK);
	return e;
}

static void
scripts_end_as_they_must(void **state)
{
	static const char *const names[] = {"a.example"};

	(void)state;
	clock_set_wall(NOW);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const struct script *s = &scripts[i];
		struct script_walk w = {.e = engine_for(names, 1)};
		enum engine_wish end;

		script_play(s, &w);
		end = script_walk(&w);
		if (end != (s->problem ? ENGINE_FAILED : ENGINE_DONE))
			fail_msg("%s ends in %s: %s", s->name, engine_state_word(w.e),
			         engine_problem(w.e)->detail);
		if (s->problem) {
			const struct problem *p = engine_problem(w.e);

			if (p->kind != s->problem || !strstr(p->detail, s->detail) ||
			    engine_is_dead(w.e) != s->dead || p->retry_at != s->retry_at)
				fail_msg("%s: %s (%s), dead %d, retry %lld", s->name, p->detail,
				         problem_code(p->kind), engine_is_dead(w.e),
				         (long long)p->retry_at);
		} else {
			const struct buf *pem = engine_certificate(w.e);

			assert_int_equal(pem->len, 5);
			assert_memory_equal(pem->data, "chain", 5);
			assert_non_null(engine_key(w.e));
		}
		engine_free(w.e);
	}
	clock_set_wall(-1);
}

/* Two names, three authorizations' worth of order: one valid, answers out of order. */
static void
several_names_are_published_at_once(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example"};
	static const struct script s = {
		.name = "several",
		.steps = {{.url = "newOrder",
	                   .payload = "c.example",
	                   .dirty = true,
	                   .status = 201,
	                   .location = CA "/o",
	                   .body = ORDER_OF("pending",
	                                    ID("c.example") "," ID("a.example") "," ID("B.example"),
	                                    "\"" CA "/z3\",\"" CA "/z1\",\"" CA "/z2\"", "")},
	                  FIRST_GET("/z3", AUTHZ_OF("c.example", "pending",
	                                            CHALLENGE("tls-alpn-01", "9", "pending",
	                                                      "") "," CHALLENGE("http-01", "3",
	                                                                        "pending", ""))),
	                  GET("/z1", AUTHZ("valid", "valid", "")),
	                  GET("/z2", AUTHZ_OF("b.example", "pending",
	                                      CHALLENGE("tls-alpn-01", "2", "pending", ""))),
	                  {.url = CA "/c3",
	                   .payload = "{}",
	                   .published = 2,
	                   .status = 200,
	                   .body = "{}"},
	                  {.url = CA "/c2", .payload = "{}", .status = 200, .body = "{}"},
	                  POLL(250, "/z3", AUTHZ_OF("c.example", "pending", "")),
	                  GET("/z2", AUTHZ_OF("b.example", "valid", "")),
	                  POLL(500, "/z3", AUTHZ_OF("c.example", "valid", ""))}};
	struct script_walk w = {.e = engine_for(names, 3)};
	const struct engine_challenge *list;
	size_t count;

	(void)state;
	script_play(&s, &w);
	assert_int_equal(script_walk(&w), ENGINE_SEND);
	assert_string_equal(w.send.url, CA "/o");
	list = engine_challenges(w.e, &count);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name.name, "c.example");
	assert_string_equal(list[0].type, "http-01");
	assert_string_equal(list[0].token, "tok3");
	assert_string_equal(list[1].name.name, "b.example");
	assert_string_equal(list[1].type, "tls-alpn-01");
	engine_free(w.e);
}

static void
polling_ends(void **state)
{
	static const char *const names[] = {"a.example"};
	static const struct script begin = {.name = "begin", .steps = {UNTIL_RESPOND}};
	static const struct script_step pending = GET("/z1", AUTHZ("pending", "processing", ""));
	struct script_walk w = {.e = engine_for(names, 1)};
	uint64_t waited = 0;
	size_t polls = 0;

	(void)state;
	script_play(&begin, &w);
	while (script_walk(&w) == ENGINE_SEND) {
		waited += w.waited;
		polls++;
		assert_true(polls < 200);
		script_answer(&w, &pending);
	}
	assert_int_equal(engine_wish(w.e), ENGINE_FAILED);
	assert_int_equal(engine_problem(w.e)->kind, PROBLEM_CA_PROTOCOL);
	assert_false(engine_is_dead(w.e));
	assert_true(waited > 120 * 1000 && waited < 900 * 1000);
	engine_free(w.e);
}

/* An order that makes no sense three times over is given up, so that another can be tried. */
static void
nonsense_kills_the_order_in_the_end(void **state)
{
	static const char *const names[] = {"a.example"};
	static const struct script_step odd[] = {NEW_ORDER(ORDER("dancing", "")),
	                                         GET("/o", ORDER("dancing", ""))};
	struct script_walk w = {.e = engine_for(names, 1)};
	struct buf saved = {0};

	(void)state;
	for (int life = 0; life < 3; life++) {
		assert_int_equal(script_walk(&w), ENGINE_SEND);
		script_answer(&w, &odd[life > 0]);
		assert_int_equal(engine_wish(w.e), ENGINE_FAILED);
		assert_int_equal(engine_is_dead(w.e), life == 2);
		assert_true(engine_is_dirty(w.e));
		assert_int_equal(engine_save(w.e, &saved), ERR_OK);
		engine_free(w.e);
		assert_int_equal(engine_load(saved.data, saved.len, &how, &w.e), ERR_OK);
	}
	engine_free(w.e);
	buf_wipe(&saved);
}

static void
bad_configurations_are_refused(void **state)
{
	static const char *const long_type[] = {"a-challenge-type-of-far-too-many-letters"};
	struct hostname name;
	struct engine *e = NULL;
	struct engine_config good = {.names = &name,
	                             .name_count = 1,
	                             .challenges = challenges,
	                             .challenge_count = 2,
	                             .key_kind = KEY_ECDSA_P256};
	struct engine_config bad;

	(void)state;
	assert_int_equal(hostname_parse("a.example", &name, NULL), ERR_OK);
	bad = good;
	bad.name_count = 0;
	assert_int_equal(engine_new(&bad, &e), ERR_INVALID);
	bad.name_count = ENGINE_NAMES_MAX + 1;
	assert_int_equal(engine_new(&bad, &e), ERR_INVALID);
	bad = good;
	bad.challenge_count = 0;
	assert_int_equal(engine_new(&bad, &e), ERR_INVALID);
	bad = good;
	bad.challenges = long_type;
	bad.challenge_count = 1;
	assert_int_equal(engine_new(&bad, &e), ERR_INVALID);
	bad = good;
	bad.profile =
		"a profile of so many letters that no CA ever thought of giving one such a name";
	assert_int_equal(engine_new(&bad, &e), ERR_INVALID);
	assert_null(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_end_as_they_must),
		cmocka_unit_test(several_names_are_published_at_once),
		cmocka_unit_test(polling_ends),
		cmocka_unit_test(nonsense_kills_the_order_in_the_end),
		cmocka_unit_test(bad_configurations_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
