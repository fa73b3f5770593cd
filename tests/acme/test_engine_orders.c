/* SPDX-License-Identifier: Apache-2.0 */
/* What may be ordered and how: the engine with one configuration for each script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "tests/support/acmescript.h"

static const char *const challenges[] = {"http-01", "tls-alpn-01"};

struct row {
	struct script s;
	const char *names[3];
	const char *profile;
	bool required;
	const char *replaces;
	int64_t now;
	uint32_t seed;
};

#define OFFER(profiles)                                                                            \
	{                                                                                          \
		.url = "offer", .status = 200, .body = profiles                                    \
	}
#define IP(address) "{\"type\":\"ip\",\"value\":\"" address "\"}"
#define ORDERED(part, not_part, order)                                                             \
	{                                                                                          \
		.url = "newOrder", .payload = part, .without = not_part, .dirty = true,            \
		.status = 201, .body = order, .location = CA "/o"                                  \
	}
#define REFUSED(part, http, word)                                                                  \
	{                                                                                          \
		.url = "newOrder", .payload = part, .dirty = true, .status = http,                 \
		.body = ACME_ERROR(word, "no")                                                     \
	}
#define TO_THE_END FINALIZE(ORDER("valid", CERT)), DOWNLOAD
#define CERT_ID    "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"

static const struct row rows[] = {
	{.s = {.name = "profile_that_is_offered",
               .steps = {OFFER("classic short"),
                         ORDERED("\"profile\":\"short\"", "replaces", ORDER("ready", "")),
                         TO_THE_END}},
         .profile = "short"},
	{.s = {.name = "profile_that_is_not_offered_is_left_out",
               .steps = {OFFER("classic"), ORDERED("dns", "profile", ORDER("ready", "")),
                         TO_THE_END}},
         .profile = "short"},
	{.s = {.name = "directory_without_profiles",
               .steps = {OFFER(""), ORDERED("dns", "profile", ORDER("ready", "")), TO_THE_END}},
         .profile = "short"},
	{.s = {.name = "required_profile_is_not_offered",
               .problem = PROBLEM_CA_REFUSED,
               .dead = true,
               .detail = "\"short\" is required, and the CA offers only: classic tls",
               .steps = {OFFER("classic tls")}},
         .profile = "short",
         .required = true},
	{.s = {.name = "required_profile_and_no_directory",
               .problem = PROBLEM_CA_UNREACHABLE,
               .detail = "no answer",
               .steps = {{.url = "offer", .status = -1},
                         {.url = "offer", .waited = 1000, .status = -1},
                         {.url = "offer", .waited = 3000, .status = -1},
                         {.url = "offer", .waited = 9000, .status = -1}}},
         .profile = "short",
         .required = true},
	{.s = {.name = "invalid_profile_is_left_out",
               .steps = {OFFER("short"), REFUSED("\"profile\":\"short\"", 400, "invalidProfile"),
                         ORDERED("dns", "profile", ORDER("ready", "")), TO_THE_END}},
         .profile = "short"},
	{.s = {.name = "invalid_profile_that_is_required",
               .problem = PROBLEM_CA_REFUSED,
               .dead = true,
               .detail = "no",
               .steps = {OFFER("short"), REFUSED("\"profile\":\"short\"", 400, "invalidProfile")}},
         .profile = "short",
         .required = true},
	{.s = {.name = "odd_profile_is_quoted",
               .steps = {OFFER("sho\"rt"),
                         ORDERED("\"profile\":\"sho\\\"rt\"", NULL, ORDER("ready", "")),
                         TO_THE_END}},
         .profile = "sho\"rt"},
	{.s = {.name = "what_is_replaced_is_said",
               .steps = {ORDERED("\"replaces\":\"" CERT_ID "\"", "profile", ORDER("ready", "")),
                         TO_THE_END}},
         .replaces = CERT_ID},
	{.s = {.name = "already_replaced_is_ordered_without",
               .steps = {REFUSED(CERT_ID, 409, "alreadyReplaced"),
                         ORDERED("dns", "replaces", ORDER("ready", "")), TO_THE_END}},
         .replaces = CERT_ID},
	{.s = {.name = "replaced_certificate_is_unknown",
               .steps = {REFUSED(CERT_ID, 404, "malformed"),
                         ORDERED("dns", "replaces", ORDER("ready", "")), TO_THE_END}},
         .replaces = CERT_ID},
	{.s = {.name = "what_was_left_out_is_no_excuse_twice",
               .problem = PROBLEM_CA_REFUSED,
               .dead = true,
               .detail = "no",
               .steps = {REFUSED(CERT_ID, 400, "malformed"), REFUSED("dns", 400, "malformed")}},
         .replaces = CERT_ID},
	{.s = {.name = "rate_limit_is_not_about_what_is_replaced",
               .problem = PROBLEM_CA_LIMITED,
               .detail = "no",
               .steps = {REFUSED(CERT_ID, 429, "rateLimited")}},
         .replaces = CERT_ID},
	{.s = {.name = "addresses",
               .steps = {ORDERED("{\"identifiers\":[" IP("192.0.2.1") "," IP("2001:db8::1") "]}",
                                 NULL,
                                 ORDER_OF("pending", IP("2001:DB8:0:0:0:0:0:1") "," IP("192.0.2.1"),
                                          "\"" CA "/z1\",\"" CA "/z2\"", "")),
                         FIRST_GET("/z1",
                                   "{\"status\":\"pending\",\"identifier\":" IP(
					   "2001:db8::1") ",\"challenges\":[" CHALLENGE("http-01",
                                                                                        "1",
                                                                                        "pending",
                                                                                        "") "]}"),
                         GET("/z2", "{\"status\":\"valid\",\"identifier\":" IP(
					    "192.0.2.1") ",\"challenges\":[]}"),
                         RESPOND(CHALLENGE("http-01", "1", "valid", "")),
                         POLL(250, "/z1",
                              "{\"status\":\"valid\",\"identifier\":" IP(
				      "2001:db8::1") ",\"challenges\":[]}"),
                         GET("/o", ORDER_OF("ready", IP("192.0.2.1"), "", "")),
                         FINALIZE(ORDER("valid", CERT)), DOWNLOAD}},
         .names = {"192.0.2.1", "2001:db8::1"}},
	{.s = {.name = "address_called_a_dns_name",
               .problem = PROBLEM_CA_PROTOCOL,
               .detail = "other names",
               .steps = {ORDERED("192.0.2.1", "dns",
                                 ORDER_OF("pending", ID("192.0.2.1"), "\"" CA "/z1\"", ""))}},
         .names = {"192.0.2.1"}},
	{.s = {.name = "wildcard",
               .steps = {ORDERED(ID("*.a.example"), "ip",
                                 ORDER_OF("pending", ID("*.a.example"), "\"" CA "/z1\"", "")),
                         FIRST_GET("/z1", "{\"status\":\"valid\",\"wildcard\":true,"
                                          "\"identifier\":" ID("a.example") ",\"challenges\":[]}"),
                         GET("/o", ORDER("ready", "")), TO_THE_END}},
         .names = {"*.a.example"}},
	{.s = {.name = "names_in_the_problem_of_one",
               .problem = PROBLEM_AUTHZ_CAA,
               .dead = true,
               .detail = "b.example: forbidden",
               .steps = {ORDERED("b.example", NULL,
                                 ORDER_OF("pending", ID("a.example") "," ID("b.example"),
                                          "\"" CA "/z1\",\"" CA "/z2\"", "")),
                         FIRST_GET("/z1", AUTHZ_OF("a.example", "valid", "")),
                         GET("/z2", AUTHZ_OF("b.example", "invalid",
                                             CHALLENGE("http-01", "2", "invalid",
                                                       FAILED_WITH("caa", "forbidden"))))}},
         .names = {"a.example", "b.example"}},
	{.s = {.name = "own_polls_have_jitter",
               .steps = {NEW_ORDER(ORDER("pending", "")),
                         FIRST_GET("/z1", AUTHZ("pending", "processing", "")),
                         POLL(286, "/z1", AUTHZ("pending", "processing", "")),
                         POLL(531, "/z1", AUTHZ("pending", "processing", "")),
                         {.url = CA "/z1",
                          .waited = 1160,
                          .status = 200,
                          .body = AUTHZ("pending", "processing", ""),
                          .retry_after_ms = 4000},
                         POLL(4000, "/z1", AUTHZ("valid", "valid", "")),
                         GET("/o", ORDER("ready", "")),
                         TO_THE_END}},
         .seed = 1},
	{.s = {.name = "clocks_that_differ_end_no_new_order",
               .steps = {NEW_ORDER(ORDER("ready", ",\"expires\":\"2020-01-01T00:00:00Z\"")),
                         TO_THE_END}},
         .now = NOW},
};

static struct engine *
engine_of(const struct row *r)
{
	struct hostname names[3];
	struct engine_config config = {.names = names,
	                               .challenges = challenges,
	                               .challenge_count = 2,
	                               .key_kind = KEY_ECDSA_P256,
	                               .profile = r->profile,
	                               .profile_required = r->required,
	                               .replaces = r->replaces,
	                               .now = r->now,
	                               .seed = r->seed};
	struct engine *e;

	while (config.name_count < 3 && r->names[config.name_count]) {
		assert_int_equal(hostname_parse_any(r->names[config.name_count],
		                                    &names[config.name_count], NULL),
		                 ERR_OK);
		config.name_count++;
	}
	if (!config.name_count)
		assert_int_equal(hostname_parse("a.example", &names[config.name_count++], NULL),
		                 ERR_OK);
	assert_int_equal(engine_new(&config, &e), ERR_OK);
	return e;
}

static void
scripts_end_as_they_must(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct script *s = &rows[i].s;
		struct script_walk w = {.e = engine_of(&rows[i])};
		const struct problem *p = engine_problem(w.e);
		enum engine_wish end;

		script_play(s, &w);
		end = script_walk(&w);
		if (end != (s->problem ? ENGINE_FAILED : ENGINE_DONE))
			fail_msg("%s ends in %s: %s", s->name, engine_state_word(w.e), p->detail);
		if (s->problem && (p->kind != s->problem || !strstr(p->detail, s->detail) ||
		                   engine_is_dead(w.e) != s->dead))
			fail_msg("%s: %s (%s), dead %d", s->name, p->detail, problem_code(p->kind),
			         engine_is_dead(w.e));
		engine_free(w.e);
	}
}

/* --- side by side ---------------------------------------------------------------------------- */

enum { MANY = 20 };

static struct engine *
ordered(size_t count)
{
	struct hostname names[MANY];
	struct engine_config config = {.names = names,
	                               .name_count = count,
	                               .challenges = challenges,
	                               .challenge_count = 2,
	                               .key_kind = KEY_ECDSA_P256};
	struct buf ids = {0}, urls = {0}, body = {0};
	struct script_walk w = {0};
	struct script_step step = {.status = 201, .location = CA "/o"};

	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%zu.example", i);
		assert_int_equal(hostname_parse(name, &names[i], NULL), ERR_OK);
		buf_printf(&ids, "%s{\"type\":\"dns\",\"value\":\"%s\"}", i ? "," : "", name);
		buf_printf(&urls, "%s\"" CA "/z%zu\"", i ? "," : "", i);
	}
	buf_printf(&body,
	           "{\"status\":\"pending\",\"identifiers\":[%s],\"authorizations\":[%s],"
	           "\"finalize\":\"" CA "/fin\"}",
	           buf_str(&ids), buf_str(&urls));
	step.body = buf_str(&body);
	assert_int_equal(engine_new(&config, &w.e), ERR_OK);
	assert_int_equal(script_walk(&w), ENGINE_SEND);
	script_answer(&w, &step);
	buf_done(&ids);
	buf_done(&urls);
	buf_done(&body);
	return w.e;
}

/* Answers the request for authorization or challenge N of STATUS, or a 5xx for status NULL. */
static void
answer(struct engine *e, const struct engine_send *send, const char *status)
{
	struct script_walk w = {.e = e, .send = *send};
	struct script_step step = {.status = status ? 200 : 500, .body = ""};
	size_t n = strtoul(send->url + strlen(CA "/z"), NULL, 10);
	struct buf body = {0};

	if (status)
		buf_printf(&body,
		           "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":"
		           "\"n%zu.example\"},\"challenges\":[{\"type\":\"http-01\",\"url\":\"" CA
		           "/c%zu\",\"token\":\"t%zu\",\"status\":\"%s\"}]}",
		           status, n, n, n, strcmp(status, "valid") == 0 ? "valid" : "pending");
	if (status)
		step.body = buf_str(&body);
	script_answer(&w, &step);
	buf_done(&body);
}

/* Takes all requests that there are; answers how many. */
static size_t
take(struct engine *e, struct engine_send sends[MANY])
{
	const struct engine_send *send;
	size_t count = 0;

	while ((send = engine_send_next(e)))
		sends[count++] = *send;
	return count;
}

static void
authorizations_are_asked_for_side_by_side(void **state)
{
	struct engine_send sends[MANY];
	struct engine *e = ordered(MANY);
	size_t left = MANY, count, challenge_count;

	(void)state;
	count = take(e, sends);
	assert_int_equal(count, ENGINE_AT_ONCE);
	assert_int_equal(engine_wish(e), ENGINE_HEAR);
	/* The last comes first: each answer makes room for one more. */
	for (size_t more; left > 0; count += more) {
		struct engine_send last = sends[--count];

		answer(e, &last, left % 2 ? "valid" : "pending");
		left--;
		more = take(e, sends + count);
		assert_int_equal(more, left >= ENGINE_AT_ONCE ? 1 : 0);
	}
	assert_int_equal(engine_wish(e), ENGINE_PUBLISH);
	engine_challenges(e, &challenge_count);
	assert_int_equal(challenge_count, MANY / 2);
	engine_published(e);
	assert_int_equal(take(e, sends), ENGINE_AT_ONCE);
	for (size_t i = 0; i < ENGINE_AT_ONCE; i++)
		assert_string_equal(sends[i].payload, "{}");
	engine_free(e);
}

/* Of several, one fails: the end comes when all answers are in, and the first failure is told. */
static void
a_failure_waits_for_the_others(void **state)
{
	struct engine_send sends[MANY];
	struct engine *e = ordered(4);

	(void)state;
	assert_int_equal(take(e, sends), 4);
	answer(e, &sends[2], "invalid");
	assert_int_equal(engine_wish(e), ENGINE_HEAR);
	answer(e, &sends[0], "pending");
	answer(e, &sends[1], "invalid");
	assert_int_equal(engine_wish(e), ENGINE_HEAR);
	assert_null(engine_send_next(e));
	answer(e, &sends[3], NULL);
	assert_int_equal(engine_wish(e), ENGINE_FAILED);
	assert_non_null(strstr(engine_problem(e)->detail, "n2.example"));
	assert_true(engine_is_dead(e));
	answer(e, &sends[3], "valid"); /* an answer too much is none */
	assert_int_equal(engine_wish(e), ENGINE_FAILED);
	engine_free(e);
}

/* What failed in passing is asked once more, all together and after a while. */
static void
only_what_failed_is_repeated(void **state)
{
	struct engine_send sends[MANY];
	struct engine *e = ordered(4);

	(void)state;
	assert_int_equal(take(e, sends), 4);
	answer(e, &sends[0], NULL);
	answer(e, &sends[1], "valid");
	answer(e, &sends[2], NULL);
	assert_int_equal(engine_wish(e), ENGINE_HEAR);
	answer(e, &sends[3], "valid");
	assert_int_equal(engine_wish(e), ENGINE_WAIT);
	assert_int_equal(engine_wait_ms(e), 1000);
	engine_waited(e);
	assert_int_equal(take(e, sends), 2);
	assert_string_equal(sends[0].url, CA "/z0");
	assert_string_equal(sends[1].url, CA "/z2");
	answer(e, &sends[0], "valid");
	answer(e, &sends[1], NULL);
	assert_int_equal(engine_wish(e), ENGINE_WAIT);
	assert_int_equal(engine_wait_ms(e), 1000); /* a success in between: counted anew */
	engine_waited(e);
	assert_int_equal(take(e, sends), 1);
	answer(e, &sends[0], "valid");
	assert_string_equal(engine_state_word(e), "issue");
	engine_free(e);
}

/* --- age ------------------------------------------------------------------------------------- */

static void
old_orders_are_ordered_anew(void **state)
{
	static const struct {
		const char *what;
		int64_t later;
		const char *status;
		const char *detail; /* NULL: it goes on */
	} cases[] = {
		{"before its end", 3599, "pending", NULL},
		{"expired", 3600, "pending", "has expired"},
		{"expired and ready", 3601, "ready", "has expired"},
		{"issued before", 3601, "valid", NULL},
		{"a week and no certificate", 7 * 86400 + 1, "processing", "for a week"},
		{"a week and issued", 7 * 86400 + 1, "valid", NULL},
	};
	static const struct script begin = {
		.name = "begin",
		.steps = {NEW_ORDER(ORDER("ready", ",\"expires\":\"2027-01-15T09:00:00Z\"")),
	                  FINALIZE(ORDER("processing", ""))}};
	static const struct row row = {.now = NOW};
	struct script_walk first = {.e = engine_of(&row)};
	struct buf saved = {0};

	(void)state;
	script_play(&begin, &first);
	assert_int_equal(engine_save(first.e, &saved), ERR_OK);
	engine_free(first.e);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct engine_config config = {.challenges = challenges,
		                               .challenge_count = 2,
		                               .now = NOW + cases[i].later};
		struct script_step step = {.status = 200};
		struct script_walk w = {0};
		struct buf body = {0};

		buf_printf(&body, ORDER("%s", CERT), cases[i].status);
		step.body = buf_str(&body);
		assert_int_equal(engine_load(saved.data, saved.len, &config, &w.e), ERR_OK);
		assert_int_equal(script_walk(&w), ENGINE_SEND);
		script_answer(&w, &step);
		if (!cases[i].detail && engine_wish(w.e) == ENGINE_FAILED)
			fail_msg("%s: %s", cases[i].what, engine_problem(w.e)->detail);
		if (cases[i].detail && (engine_wish(w.e) != ENGINE_FAILED || !engine_is_dead(w.e) ||
		                        !strstr(engine_problem(w.e)->detail, cases[i].detail)))
			fail_msg("%s: %s", cases[i].what, engine_problem(w.e)->detail);
		engine_free(w.e);
		buf_done(&body);
	}
	buf_wipe(&saved);
}

/* A CA that names long times is waited for a day in all, not a day each time. */
static void
patience_ends(void **state)
{
	static const struct row row = {0};
	static const struct script begin = {
		.name = "begin",
		.steps = {NEW_ORDER(ORDER("ready", "")), FINALIZE(ORDER("processing", ""))}};
	static const struct script_step later = {
		.status = 200, .body = ORDER("processing", ""), .retry_after_ms = 10 * 3600 * 1000};
	struct script_walk w = {.e = engine_of(&row)};
	uint64_t waited = 0;
	size_t polls = 0;

	(void)state;
	script_play(&begin, &w);
	while (script_walk(&w) == ENGINE_SEND) {
		waited += w.waited;
		script_answer(&w, &later);
		assert_true(++polls < 10);
	}
	assert_int_equal(engine_wish(w.e), ENGINE_FAILED);
	assert_false(engine_is_dead(w.e));
	assert_int_equal(waited, 24 * 3600 * 1000);
	engine_free(w.e);
}

/* --- alternates ------------------------------------------------------------------------------ */

/* A certificate issued by itself, called NAME. */
static void
write_pem(const char *name, struct buf *out)
{
	X509 *cert = X509_new();
	BIO *mem = BIO_new(BIO_s_mem());
	EVP_PKEY *key;
	char *data;
	long len;

	assert_int_equal(key_new(KEY_ECDSA_P256, &key), ERR_OK);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
	                           (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW + 1000);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(mem, cert), 1);
	len = BIO_get_mem_data(mem, &data);
	buf_reset(out);
	buf_add(out, data, (size_t)len);
	assert_non_null(buf_str(out));
	BIO_free(mem);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Each letter is what one URL gives: a chain of that name, '-': 404, '5': 500 without end. */
static void
the_chain_that_was_asked_for_is_found(void **state)
{
	static const struct {
		const char *issuer; /* asked for; NULL: any */
		const char *given;  /* first the default one, then alternates */
		size_t asked;       /* alternates, with repetitions */
		char chosen;
	} cases[] = {
		{NULL, "abc", 0, 'a'}, {"a", "abc", 0, 'a'}, {"b", "abc", 2, 'b'},
		{"c", "abc", 2, 'c'},  {"d", "abc", 2, 'a'}, {"b", "a", 0, 'a'},
		{"c", "a-c", 2, 'c'},  {"b", "a-", 1, 'a'},  {"c", "a5c", 5, 'c'},
		{"b", "a5", 4, 'a'},
	};
	static const struct script begin = {
		.name = "begin",
		.steps = {NEW_ORDER(ORDER("ready", "")), FINALIZE(ORDER("valid", CERT))}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hostname name;
		struct engine_config config = {.names = &name,
		                               .name_count = 1,
		                               .challenges = challenges,
		                               .challenge_count = 2,
		                               .key_kind = KEY_ECDSA_P256,
		                               .chain_issuer = cases[i].issuer};
		struct script_walk w = {0};
		struct buf pems[3] = {{0}};
		size_t asked = 0;
		bool first = true;

		assert_int_equal(hostname_parse("a.example", &name, NULL), ERR_OK);
		assert_int_equal(engine_new(&config, &w.e), ERR_OK);
		script_play(&begin, &w);
		for (size_t k = 0; cases[i].given[k]; k++)
			write_pem((char[]){cases[i].given[k], '\0'}, &pems[k]);
		while (script_walk(&w) == ENGINE_SEND) {
			size_t at = first ? 0 : (size_t)(w.send.url[strlen(CA "/")] - '0');
			char c = cases[i].given[at];
			struct script_step step = {
				.status = c == '-'   ? 404
			                  : c == '5' ? 500
			                             : 200,
				.body = c == '-' || c == '5' ? "" : buf_str(&pems[at])};

			for (size_t k = 1; first && cases[i].given[k]; k++)
				step.links[k - 1] = k == 1 ? CA "/1" : CA "/2";
			asked += !first;
			first = false;
			script_answer(&w, &step);
		}
		assert_int_equal(engine_wish(w.e), ENGINE_DONE);
		assert_int_equal(asked, cases[i].asked);
		for (size_t k = 0; k < 3; k++) {
			bool is = engine_certificate(w.e)->len == pems[k].len &&
			          memcmp(engine_certificate(w.e)->data, pems[k].data,
			                 pems[k].len) == 0;

			if (pems[k].len && is != (cases[i].given[k] == cases[i].chosen))
				fail_msg("%s of %s: not %c", cases[i].issuer, cases[i].given,
				         cases[i].chosen);
		}
		/* The judge refuses it: the default one is the last resort. */
		assert_int_equal(engine_next_certificate(w.e), cases[i].chosen != 'a');
		assert_int_equal(engine_certificate(w.e)->len, pems[0].len);
		assert_memory_equal(engine_certificate(w.e)->data, pems[0].data, pems[0].len);
		assert_false(engine_next_certificate(w.e));
		for (size_t k = 0; k < 3; k++)
			buf_done(&pems[k]);
		engine_free(w.e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_end_as_they_must),
		cmocka_unit_test(authorizations_are_asked_for_side_by_side),
		cmocka_unit_test(a_failure_waits_for_the_others),
		cmocka_unit_test(only_what_failed_is_repeated),
		cmocka_unit_test(old_orders_are_ordered_anew),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(the_chain_that_was_asked_for_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
