/* SPDX-License-Identifier: Apache-2.0 */
/* tests/acme/client_fixture.h - a client over a transport of our own: the test sees every request
 * and writes every answer. One test program includes it once. */
#ifndef TESTS_ACME_CLIENT_FIXTURE_H
#define TESTS_ACME_CLIENT_FIXTURE_H

#include "acme/client_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "acme/binding.h"
#include "acme/directory.h"
#include "acme/jose.h"
#include "acme/key.h"
#include "acme/pace.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

enum { NOW = 1800000000 };

#define CA "https://ca.example"
#define DIRECTORY(more)                                                                            \
	"{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/acct\",\"newOrder\":\"" CA         \
	"/order\",\"odd\":[1]" more "}"
#define ACME_ERROR(word)                                                                           \
	"{\"type\":\"urn:ietf:params:acme:error:" word "\",\"detail\":\"the " word "\"}"

/* --- the transport --------------------------------------------------------------------------- */

struct sent {
	STAILQ_ENTRY(sent) link;
	char method[8];
	char url[256];
	char ca_file[64];
	char *body;
	transport_reply_fn *fn;
	void *arg;
};

struct transport {
	STAILQ_HEAD(, sent) queue;
	size_t count;
};

enum err
transport_submit(struct transport *t, const struct transport_request *request,
                 transport_reply_fn *fn, void *arg)
{
	struct sent *sent = calloc(1, sizeof(*sent));

	snprintf(sent->method, sizeof(sent->method), "%s", request->method);
	snprintf(sent->url, sizeof(sent->url), "%s", request->url);
	snprintf(sent->ca_file, sizeof(sent->ca_file), "%s",
	         request->ca_file ? request->ca_file : "");
	sent->body = request->len ? strndup(request->body, request->len) : NULL;
	sent->fn = fn;
	sent->arg = arg;
	STAILQ_INSERT_TAIL(&t->queue, sent, link);
	t->count++;
	return ERR_OK;
}

enum err
transport_defer(struct transport *t, transport_reply_fn *fn, void *arg)
{
	struct transport_request request = {.method = "defer", .url = ""};

	return transport_submit(t, &request, fn, arg);
}

static inline void
forget(struct transport *t, struct sent *sent)
{
	STAILQ_REMOVE(&t->queue, sent, sent, link);
	t->count--;
	free(sent->body);
	free(sent);
}

void
transport_cancel(struct transport *t, const void *arg)
{
	struct sent *sent, *next;

	for (sent = STAILQ_FIRST(&t->queue); sent; sent = next) {
		next = STAILQ_NEXT(sent, link);
		if (sent->arg == arg)
			forget(t, sent);
	}
}

/* --- what the tests use ---------------------------------------------------------------------- */

struct fixture {
	struct transport t;
	struct client *client;
	struct pace *pace;
	EVP_PKEY *key;
	unsigned accounts; /* events of that kind */
	char account_url[256];
	char orders_url[256];
	char account_status[32];
	unsigned directories;
	unsigned keys;
	enum client_key_end key_end;
	struct problem key_why;
	unsigned other_kinds;
	enum key_kind other_kind;
	bool makes_others;
	const char *eab_kid; /* NULL: none */
	const char *eab_problem;
};

/* One for each request of the test. */
struct heard {
	unsigned calls;
	enum problem_kind kind;
	bool unsent;
	int status;
	struct problem problem;
};

static inline void
on_account(void *arg, const struct client_account *account)
{
	struct fixture *f = arg;

	f->accounts++;
	snprintf(f->account_url, sizeof(f->account_url), "%s", account->url);
	snprintf(f->orders_url, sizeof(f->orders_url), "%s", account->orders);
	snprintf(f->account_status, sizeof(f->account_status), "%s", account->status);
}

static inline void
on_directory(void *arg, const struct directory *directory)
{
	struct fixture *f = arg;

	assert_non_null(directory->new_order);
	f->directories++;
}

static inline void
on_key(void *arg, enum client_key_end key_end, const struct problem *why)
{
	struct fixture *f = arg;

	f->keys++;
	f->key_end = key_end;
	f->key_why = why ? *why : (struct problem){0};
}

static inline bool
on_another_key(void *arg, enum key_kind kind)
{
	struct fixture *f = arg;

	f->other_kinds++;
	f->other_kind = kind;
	return f->makes_others;
}

static inline enum err
on_binding(void *arg, struct binding *ret_binding, struct secret *ret_key, struct problem *ret_why)
{
	struct fixture *f = arg;

	if (f->eab_problem) {
		problem_set(ret_why, PROBLEM_CA_ACCOUNT, "%s", f->eab_problem);
		return ERR_PERM;
	}
	if (!f->eab_kid)
		return ERR_NOTFOUND;
	*ret_binding = (struct binding){.kid = f->eab_kid, .mac = BINDING_HS384};
	return secret_set(ret_key, "mac key", 7);
}

static const struct client_events events = {.directory = on_directory,
                                            .account = on_account,
                                            .key = on_key,
                                            .another_key = on_another_key,
                                            .binding = on_binding};

static inline void
on_answer(void *arg, const struct client_answer *answer)
{
	struct heard *h = arg;

	h->calls++;
	h->kind = answer->problem.kind;
	h->problem = answer->problem;
	h->unsent = answer->unsent;
	h->status = answer->reply ? answer->reply->status : 0;
}

static inline struct fixture *
begin(const char *account_url, bool agree_terms)
{
	static const char *const contacts[] = {"ops@example.com", "mailto:b@example.com"};
	struct fixture *f = calloc(1, sizeof(*f));
	struct client_config config = {.directory = CA "/dir",
	                               .ca_file = "/ca.pem",
	                               .contacts = contacts,
	                               .contact_count = 2,
	                               .agree_terms = agree_terms,
	                               .account_url = account_url,
	                               .orders_url = ""};

	clock_set_wall(NOW);
	STAILQ_INIT(&f->t.queue);
	assert_int_equal(key_new(KEY_ECDSA_P256, &f->key), ERR_OK);
	config.key = f->key;
	assert_int_equal(pace_open(CA "/dir", &f->pace), ERR_OK);
	config.pace = f->pace;
	assert_int_equal(client_new(&f->t, &config, &events, f, &f->client), ERR_OK);
	assert_string_equal(client_state_word(f->client), "new");
	return f;
}

static inline void
end(struct fixture *f)
{
	client_free(f->client);
	pace_close(f->pace);
	assert_int_equal(f->t.count, 0);
	EVP_PKEY_free(f->key);
	free(f);
	clock_set_wall(-1);
}

static inline void
post(struct fixture *f, enum client_target target, const char *url, const char *payload,
     struct heard *h)
{
	*h = (struct heard){0};
	assert_int_equal(client_post(f->client, target, url, payload, on_answer, h), ERR_OK);
	assert_int_equal(h->calls, 0);
}

struct reply {
	int status; /* 0: `err` */
	enum err err;
	const char *body;
	const char *nonce;
	const char *location;
	int64_t retry_after_ms; /* 0: absent */
};

/* The oldest request for METHOD URL, NULL when there is none. */
static inline struct sent *
request_for(const struct fixture *f, const char *method, const char *url)
{
	struct sent *sent;

	STAILQ_FOREACH(sent, &f->t.queue, link)
	{
		if (strcmp(sent->method, method) == 0 && strcmp(sent->url, url) == 0)
			return sent;
	}
	return NULL;
}

/* There must be a request METHOD URL; it is answered with R. */
static inline void
expect(struct fixture *f, const char *method, const char *url, const struct reply *r)
{
	struct transport_reply *reply = calloc(1, sizeof(*reply));
	struct sent *sent = request_for(f, method, url);

	if (!sent)
		fail_msg("no %s %s among %zu requests", method, url, f->t.count);
	reply->err = r->err;
	snprintf(reply->error, sizeof(reply->error), "%s", r->err ? "curl's words" : "");
	reply->status = r->status;
	reply->retry_after_ms = r->retry_after_ms ? r->retry_after_ms : -1;
	snprintf(reply->nonce, sizeof(reply->nonce), "%s", r->nonce ? r->nonce : "");
	snprintf(reply->location, sizeof(reply->location), "%s", r->location ? r->location : "");
	buf_add_str(&reply->body, r->body ? r->body : "");
	STAILQ_REMOVE(&f->t.queue, sent, sent, link);
	f->t.count--;
	sent->fn(sent->arg, reply);
	buf_done(&reply->body);
	free(reply);
	free(sent->body);
	free(sent);
}

#define EXPECT(f, method, url, ...) expect(f, method, CA url, &(struct reply){__VA_ARGS__})

/* MEMBER of the oldest request's JWS ("protected", "payload"), decoded. */
static inline char *
jws_part(struct fixture *f, const char *member)
{
	struct sent *sent = STAILQ_FIRST(&f->t.queue);
	struct buf out = {0};
	cJSON *json = NULL;
	const char *text;
	char *copy;

	assert_non_null(sent);
	assert_non_null(sent->body);
	assert_int_equal(json_parse(sent->body, strlen(sent->body), &json), ERR_OK);
	text = json_text(json, member);
	assert_non_null(text);
	assert_int_equal(jose_base64url_decode(text, strlen(text), &out), ERR_OK);
	copy = strdup(buf_str(&out));
	buf_done(&out);
	cJSON_Delete(json);
	return copy;
}

static inline void
assert_signed(struct fixture *f, const char *nonce, const char *kid, const char *payload)
{
	char *header = jws_part(f, "protected"), *said = jws_part(f, "payload");
	cJSON *json = NULL;

	assert_int_equal(json_parse(header, strlen(header), &json), ERR_OK);
	assert_string_equal(json_text(json, "alg"), "ES256");
	assert_string_equal(json_text(json, "nonce"), nonce);
	assert_string_equal(json_text(json, "url"), STAILQ_FIRST(&f->t.queue)->url);
	assert_string_equal(STAILQ_FIRST(&f->t.queue)->ca_file, "/ca.pem");
	if (kid) {
		assert_string_equal(json_text(json, "kid"), kid);
		assert_null(json_object(json, "jwk"));
	} else {
		assert_null(json_text(json, "kid"));
		assert_non_null(json_object(json, "jwk"));
	}
	assert_string_equal(said, payload);
	cJSON_Delete(json);
	free(header);
	free(said);
}

/* A client with an account that has what it needs; the pool holds nonce "n0". */
static inline struct fixture *
begin_ready(void)
{
	struct fixture *f = begin(CA "/acct/1", true);
	struct heard h;

	post(f, CLIENT_URL, CA "/x", NULL, &h);
	EXPECT(f, "GET", "/dir", .status = 200, .body = DIRECTORY(""), .nonce = "n");
	EXPECT(f, "POST", "/x", .status = 200, .nonce = "n0");
	assert_int_equal(h.calls, 1);
	assert_string_equal(client_state_word(f->client), "ready");
	return f;
}

/* Two nonces into the pool: "b", and "c" on top of it. */
static inline void
fill_pool(struct fixture *f)
{
	struct heard h[2];

	post(f, CLIENT_URL, CA "/1", "{}", &h[0]);
	post(f, CLIENT_URL, CA "/2", "{}", &h[1]);
	EXPECT(f, "POST", "/1", .status = 200, .nonce = "a");
	EXPECT(f, "HEAD", "/nonce", .status = 200, .nonce = "b");
	EXPECT(f, "POST", "/2", .status = 200, .nonce = "c");
	assert_int_equal(f->t.count, 0);
}

#endif
