/* SPDX-License-Identifier: Apache-2.0 */
/* The client's account: binding, kinds of keys, rollover, recovery, its end (RFC 8555 7.3). */
#include "tests/acme/client_fixture.h"

#include "base/buf.h"

#define META(more) DIRECTORY(",\"meta\":{" more "}")
#define WHOLE      DIRECTORY(",\"revokeCert\":\"" CA "/revoke\",\"keyChange\":\"" CA "/change\"")
#define LOOK       "{\"onlyReturnExisting\":true}"

/* MEMBER of the JWS in TEXT, decoded, as JSON. */
static cJSON *
decoded(const char *text, const char *member)
{
	struct buf out = {0};
	cJSON *json = NULL, *part = NULL;
	const char *value;

	assert_int_equal(json_parse(text, strlen(text), &json), ERR_OK);
	value = json_text(json, member);
	assert_non_null(value);
	assert_int_equal(jose_base64url_decode(value, strlen(value), &out), ERR_OK);
	assert_int_equal(json_parse(out.data, out.len, &part), ERR_OK);
	buf_done(&out);
	cJSON_Delete(json);
	return part;
}

static void
assert_member(const cJSON *json, const char *member, const char *want)
{
	const char *got = json_text(json, member);

	if (strcmp(got ? got : "none", want ? want : "none") != 0)
		fail_msg("%s is %s, not %s", member, got ? got : "none", want ? want : "none");
}

static void
assert_thumbprint(struct fixture *f, EVP_PKEY *key)
{
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];

	assert_int_equal(jose_thumbprint(key, thumbprint), ERR_OK);
	assert_string_equal(client_thumbprint(f->client), thumbprint);
}

/* --- external account binding ---------------------------------------------------------------- */

static void
new_accounts_are_bound(void **state)
{
	(void)state;
	for (int required = 0; required < 2; required++) {
		struct fixture *f = begin("", true);
		cJSON *payload, *header, *jwk;
		char *said, *bound;
		struct heard h;

		f->eab_kid = "kid \"7\"";
		post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
		EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n1",
		       .body = required ? META("\"externalAccountRequired\":true") : DIRECTORY(""));
		said = jws_part(f, "payload");
		assert_int_equal(json_parse(said, strlen(said), &payload), ERR_OK);
		bound = cJSON_PrintUnformatted(json_object(payload, "externalAccountBinding"));
		header = decoded(bound, "protected");
		assert_member(header, "alg", "HS384");
		assert_member(header, "kid", "kid \"7\"");
		assert_member(header, "url", CA "/acct");
		assert_member(header, "nonce", NULL);
		jwk = decoded(bound, "payload");
		assert_member(jwk, "kty", "EC");
		EXPECT(f, "POST", "/acct", .status = 201, .nonce = "n2", .location = CA "/acct/1",
		       .body = "{}");
		EXPECT(f, "POST", "/order", .status = 201);
		assert_int_equal(h.kind, PROBLEM_NONE);
		cJSON_Delete(payload);
		cJSON_Delete(header);
		cJSON_Delete(jwk);
		cJSON_free(bound);
		free(said);
		end(f);
	}
}

static void
an_account_that_is_there_needs_no_binding(void **state)
{
	struct fixture *f = begin(CA "/acct/1", true);
	struct heard h;

	(void)state;
	f->eab_problem = "must not be asked for";
	post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
	EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n1",
	       .body = META("\"externalAccountRequired\":true"));
	EXPECT(f, "POST", "/order", .status = 201);
	assert_int_equal(h.kind, PROBLEM_NONE);
	end(f);
}

static void
a_binding_that_cannot_be_read_is_told(void **state)
{
	struct fixture *f = begin("", true);
	struct heard h;

	(void)state;
	f->eab_problem = "/etc/eab: no such file";
	post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
	EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n1", .body = DIRECTORY(""));
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.kind, PROBLEM_CA_ACCOUNT);
	assert_string_equal(h.problem.detail, "/etc/eab: no such file");
	end(f);
}

/* --- kinds of keys --------------------------------------------------------------------------- */

#define WRONG_ALG(list)                                                                            \
	"{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\",\"detail\":\"no\","        \
	"\"algorithms\":" list "}"

static const struct {
	const char *name;
	const char *body;
	bool makes_others;
	bool asked;
	enum key_kind kind;
} algorithms[] = {
	{"RS256", WRONG_ALG("[\"RS256\"]"), true, true, KEY_RSA_2048},
	{"the first that we know", WRONG_ALG("[\"PS512\",7,\"ES384\",\"RS256\"]"), true, true,
         KEY_ECDSA_P384},
	{"ours is no other", WRONG_ALG("[\"ES256\",\"EdDSA\"]"), true, false, KEY_KINDS},
	{"no list", ACME_ERROR("badSignatureAlgorithm"), true, false, KEY_KINDS},
	{"none is made", WRONG_ALG("[\"RS256\"]"), false, true, KEY_RSA_2048},
};

static void
another_kind_of_key_is_tried_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		struct fixture *f = begin("", true);
		EVP_PKEY *other = NULL;
		cJSON *header;
		struct heard h;

		f->makes_others = algorithms[i].makes_others;
		f->other_kind = KEY_KINDS;
		post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
		EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n1", .body = DIRECTORY(""));
		EXPECT(f, "POST", "/acct", .status = 400, .nonce = "n2",
		       .body = algorithms[i].body);
		assert_int_equal(f->other_kinds, algorithms[i].asked);
		assert_int_equal(f->other_kind, algorithms[i].kind);
		if (!algorithms[i].asked || !algorithms[i].makes_others) {
			assert_int_equal(h.kind, PROBLEM_CA_ACCOUNT);
			end(f);
			continue;
		}
		assert_int_equal(h.calls, 0); /* it waits */
		assert_int_equal(f->t.count, 0);
		assert_int_equal(key_new(f->other_kind, &other), ERR_OK);
		client_set_key(f->client, other);
		assert_thumbprint(f, other);
		header = decoded(STAILQ_FIRST(&f->t.queue)->body, "protected");
		assert_member(header, "alg", jose_alg(other));
		cJSON_Delete(header);
		EXPECT(f, "POST", "/acct", .status = 400, .nonce = "n3",
		       .body = WRONG_ALG("[\"ES256\"]"));
		assert_int_equal(f->other_kinds, 1);
		assert_int_equal(h.kind, PROBLEM_CA_ACCOUNT);
		EVP_PKEY_free(other);
		end(f);
	}
}

static void
a_key_that_could_not_be_made_ends_the_wait(void **state)
{
	struct fixture *f = begin("", true);
	struct heard h;

	(void)state;
	f->makes_others = true;
	post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
	EXPECT(f, "GET", "/dir", .status = 200, .nonce = "n1", .body = DIRECTORY(""));
	EXPECT(f, "POST", "/acct", .status = 400, .nonce = "n2", .body = WRONG_ALG("[\"RS256\"]"));
	client_set_key(f->client, NULL);
	expect(f, "defer", "", &(struct reply){.status = 0});
	assert_int_equal(h.kind, PROBLEM_CA_ACCOUNT);
	end(f);
}

/* --- key rollover ---------------------------------------------------------------------------- */

enum { STEPS_MAX = 6 };

#define GET_DIR                                                                                    \
	{                                                                                          \
		"GET", "/dir",                                                                     \
		{                                                                                  \
			.status = 200, .body = WHOLE, .nonce = "n1"                                \
		}                                                                                  \
	}
#define CHANGE(...)                                                                                \
	{                                                                                          \
		"POST", "/change",                                                                 \
		{                                                                                  \
			.nonce = "n2", __VA_ARGS__                                                 \
		}                                                                                  \
	}
#define ACCT(...)                                                                                  \
	{                                                                                          \
		"POST", "/acct",                                                                   \
		{                                                                                  \
			.nonce = "n3", __VA_ARGS__                                                 \
		}                                                                                  \
	}
#define X(...)                                                                                     \
	{                                                                                          \
		"POST", "/x",                                                                      \
		{                                                                                  \
			.nonce = "n4", __VA_ARGS__                                                 \
		}                                                                                  \
	}
#define AGAIN                                                                                      \
	{                                                                                          \
		"again", "",                                                                       \
		{                                                                                  \
			.status = 0                                                                \
		}                                                                                  \
	} /* another request is made */
#define OURS .location = CA "/acct/1", .body = "{}"
#define GONE .status = 400, .body = ACME_ERROR("accountDoesNotExist")

struct exchange {
	const char *method; /* NULL: the end */
	const char *url;
	struct reply reply;
};

static const struct {
	const char *name;
	bool stored; /* next_key was there when the client was made */
	struct exchange steps[STEPS_MAX + 4];
	unsigned keys;               /* events */
	enum client_key_end key_end; /* the last one */
	bool next;                   /* the account has the next key */
	const char *why;             /* part of it */
} rollovers[] = {
	{"taken",
         false,
         {GET_DIR, CHANGE(.status = 200), X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"409: it is another account's",
         false,
         {GET_DIR, CHANGE(.status = 409, .body = ACME_ERROR("malformed"), .location = CA "/acct/2"),
          X(.status = 200)},
         1,
         CLIENT_KEY_REFUSED,
         false,
         "the malformed"},
	{"409: it is ours already",
         false,
         {GET_DIR, CHANGE(.status = 409, .body = "", .location = CA "/acct/1"), X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"501",
         false,
         {GET_DIR, CHANGE(.status = 501, .body = ""), X(.status = 200)},
         1,
         CLIENT_KEY_REFUSED,
         false,
         "HTTP 501"},
	{"400",
         false,
         {GET_DIR, CHANGE(.status = 400, .body = ACME_ERROR("badPublicKey")), X(.status = 200)},
         1,
         CLIENT_KEY_REFUSED,
         false,
         "the badPublicKey"},
	{"429",
         false,
         {GET_DIR, CHANGE(.status = 429, .body = ACME_ERROR("rateLimited")), X(.status = 200)},
         1,
         CLIENT_KEY_REFUSED,
         false,
         "the rateLimited"},
	{"500, and not done",
         false,
         {GET_DIR, CHANGE(.status = 500, .body = ""), ACCT(GONE), X(.status = 200)},
         1,
         CLIENT_KEY_OPEN,
         false,
         "HTTP 500"},
	{"504, and done all the same",
         false,
         {GET_DIR, CHANGE(.status = 504, .body = ""), ACCT(.status = 200, OURS), X(.status = 200)},
         2,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"the answer is lost, the deed is done",
         false,
         {GET_DIR, CHANGE(.err = ERR_TIMEOUT), AGAIN, GET_DIR, ACCT(.status = 200, OURS),
          X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"the request was lost",
         false,
         {GET_DIR, CHANGE(.err = ERR_CLOSED), AGAIN, GET_DIR, ACCT(GONE), CHANGE(.status = 200),
          X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"it was never sent",
         false,
         {GET_DIR, CHANGE(.err = ERR_UNREACHABLE), AGAIN, GET_DIR, CHANGE(.status = 200),
          X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"killed behind it",
         true,
         {GET_DIR, ACCT(.status = 200, OURS), X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"killed before it",
         true,
         {GET_DIR, ACCT(GONE), CHANGE(.status = 200), X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"killed, and the CA is down at first",
         true,
         {GET_DIR, ACCT(.status = 503, .body = ""), AGAIN, GET_DIR, ACCT(.status = 200, OURS),
          X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
	{"killed, and somebody else has that key",
         true,
         {GET_DIR, ACCT(.status = 200, .location = CA "/acct/9", .body = "{}"), X(.status = 200)},
         1,
         CLIENT_KEY_REFUSED,
         false,
         "another account"},
	{"the CA has lost the account",
         false,
         {GET_DIR, CHANGE(GONE), ACCT(GONE), ACCT(.status = 201, OURS), CHANGE(.status = 200),
          X(.status = 200)},
         1,
         CLIENT_KEY_TAKEN,
         true,
         NULL},
};

/* Plays the steps; the last one is what was asked for in the first place. */
static void
play(struct fixture *f, const struct exchange *steps, struct heard *h)
{
	post(f, CLIENT_URL, CA "/x", NULL, h);
	for (; steps->method; steps++) {
		char url[300];

		if (strcmp(steps->method, "again") == 0) {
			assert_int_equal(h->calls, 1); /* told, and nothing goes on by itself */
			assert_int_equal(f->t.count, 0);
			post(f, CLIENT_URL, CA "/x", NULL, h);
			continue;
		}
		if (request_for(f, "HEAD", CA "/nonce"))
			EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "fresh");
		snprintf(url, sizeof(url), CA "%s", steps->url);
		expect(f, steps->method, url, &steps->reply);
	}
}

static struct fixture *
begin_rolling(EVP_PKEY *next, bool stored)
{
	struct fixture *f = begin(CA "/acct/1", true);
	struct client_config config = {.directory = CA "/dir",
	                               .ca_file = "/ca.pem",
	                               .agree_terms = true,
	                               .key = f->key,
	                               .next_key = next,
	                               .account_url = CA "/acct/1",
	                               .orders_url = ""};

	if (stored) {
		client_free(f->client);
		assert_int_equal(client_new(&f->t, &config, &events, f, &f->client), ERR_OK);
	} else {
		client_roll(f->client, next);
	}
	return f;
}

static void
rollovers_end_with_one_key(void **state)
{
	EVP_PKEY *next = NULL;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P384, &next), ERR_OK);
	for (size_t i = 0; i < sizeof(rollovers) / sizeof(rollovers[0]); i++) {
		struct fixture *f = begin_rolling(next, rollovers[i].stored);
		struct heard h;

		print_message("%s\n", rollovers[i].name);
		play(f, rollovers[i].steps, &h);
		assert_int_equal(h.calls, 1);
		assert_int_equal(h.kind, PROBLEM_NONE);
		assert_int_equal(f->keys, rollovers[i].keys);
		assert_int_equal(f->key_end, rollovers[i].key_end);
		if (rollovers[i].why)
			assert_non_null(strstr(f->key_why.detail, rollovers[i].why));
		assert_thumbprint(f, rollovers[i].next ? next : f->key);
		end(f);
	}
	EVP_PKEY_free(next);
}

static void
a_ca_without_key_change_keeps_the_account(void **state)
{
	EVP_PKEY *next = NULL;
	struct fixture *f;
	struct heard h;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P256, &next), ERR_OK);
	f = begin_rolling(next, false);
	post(f, CLIENT_URL, CA "/x", NULL, &h);
	EXPECT(f, "GET", "/dir", .status = 200, .body = DIRECTORY(""), .nonce = "n1");
	EXPECT(f, "POST", "/x", .status = 200);
	assert_int_equal(f->key_end, CLIENT_KEY_REFUSED);
	assert_non_null(strstr(f->key_why.detail, "keyChange"));
	assert_int_equal(h.kind, PROBLEM_NONE);
	EVP_PKEY_free(next);
	end(f);
}

/* 7.3.5: outside the old key and the account, inside the new key, no nonce, the same url. */
static void
key_changes_are_signed_twice(void **state)
{
	EVP_PKEY *next = NULL;
	struct fixture *f;
	struct buf jwk = {0};
	cJSON *outer, *inner, *said, *key;
	char *payload, *text;
	struct heard h;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P384, &next), ERR_OK);
	f = begin_rolling(next, false);
	post(f, CLIENT_URL, CA "/x", NULL, &h);
	EXPECT(f, "GET", "/dir", .status = 200, .body = WHOLE, .nonce = "n1");
	outer = decoded(STAILQ_FIRST(&f->t.queue)->body, "protected");
	assert_member(outer, "alg", "ES256");
	assert_member(outer, "kid", CA "/acct/1");
	assert_member(outer, "nonce", "n1");
	assert_member(outer, "url", CA "/change");
	payload = jws_part(f, "payload");
	inner = decoded(payload, "protected");
	assert_member(inner, "alg", "ES384");
	assert_member(inner, "kid", NULL);
	assert_member(inner, "nonce", NULL);
	assert_member(inner, "url", CA "/change");
	key = cJSON_GetObjectItem(inner, "jwk");
	text = cJSON_PrintUnformatted(key);
	assert_int_equal(jose_jwk(next, &jwk), ERR_OK);
	assert_string_equal(text, buf_str(&jwk));
	cJSON_free(text);
	said = decoded(payload, "payload");
	assert_member(said, "account", CA "/acct/1");
	text = cJSON_PrintUnformatted(json_object(said, "oldKey"));
	buf_reset(&jwk);
	assert_int_equal(jose_jwk(f->key, &jwk), ERR_OK);
	assert_string_equal(text, buf_str(&jwk));
	cJSON_free(text);
	free(payload);
	cJSON_Delete(outer);
	cJSON_Delete(inner);
	cJSON_Delete(said);
	buf_done(&jwk);
	EVP_PKEY_free(next);
	end(f);
}

/* --- the account's state --------------------------------------------------------------------- */

static void
a_look_asks_without_making_one(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h;

	(void)state;
	assert_int_equal(client_look(f->client, on_answer, &h), ERR_OK);
	h = (struct heard){0};
	EXPECT(f, "GET", "/dir", .status = 200, .body = WHOLE, .nonce = "n9");
	assert_int_equal(f->directories, 2);
	assert_signed(f, "n9", NULL, LOOK);
	EXPECT(f, "POST", "/acct", .status = 200, .location = CA "/acct/1", .body = "{}");
	assert_int_equal(h.kind, PROBLEM_NONE);
	assert_int_equal(h.calls, 1);
	assert_non_null(client_directory(f->client)->key_change);
	end(f);
}

static const struct {
	const char *name;
	struct reply look;
	bool registers;
	bool goes_on;       /* the order is asked for once more */
	const char *status; /* of the event, NULL: none */
	const char *detail;
} doubts[] = {
	{"valid after all",
         {.status = 200, .body = "{\"status\":\"valid\"}", .location = CA "/acct/1"},
         false,
         true,
         "valid",
         NULL},
	{"deactivated",
         {.status = 200, .body = "{\"status\":\"deactivated\"}", .location = CA "/acct/1"},
         false,
         false,
         "deactivated",
         "the account is deactivated"},
	{"revoked",
         {.status = 200, .body = "{\"status\":\"revoked\"}", .location = CA "/acct/1"},
         false,
         false,
         "revoked",
         "the account is revoked"},
	{"lost",
         {.status = 400, .body = ACME_ERROR("accountDoesNotExist")},
         true,
         true,
         "valid",
         NULL},
	{"refused as a whole",
         {.status = 403, .body = ACME_ERROR("unauthorized")},
         false,
         false,
         NULL,
         "the unauthorized"},
	{"down", {.err = ERR_UNREACHABLE}, false, false, NULL, "curl's words"},
};

static void
an_unauthorized_order_makes_us_look_at_the_account(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
		struct fixture *f = begin_ready();
		struct heard h;

		print_message("%s\n", doubts[i].name);
		post(f, CLIENT_NEW_ORDER, NULL, "{}", &h);
		EXPECT(f, "POST", "/order", .status = 401, .body = ACME_ERROR("unauthorized"),
		       .nonce = "n1");
		assert_signed(f, "n1", NULL, LOOK);
		expect(f, "POST", CA "/acct", &doubts[i].look);
		if (request_for(f, "HEAD", CA "/nonce"))
			EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "n2");
		if (doubts[i].registers)
			EXPECT(f, "POST", "/acct", .status = 201, .nonce = "n3",
			       .location = CA "/acct/2");
		if (doubts[i].goes_on)
			EXPECT(f, "POST", "/order", .status = 401,
			       .body = ACME_ERROR("unauthorized"));
		assert_int_equal(f->t.count, 0);
		assert_int_equal(h.calls, 1);
		assert_string_equal(f->account_status, doubts[i].status ? doubts[i].status : "");
		if (doubts[i].goes_on)
			assert_int_equal(h.kind, PROBLEM_AUTHZ_FAILED);
		if (doubts[i].detail)
			assert_non_null(strstr(h.problem.detail, doubts[i].detail));
		end(f);
	}
}

static void
contacts_are_changed_and_kept(void **state)
{
	static const char *const contacts[] = {"new@example.com"};
	struct fixture *f = begin_ready();
	struct heard h = {0};

	(void)state;
	assert_int_equal(client_take_contacts(f->client, contacts, 1), ERR_OK);
	assert_int_equal(client_send_contacts(f->client, on_answer, &h), ERR_OK);
	assert_signed(f, "n0", CA "/acct/1", "{\"contact\":[\"mailto:new@example.com\"]}");
	EXPECT(f, "POST", "/acct/1", .status = 400, .nonce = "n1",
	       .body = ACME_ERROR("accountDoesNotExist"));
	assert_signed(f, "n1", NULL,
	              "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:new@example.com\"]}");
	EXPECT(f, "POST", "/acct", .status = 201, .nonce = "n2", .location = CA "/acct/2");
	EXPECT(f, "POST", "/acct/2", .status = 200, .nonce = "n3");
	assert_int_equal(h.kind, PROBLEM_NONE);
	assert_int_equal(client_take_contacts(f->client, NULL, 0), ERR_OK);
	assert_int_equal(client_send_contacts(f->client, on_answer, &h), ERR_OK);
	assert_signed(f, "n3", CA "/acct/2", "{\"contact\":[]}");
	client_cancel(f->client, &h);
	end(f);
}

static void
a_deactivated_account_is_asked_nothing(void **state)
{
	struct fixture *f = begin_ready();
	struct heard h[2] = {0};

	(void)state;
	assert_int_equal(client_deactivate(f->client, on_answer, &h[0]), ERR_OK);
	assert_signed(f, "n0", CA "/acct/1", "{\"status\":\"deactivated\"}");
	EXPECT(f, "POST", "/acct/1", .status = 200, .nonce = "n1");
	assert_int_equal(h[0].kind, PROBLEM_NONE);
	client_bar(f->client, "was deactivated");
	post(f, CLIENT_NEW_ORDER, NULL, "{}", &h[1]);
	EXPECT(f, "GET", "/dir", .status = 200, .body = WHOLE);
	assert_int_equal(h[1].kind, PROBLEM_CA_ACCOUNT);
	assert_string_equal(h[1].problem.detail, "was deactivated");
	assert_true(h[1].unsent);
	end(f);
}

/* --- revocation ------------------------------------------------------------------------------ */

static void
revocations_are_signed_by_the_account(void **state)
{
	struct client_revocation what = {.certificate = "\xfb\xff", .len = 2, .reason = 4};
	struct fixture *f = begin(CA "/acct/1", true);
	struct heard h = {0};

	(void)state;
	assert_int_equal(client_revoke(f->client, &what, on_answer, &h), ERR_OK);
	EXPECT(f, "GET", "/dir", .status = 200, .body = WHOLE, .nonce = "n1");
	assert_signed(f, "n1", CA "/acct/1", "{\"certificate\":\"-_8\",\"reason\":4}");
	EXPECT(f, "POST", "/revoke", .status = 400, .body = ACME_ERROR("alreadyRevoked"));
	assert_string_equal(h.problem.detail, "the alreadyRevoked");
	end(f);
}

/* By its own key: no account is needed, nor made, whatever state ours is in. */
static void
revocations_by_the_certificates_key_need_no_account(void **state)
{
	static const char *const directories[] = {
		DIRECTORY(",\"revokeCert\":\"" CA "/revoke\""),
		DIRECTORY(",\"revokeCert\":\"" CA "/revoke\",\"meta\":{\"termsOfService\":\"" CA
	                  "/tos\"}"),
		DIRECTORY(",\"revokeCert\":\"" CA
	                  "/revoke\",\"meta\":{\"externalAccountRequired\":true}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		struct fixture *f = begin(i ? "" : CA "/acct/1", i == 2);
		struct client_revocation what = {.certificate = "c", .len = 1, .reason = 1};
		cJSON *header;
		struct heard h = {0};

		assert_int_equal(key_new(KEY_RSA_2048, &what.key), ERR_OK);
		assert_int_equal(client_revoke(f->client, &what, on_answer, &h), ERR_OK);
		EXPECT(f, "GET", "/dir", .status = 200, .body = directories[i]);
		EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "n1");
		header = decoded(STAILQ_FIRST(&f->t.queue)->body, "protected");
		assert_member(header, "alg", "RS256");
		assert_member(header, "kid", NULL);
		assert_non_null(json_object(header, "jwk"));
		cJSON_Delete(header);
		EXPECT(f, "POST", "/revoke", .status = 200);
		assert_int_equal(h.calls, 1);
		assert_int_equal(h.kind, PROBLEM_NONE);
		assert_int_equal(f->accounts, 0);
		EVP_PKEY_free(what.key);
		end(f);
	}
}

static void
a_ca_without_revocation_is_told(void **state)
{
	struct client_revocation what = {.certificate = "c", .len = 1};
	struct fixture *f = begin_ready();
	struct heard h = {0};

	(void)state;
	assert_int_equal(client_revoke(f->client, &what, on_answer, &h), ERR_OK);
	expect(f, "defer", "", &(struct reply){.status = 0});
	assert_int_equal(h.kind, PROBLEM_CA_REFUSED);
	assert_non_null(strstr(h.problem.detail, "revokeCert"));
	end(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_accounts_are_bound),
		cmocka_unit_test(an_account_that_is_there_needs_no_binding),
		cmocka_unit_test(a_binding_that_cannot_be_read_is_told),
		cmocka_unit_test(another_kind_of_key_is_tried_once),
		cmocka_unit_test(a_key_that_could_not_be_made_ends_the_wait),
		cmocka_unit_test(rollovers_end_with_one_key),
		cmocka_unit_test(a_ca_without_key_change_keeps_the_account),
		cmocka_unit_test(key_changes_are_signed_twice),
		cmocka_unit_test(a_look_asks_without_making_one),
		cmocka_unit_test(an_unauthorized_order_makes_us_look_at_the_account),
		cmocka_unit_test(contacts_are_changed_and_kept),
		cmocka_unit_test(a_deactivated_account_is_asked_nothing),
		cmocka_unit_test(revocations_are_signed_by_the_account),
		cmocka_unit_test(revocations_by_the_certificates_key_need_no_account),
		cmocka_unit_test(a_ca_without_revocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
