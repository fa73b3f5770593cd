/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/acmescript.h - the order engine against a list of (request expected, answer given)
 */
#ifndef TESTS_SUPPORT_ACMESCRIPT_H
#define TESTS_SUPPORT_ACMESCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/engine.h"

enum { NOW = 1800000000, SCRIPT_STEPS_MAX = 24 };

#define CA       "https://ca.example"
#define ID(name) "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define ORDER_OF(status, ids, authz, more)                                                         \
	"{\"status\":\"" status "\",\"identifiers\":[" ids "],\"authorizations\":[" authz          \
	"],\"finalize\":\"" CA "/fin\"" more "}"
#define ORDER(status, more) ORDER_OF(status, ID("a.example"), "\"" CA "/z1\"", more)
#define CERT                ",\"certificate\":\"" CA "/cert\""
#define CHALLENGE(type, n, status, more)                                                           \
	"{\"type\":\"" type "\",\"url\":\"" CA "/c" n "\",\"token\":\"tok" n                       \
	"\",\"status\":\"" status "\"" more "}"
#define AUTHZ_OF(name, status, challenges)                                                         \
	"{\"status\":\"" status "\",\"identifier\":" ID(name) ",\"challenges\":[" challenges "]}"
#define AUTHZ(status, challenge_status, more)                                                      \
	AUTHZ_OF("a.example", status, CHALLENGE("http-01", "1", challenge_status, more))
#define ACME_ERROR(word, detail)                                                                   \
	"{\"type\":\"urn:ietf:params:acme:error:" word "\",\"detail\":\"" detail "\"}"
#define FAILED_WITH(word, detail) ",\"error\":" ACME_ERROR(word, detail)

/* What is expected in one go: WAIT and PUBLISH happen by themselves, `waited` and `published` check
 * them when not 0. */
struct script_step {
	const char *url;     /* "newOrder", "offer" for these targets; body of an offer: profiles */
	const char *payload; /* a part of it; NULL: POST-as-GET */
	bool dirty;          /* must have been saved since the last request */
	uint32_t waited;     /* ms before it */
	size_t published;    /* challenges before it */
	int status;          /* of the answer; 0: nothing heard (unreachable), -1: never sent */
	const char *body;
	const char *location;
	int64_t retry_after_ms; /* 0: absent; -1: zero seconds */
	const char *without;    /* what must not be in the payload */
	const char *links[3];   /* of rel alternate */
};

#define NEW_ORDER(order)                                                                           \
	{                                                                                          \
		.url = "newOrder", .payload = "\"value\":\"a.example\"", .dirty = true,            \
		.status = 201, .body = order, .location = CA "/o"                                  \
	}
#define GET(path, reply)                                                                           \
	{                                                                                          \
		.url = CA path, .status = 200, .body = reply                                       \
	}
#define FIRST_GET(path, reply)                                                                     \
	{                                                                                          \
		.url = CA path, .dirty = true, .status = 200, .body = reply                        \
	}
#define RESPOND(reply)                                                                             \
	{                                                                                          \
		.url = CA "/c1", .payload = "{}", .published = 1, .status = 200, .body = reply     \
	}
#define POLL(ms, path, reply)                                                                      \
	{                                                                                          \
		.url = CA path, .waited = ms, .status = 200, .body = reply                         \
	}
#define FINALIZE(reply)                                                                            \
	{                                                                                          \
		.url = CA "/fin", .payload = "{\"csr\":\"", .dirty = true, .status = 200,          \
		.body = reply                                                                      \
	}
#define DOWNLOAD                                                                                   \
	{                                                                                          \
		.url = CA "/cert", .status = 200, .body = "chain"                                  \
	}
#define UNTIL_RESPOND                                                                              \
	NEW_ORDER(ORDER("pending", "")), FIRST_GET("/z1", AUTHZ("pending", "pending", "")),        \
		RESPOND(CHALLENGE("http-01", "1", "processing", ""))
#define UNTIL_FINALIZE                                                                             \
	UNTIL_RESPOND, POLL(250, "/z1", AUTHZ("valid", "valid", "")), GET("/o", ORDER("ready", ""))

struct script {
	const char *name;
	struct script_step steps[SCRIPT_STEPS_MAX];
	enum problem_kind problem; /* NONE: DONE is expected */
	bool dead;
	const char *detail;
	int64_t retry_at;
};

/* An engine and where it is; script_walk() lets it come to its next request (`send`) or its end,
 * performing what lies between: keys are P-256 ones, made once. */
struct script_walk {
	struct engine *e;
	struct engine_send send;
	bool saved;
	uint32_t waited;
	size_t published;
	unsigned keys; /* made */
};

enum engine_wish script_walk(struct script_walk *w);
/* Answers the request as STEP says. */
void script_answer(struct script_walk *w, const struct script_step *step);
/* Expects every step of S, and answers it. */
void script_play(const struct script *s, struct script_walk *w);

#endif
