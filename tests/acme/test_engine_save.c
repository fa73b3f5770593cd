/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that survive kills: at every step the engine is dropped and loaded from its snapshot,
 * before its request goes out or after the CA has heard it. A small CA that keeps state answers. */
#include "acme/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "acme/jose.h"
#include "acme/refusal.h"
#include "base/json.h"

enum { STEPS_MAX = 60, MISSING = 404 };

#define CA "https://ca.example"

/* The CA: one order at most is what the tests insist on. */
struct ca {
	unsigned orders;
	bool challenge_answered;
	unsigned looks; /* at the authorization, since */
	bool finalized;
	unsigned order_looks;
	EVP_PKEY *key; /* of the first CSR */
	bool other_key;
	bool slow; /* answers take effect two looks later */
};

static const char *const challenges[] = {"http-01"};
static const struct engine_config how = {.challenges = challenges, .challenge_count = 1};

static const char *
order_status(const struct ca *ca)
{
	unsigned patience = ca->slow ? 2 : 0;

	if (ca->finalized)
		return ca->order_looks > patience ? "valid" : "processing";
	return ca->challenge_answered && ca->looks > patience ? "ready" : "pending";
}

static void
say_order(const struct ca *ca, struct transport_reply *reply)
{
	buf_printf(
		&reply->body,
		"{\"status\":\"%s\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}],"
		"\"authorizations\":[\"" CA "/z\"],\"finalize\":\"" CA "/fin\"%s}",
		order_status(ca),
		strcmp(order_status(ca), "valid") == 0 ? ",\"certificate\":\"" CA "/cert\"" : "");
}

static void
say_authz(struct ca *ca, struct transport_reply *reply)
{
	bool valid = ca->challenge_answered && ca->looks > (ca->slow ? 2 : 0);

	ca->looks += ca->challenge_answered;
	buf_printf(&reply->body,
	           "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
	           "\"challenges\":[{\"type\":\"http-01\",\"url\":\"" CA "/c\",\"token\":\"t\","
	           "\"status\":\"%s\"}]}",
	           valid ? "valid" : "pending", valid ? "valid" : "pending");
}

static void
take_csr(struct ca *ca, const char *payload)
{
	struct buf der = {0};
	cJSON *json = NULL;
	const unsigned char *at;
	const char *text;
	X509_REQ *req;

	assert_int_equal(json_parse(payload, strlen(payload), &json), ERR_OK);
	text = json_text(json, "csr");
	assert_int_equal(jose_base64url_decode(text, strlen(text), &der), ERR_OK);
	at = der.data;
	req = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	if (!ca->key)
		ca->key = X509_REQ_get_pubkey(req);
	else
		ca->other_key = EVP_PKEY_eq(ca->key, X509_REQ_get0_pubkey(req)) != 1;
	X509_REQ_free(req);
	buf_done(&der);
	cJSON_Delete(json);
}

static void
say_refusal(struct transport_reply *reply, const char *word)
{
	reply->status = 400;
	buf_printf(&reply->body, "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"no\"}",
	           word);
}

static void
ca_finalize(struct ca *ca, const char *payload, struct transport_reply *reply)
{
	if (strcmp(order_status(ca), "ready") != 0) {
		say_refusal(reply, "orderNotReady");
		return;
	}
	take_csr(ca, payload);
	ca->finalized = true;
	say_order(ca, reply);
}

static void
ca_answer(struct ca *ca, const struct engine_send *send, struct transport_reply *reply)
{
	reply->status = 200;
	reply->retry_after_ms = -1;
	if (send->target == CLIENT_NEW_ORDER) {
		ca->orders++;
		strcpy(reply->location, CA "/o");
		say_order(ca, reply);
	} else if (strcmp(send->url, CA "/o") == 0) {
		ca->order_looks += ca->finalized;
		say_order(ca, reply);
	} else if (strcmp(send->url, CA "/z") == 0) {
		say_authz(ca, reply);
	} else if (strcmp(send->url, CA "/c") == 0 && ca->challenge_answered) {
		say_refusal(reply, "malformed");
	} else if (strcmp(send->url, CA "/c") == 0) {
		ca->challenge_answered = true;
	} else if (strcmp(send->url, CA "/fin") == 0) {
		ca_finalize(ca, send->payload, reply);
	} else {
		assert_string_equal(send->url, CA "/cert");
		buf_add_str(&reply->body, "pem");
	}
}

static void
kill_and_load(struct engine **e, const struct buf *saved, const struct ca *ca)
{
	engine_free(*e);
	assert_int_equal(engine_load(saved->data, saved->len, &how, e), ERR_OK);
	assert_int_equal(engine_wish(*e), engine_is_lost(*e) ? ENGINE_WAIT : ENGINE_SEND);
	if (!engine_is_lost(*e))
		return;
	assert_string_equal(engine_state_word(*e), "lost");
	assert_false(engine_is_dirty(*e));
	engine_found(*e, ca->orders ? CA "/o" : NULL);
	assert_true(engine_is_dirty(*e));
}

/* Sends the wish; with UNHEARD the answer is lost together with the process. */
static void
send_once(struct engine **e, struct ca *ca, const struct buf *saved, bool unheard)
{
	struct transport_reply *reply = calloc(1, sizeof(*reply));
	struct client_answer answer = {.reply = reply};
	struct engine_send send;

	send = *engine_send_next(*e);
	ca_answer(ca, &send, reply);
	refusal_judge(reply, &answer.problem);
	if (unheard)
		kill_and_load(e, saved, ca);
	else
		engine_feed(*e, send.id, &answer);
	buf_done(&reply->body);
	free(reply);
}

/* Runs to the end with a kill at step KILL_AT; false when it ended before that step. */
static bool
run_with_kill(struct ca *ca, unsigned kill_at, bool unheard)
{
	struct hostname name;
	struct engine_config config = {.names = &name,
	                               .name_count = 1,
	                               .challenges = challenges,
	                               .challenge_count = 1,
	                               .key_kind = KEY_ECDSA_P256};
	struct buf saved = {0};
	struct engine *e;
	EVP_PKEY *key;
	unsigned step;
	bool published = false;

	assert_int_equal(hostname_parse("a.example", &name, NULL), ERR_OK);
	assert_int_equal(engine_new(&config, &e), ERR_OK);
	for (step = 0; step < STEPS_MAX && engine_wish(e) != ENGINE_DONE; step++) {
		if (engine_is_dirty(e))
			assert_int_equal(engine_save(e, &saved), ERR_OK);
		if (step == kill_at && !unheard) {
			kill_and_load(&e, &saved, ca);
			continue;
		}
		switch (engine_wish(e)) {
		case ENGINE_SEND:
			if (strcmp(engine_state_word(e), "respond") == 0)
				assert_true(published);
			send_once(&e, ca, &saved, unheard && step == kill_at);
			break;
		case ENGINE_PUBLISH:
			published = true;
			engine_published(e);
			break;
		case ENGINE_WAIT:
			engine_waited(e);
			break;
		case ENGINE_KEY:
			assert_int_equal(key_new(engine_key_kind(e), &key), ERR_OK);
			engine_take_key(e, key);
			break;
		default:
			fail_msg("kill at %u: %s", kill_at, engine_problem(e)->detail);
		}
	}
	assert_int_equal(engine_wish(e), ENGINE_DONE);
	assert_int_equal(EVP_PKEY_eq(engine_key(e), ca->key), 1);
	engine_free(e);
	buf_wipe(&saved);
	return step > kill_at;
}

static void
kills(bool slow, bool unheard)
{
	bool more = true;

	for (unsigned kill_at = 0; more; kill_at++) {
		struct ca ca = {.slow = slow};

		more = run_with_kill(&ca, kill_at, unheard);
		if (ca.orders != 1 || ca.other_key)
			fail_msg("kill at %u: %u orders, another key %d", kill_at, ca.orders,
			         ca.other_key);
		EVP_PKEY_free(ca.key);
		assert_true(kill_at < STEPS_MAX);
	}
}

static void
killed_before_each_request(void **state)
{
	(void)state;
	kills(false, false);
	kills(true, false);
}

static void
killed_before_each_answer(void **state)
{
	(void)state;
	kills(false, true);
	kills(true, true);
}

static void
save_new(struct buf *out, const char *profile)
{
	struct hostname names[2];
	struct engine_config config = {.names = names,
	                               .name_count = 2,
	                               .challenges = challenges,
	                               .challenge_count = 1,
	                               .key_kind = KEY_ECDSA_P384,
	                               .profile = profile,
	                               .profile_required = profile != NULL,
	                               .replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
	                               .now = 1800000000};
	struct engine *e;

	assert_int_equal(hostname_parse("a.example", &names[0], NULL), ERR_OK);
	assert_int_equal(hostname_parse("*.b.example", &names[1], NULL), ERR_OK);
	assert_int_equal(engine_new(&config, &e), ERR_OK);
	assert_int_equal(engine_save(e, out), ERR_OK);
	engine_free(e);
}

static void
everything_comes_back(void **state)
{
	struct buf saved = {0}, again = {0};
	const struct hostname *names;
	struct engine *e;
	size_t count;

	(void)state;
	save_new(&saved, "shortlived");
	assert_int_equal(engine_load(saved.data, saved.len, &how, &e), ERR_OK);
	names = engine_names(e, &count);
	assert_int_equal(count, 2);
	assert_string_equal(names[0].name, "a.example");
	assert_string_equal(names[1].name, "*.b.example");
	assert_string_equal(engine_url(e), "");
	assert_int_equal(engine_save(e, &again), ERR_OK);
	assert_int_equal(again.len, saved.len);
	assert_memory_equal(again.data, saved.data, saved.len);
	engine_free(e);
	buf_wipe(&saved);
	buf_wipe(&again);
}

static void
a_lost_order_waits_to_be_found(void **state)
{
	struct buf saved = {0};
	struct engine *e;

	(void)state;
	save_new(&saved, NULL);
	assert_int_equal(engine_load(saved.data, saved.len, &how, &e), ERR_OK);
	assert_true(engine_is_lost(e));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(engine_wish(e), ENGINE_WAIT);
		assert_true(engine_wait_ms(e) > 0);
		engine_waited(e);
	}
	engine_found(e, "http://ca.example/o"); /* no URL of ours */
	assert_int_equal(engine_wish(e), ENGINE_SEND);
	engine_found(e, CA "/o"); /* too late: ignored */
	assert_int_equal(engine_send_next(e)->target, CLIENT_NEW_ORDER);
	assert_null(engine_send_next(e));
	assert_int_equal(engine_wish(e), ENGINE_HEAR);
	engine_free(e);
	buf_wipe(&saved);
}

/* Whether newOrder may have reached the CA decides if a later life looks for the order. */
static void
what_was_refused_is_not_lost(void **state)
{
	static const struct {
		struct client_answer answer;
		bool lost;
	} rows[] = {
		{{.problem = {.kind = PROBLEM_CA_LIMITED, .status = 429}}, false},
		{{.problem = {.kind = PROBLEM_CA_REFUSED, .status = 400}}, false},
		{{.problem = {.kind = PROBLEM_CA_ACCOUNT}, .unsent = true}, false},
		{{.problem = {.kind = PROBLEM_CA_TLS}, .unsent = true}, false},
		{{.problem = {.kind = PROBLEM_CA_ERROR, .status = 502}}, true},
		{{.problem = {.kind = PROBLEM_CA_UNREACHABLE}}, true},
		{{.problem = {.kind = PROBLEM_CA_PROTOCOL, .status = 302}}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf saved = {0};
		struct engine *e;

		save_new(&saved, NULL);
		assert_int_equal(engine_load(saved.data, saved.len, &how, &e), ERR_OK);
		engine_found(e, NULL);
		assert_int_equal(engine_save(e, &saved), ERR_OK);
		assert_non_null(engine_send_next(e));
		engine_feed(e, 0, &rows[i].answer);
		assert_int_equal(engine_wish(e), ENGINE_FAILED);
		assert_int_equal(engine_is_dirty(e), !rows[i].lost);
		assert_int_equal(engine_save(e, &saved), ERR_OK);
		engine_free(e);
		assert_int_equal(engine_load(saved.data, saved.len, &how, &e), ERR_OK);
		assert_int_equal(engine_is_lost(e), rows[i].lost);
		engine_free(e);
		buf_wipe(&saved);
	}
}

static enum err
load(const unsigned char *data, size_t len)
{
	struct engine *e = NULL;
	unsigned char *copy = malloc(len ? len : 1); /* so that sanitizers see its end */
	enum err err;

	memcpy(copy, data, len);
	err = engine_load(copy, len, &how, &e);
	if (!err)
		engine_free(e);
	else
		assert_null(e);
	free(copy);
	return err;
}

/* Written by version 1.0 of certd: flags 1, no strikes, P-384, no key. */
static void
older_snapshots_are_read(void **state)
{
	static const char old[] = "\1\1\0\1\2\0\11\0a.example\13\0*.b.example\12\0shortlived"
				  "\24\0https://ca.example/o\0\0";
	struct buf saved = {0};
	struct engine *e;
	size_t count;

	(void)state;
	assert_int_equal(engine_load(old, sizeof(old) - 1, &how, &e), ERR_OK);
	assert_string_equal(engine_names(e, &count)[1].name, "*.b.example");
	assert_int_equal(count, 2);
	assert_string_equal(engine_url(e), CA "/o");
	assert_string_equal(engine_state_word(e), "resume");
	assert_int_equal(engine_save(e, &saved), ERR_OK);
	assert_int_equal(saved.data[0], 2);
	engine_free(e);
	assert_int_equal(engine_load(saved.data, saved.len, &how, &e), ERR_OK);
	assert_string_equal(engine_url(e), CA "/o");
	engine_free(e);
	buf_wipe(&saved);
	assert_int_equal(load((const unsigned char *)old, sizeof(old) - 2), ERR_CORRUPT);
}

static void
garbage_is_refused(void **state)
{
	struct buf saved = {0};

	(void)state;
	save_new(&saved, "shortlived");
	for (size_t len = 0; len < saved.len; len++)
		assert_int_equal(load(saved.data, len), ERR_CORRUPT);
	buf_u8(&saved, 0);
	assert_int_equal(load(saved.data, saved.len), ERR_CORRUPT);
	saved.len--;
	saved.data[0] = 3;
	assert_int_equal(load(saved.data, saved.len), ERR_VERSION);
	saved.data[0] = 2;
	for (size_t i = 0; i < saved.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			saved.data[i] ^= (unsigned char)(1 << bit);
			(void)!load(saved.data, saved.len); /* no crash, no leak */
			saved.data[i] ^= (unsigned char)(1 << bit);
		}
	}
	buf_wipe(&saved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_each_request),
		cmocka_unit_test(killed_before_each_answer),
		cmocka_unit_test(everything_comes_back),
		cmocka_unit_test(a_lost_order_waits_to_be_found),
		cmocka_unit_test(what_was_refused_is_not_lost),
		cmocka_unit_test(older_snapshots_are_read),
		cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
