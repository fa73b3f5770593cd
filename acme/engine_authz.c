/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_authz.c - the states that prove who we are: authorize to validate, and explain */
#include <stdlib.h>
#include <string.h>

#include "acme/engine_steps.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/json.h"

/* The next authorization from AT on that is WANTED, authz_count when there is none. */
typedef bool authz_is_fn(const struct engine_authz *a);

static bool
is_unseen(const struct engine_authz *a)
{
	return !a->seen;
}

static bool
is_open(const struct engine_authz *a)
{
	return !a->valid;
}

static bool
is_unanswered(const struct engine_authz *a)
{
	return !a->valid && !a->answered;
}

static size_t
next_authz(const struct engine *e, size_t at, authz_is_fn *wanted)
{
	while (at < e->authz_count && !wanted(&e->authz[at]))
		at++;
	return at;
}

void
engine_authorize(struct engine *e)
{
	e->at = next_authz(e, 0, is_unseen);
	if (e->authz_count == 0)
		engine_strike_with(e, "the CA's order is pending and names no authorization");
	else
		engine_go(e, STATE_AUTHORIZE);
}

enum err
engine_build_get_authz(struct engine *e)
{
	return engine_get(e, e->authz[e->at].url);
}

static bool
is_ours(const struct engine *e, const struct hostname *name)
{
	for (size_t i = 0; i < e->name_count; i++)
		if (hostname_equal(name, &e->names[i]))
			return true;
	return false;
}

/* The authorization at hand out of REPLY; false when the engine has failed over it. */
static bool
take_authz(struct engine *e, const struct transport_reply *reply, struct authz *ret_authz)
{
	struct problem why;

	if (authz_read(reply, ret_authz, &why)) {
		engine_strike(e, &why);
		return false;
	}
	if (!is_ours(e, &ret_authz->name)) {
		engine_strike_with(e, "the CA wants an authorization for %s, which was not ordered",
		                   ret_authz->name.name);
		authz_done(ret_authz);
		return false;
	}
	if (ret_authz->status == AUTHZ_INVALID) {
		authz_explain(ret_authz, &why);
		authz_done(ret_authz);
		engine_fail(e, &why, true);
		return false;
	}
	return true;
}

/* Picks the challenge of a pending authorization; false when the engine has failed over it. */
static bool
choose_challenge(struct engine *e, struct engine_authz *to, const struct authz *authz)
{
	const char *types[ENGINE_CHALLENGE_TYPES_MAX];
	struct authz_challenge c;
	struct problem why;
	enum err err;

	for (size_t i = 0; i < e->type_count; i++)
		types[i] = e->types[i];
	err = authz_choose(authz, types, e->type_count, &c, &to->type, &why);
	if (err == ERR_NOTFOUND)
		engine_fail(e, &why, false); /* the configuration may change */
	else if (err)
		engine_strike(e, &why);
	if (err)
		return false;
	to->name = authz->name;
	to->answered = c.status != AUTHZ_CHALLENGE_PENDING;
	to->stale = c.error != NULL;
	strcpy(to->token, c.token);
	to->challenge_url = strdup(c.url);
	if (to->challenge_url)
		return true;
	problem_set(&why, PROBLEM_INTERNAL, "out of memory");
	engine_fail(e, &why, false);
	return false;
}

void
engine_read_authorize(struct engine *e, const struct transport_reply *reply)
{
	struct engine_authz *to = &e->authz[e->at];
	struct authz authz;
	bool fine;

	if (!take_authz(e, reply, &authz))
		return;
	to->seen = true;
	to->valid = authz.status == AUTHZ_VALID;
	fine = to->valid || choose_challenge(e, to, &authz);
	authz_done(&authz);
	if (!fine)
		return;
	e->at = next_authz(e, e->at, is_unseen);
	if (e->at < e->authz_count)
		engine_go(e, STATE_AUTHORIZE);
	else if (next_authz(e, 0, is_open) < e->authz_count)
		engine_go(e, STATE_PUBLISH);
	else
		engine_go(e, STATE_ISSUE);
}

enum err
engine_build_publish(struct engine *e)
{
	size_t count = 0;

	free(e->challenges);
	e->challenge_count = 0;
	e->challenges = calloc(e->authz_count, sizeof(*e->challenges));
	if (!e->challenges)
		return ERR_NOMEM;
	for (size_t i = next_authz(e, 0, is_open); i < e->authz_count;
	     i = next_authz(e, i + 1, is_open)) {
		const struct engine_authz *a = &e->authz[i];

		e->challenges[count++] = (struct engine_challenge){
			.name = a->name, .type = e->types[a->type], .token = a->token};
	}
	e->challenge_count = count;
	e->at = next_authz(e, 0, is_unanswered);
	return ERR_OK;
}

/* All are answered: the first look comes soon. */
enum err
engine_build_respond(struct engine *e)
{
	if (e->at == e->authz_count) {
		e->at = next_authz(e, 0, is_open);
		e->asked_ms = -1;
		engine_poll_first(e, STATE_VALIDATE);
		return ERR_OK;
	}
	e->send = (struct engine_send){
		.target = CLIENT_URL, .url = e->authz[e->at].challenge_url, .payload = "{}"};
	return ERR_OK;
}

/* Whether the challenge C is lost: said to be invalid, or left pending with a new error. */
static bool
has_failed(const struct engine_authz *a, const struct authz_challenge *c)
{
	return c->status == AUTHZ_CHALLENGE_INVALID ||
	       (c->status == AUTHZ_CHALLENGE_PENDING && c->error && !a->stale);
}

static void
fail_challenge(struct engine *e, const struct authz_challenge *c)
{
	struct problem why;

	if (c->error)
		refusal_read(c->error, 0, &why);
	else
		problem_set(&why, PROBLEM_AUTHZ_FAILED, "the CA refused the %s challenge of %s",
		            c->type, e->authz[e->at].name.name);
	engine_fail(e, &why, true);
}

static void
answered(struct engine *e)
{
	e->authz[e->at].answered = true;
	e->at = next_authz(e, e->at, is_unanswered);
	engine_go(e, STATE_RESPOND);
}

/* The authorization decides, not this answer, unless it says no already. */
void
engine_read_respond(struct engine *e, const struct transport_reply *reply)
{
	struct authz_challenge c;
	cJSON *json = NULL;

	if (!json_parse(reply->body.data, reply->body.len, &json) &&
	    !authz_challenge_read(json, &c) && has_failed(&e->authz[e->at], &c))
		fail_challenge(e, &c);
	else
		answered(e);
	cJSON_Delete(json);
}

/* "malformed" is what a challenge answered before the last crash gets: see what became of it. */
bool
engine_refused_respond(struct engine *e, const struct client_answer *answer)
{
	if (!refusal_is(&answer->problem, "malformed") || answer->problem.status == 404)
		return false;
	answered(e);
	return true;
}

void
engine_read_validate(struct engine *e, const struct transport_reply *reply)
{
	struct engine_authz *to = &e->authz[e->at];
	struct authz authz;
	struct authz_challenge c;

	if (!take_authz(e, reply, &authz))
		return;
	to->valid = authz.status == AUTHZ_VALID;
	if (!to->valid && !authz_find(&authz, to->challenge_url, &c) && has_failed(to, &c)) {
		fail_challenge(e, &c);
		authz_done(&authz);
		return;
	}
	authz_done(&authz);
	if (!to->valid && reply->retry_after_ms > e->asked_ms)
		e->asked_ms = reply->retry_after_ms;
	e->at = next_authz(e, e->at + 1, is_open);
	if (e->at < e->authz_count) {
		engine_go(e, STATE_VALIDATE);
		return;
	}
	e->at = next_authz(e, 0, is_open);
	if (e->at < e->authz_count) {
		int64_t asked_ms = e->asked_ms;

		e->asked_ms = -1;
		engine_poll_again(e, asked_ms);
	} else {
		e->polls = 0;
		engine_go(e, STATE_ISSUE);
	}
}

/* --- explain --------------------------------------------------------------------------------- */

static void
explain_next(struct engine *e)
{
	if (++e->at < e->authz_count)
		engine_go(e, STATE_EXPLAIN);
	else
		engine_gone(e, "the CA calls this one invalid without saying why");
}

void
engine_read_explain(struct engine *e, const struct transport_reply *reply)
{
	struct authz authz;
	struct problem why;

	if (authz_read(reply, &authz, &why)) {
		explain_next(e);
		return;
	}
	if (authz.status == AUTHZ_INVALID && authz_explain(&authz, &why))
		engine_fail(e, &why, true);
	else
		explain_next(e);
	authz_done(&authz);
}

bool
engine_refused_explain(struct engine *e, const struct client_answer *answer)
{
	if (!engine_retries(e, &answer->problem))
		explain_next(e);
	return true;
}
