/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_authz.c - the states that prove who we are: authorize to validate, and explain */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/engine_steps.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/json.h"

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

static bool
is_any(const struct engine_authz *a)
{
	(void)a;
	return true;
}

/* A request for each authorization that is WANTED; how many there are. */
static size_t
round_of(struct engine *e, authz_is_fn *wanted)
{
	size_t due = 0;

	for (size_t i = 0; i < e->authz_count; i++) {
		e->turns[i] = wanted(&e->authz[i]) ? TURN_DUE : TURN_OVER;
		due += e->turns[i] == TURN_DUE;
	}
	engine_round(e, e->authz_count);
	return due;
}

static bool
has(const struct engine *e, authz_is_fn *wanted)
{
	for (size_t i = 0; i < e->authz_count; i++)
		if (wanted(&e->authz[i]))
			return true;
	return false;
}

void
engine_each_authz(struct engine *e, size_t i)
{
	e->send = (struct engine_send){.target = CLIENT_URL, .url = e->authz[i].url};
}

/* --- authorize ------------------------------------------------------------------------------- */

void
engine_authorize(struct engine *e)
{
	if (e->authz_count == 0)
		engine_strike_with(e, "the CA's order is pending and names no authorization");
	else
		engine_go(e, STATE_AUTHORIZE);
}

/* All were read in an earlier round of this life: they are looked at again. */
enum err
engine_build_authorize(struct engine *e)
{
	if (!round_of(e, is_unseen))
		round_of(e, is_any);
	return ERR_OK;
}

static bool
is_ours(const struct engine *e, const struct hostname *name)
{
	for (size_t i = 0; i < e->name_count; i++)
		if (hostname_equal(name, &e->names[i]))
			return true;
	return false;
}

/* Of several names, the problem says which one it is about. */
static void
fail_over(struct engine *e, const struct hostname *name, const struct problem *why)
{
	struct problem p = *why;

	if (e->name_count > 1 && !strstr(why->detail, name->name))
		snprintf(p.detail, sizeof(p.detail), "%s: %.200s", name->name, why->detail);
	engine_fail(e, &p, true);
}

/* The authorization out of REPLY; false when the engine has failed over it. */
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
		fail_over(e, &ret_authz->name, &why);
		authz_done(ret_authz);
		return false;
	}
	return true;
}

/* The CA's names of a dns-persist-01 challenge. */
static enum err
keep_issuers(struct engine_authz *to, const struct authz_challenge *c)
{
	struct buf text = {0};
	enum err err = ERR_OK;

	for (size_t i = 0; i < c->issuer_count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", c->issuers[i]);
	free(to->issuers);
	to->issuers = buf_str(&text) ? strdup((const char *)text.data) : NULL;
	if (!to->issuers)
		err = ERR_NOMEM;
	buf_done(&text);
	return err;
}

/* Picks the challenge of a pending authorization. */
static void
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
		return;
	to->name = authz->name;
	to->answered = c.status != AUTHZ_CHALLENGE_PENDING;
	to->stale = c.error != NULL;
	strcpy(to->token, c.token);
	free(to->challenge_url);
	to->challenge_url = strdup(c.url);
	if (!to->challenge_url || keep_issuers(to, &c))
		engine_fail_inside(e, ERR_NOMEM);
}

ENGINE_READ(authorize)
{
	struct engine_authz *to = &e->authz[i];
	struct authz authz;

	if (!take_authz(e, answer->reply, &authz))
		return;
	to->seen = true;
	to->valid = authz.status == AUTHZ_VALID;
	if (!to->valid)
		choose_challenge(e, to, &authz);
	authz_done(&authz);
}

void
engine_over_authorize(struct engine *e)
{
	engine_go(e, has(e, is_open) ? STATE_PUBLISH : STATE_ISSUE);
}

/* --- publish, respond ------------------------------------------------------------------------ */

enum err
engine_build_publish(struct engine *e)
{
	size_t count = 0;

	free(e->challenges);
	e->challenge_count = 0;
	e->challenges = calloc(e->authz_count, sizeof(*e->challenges));
	if (!e->challenges)
		return ERR_NOMEM;
	for (size_t i = 0; i < e->authz_count; i++) {
		const struct engine_authz *a = &e->authz[i];

		if (is_open(a))
			e->challenges[count++] =
				(struct engine_challenge){.name = a->name,
			                                  .type = e->types[a->type],
			                                  .token = a->token,
			                                  .issuers = a->issuers ? a->issuers : ""};
	}
	e->challenge_count = count;
	return ERR_OK;
}

/* All are answered: the first look comes soon. */
enum err
engine_build_respond(struct engine *e)
{
	if (!round_of(e, is_unanswered))
		engine_over_respond(e);
	return ERR_OK;
}

void
engine_over_respond(struct engine *e)
{
	e->asked_ms = -1;
	engine_poll_first(e, STATE_VALIDATE);
}

void
engine_each_respond(struct engine *e, size_t i)
{
	e->send = (struct engine_send){
		.target = CLIENT_URL, .url = e->authz[i].challenge_url, .payload = "{}"};
}

/* Whether the challenge C is lost: said to be invalid, or left pending with a new error. */
static bool
has_failed(const struct engine_authz *a, const struct authz_challenge *c)
{
	return c->status == AUTHZ_CHALLENGE_INVALID ||
	       (c->status == AUTHZ_CHALLENGE_PENDING && c->error && !a->stale);
}

static void
fail_challenge(struct engine *e, const struct engine_authz *a, const struct authz_challenge *c)
{
	struct problem why;

	if (c->error)
		refusal_read(c->error, 0, &why);
	else
		problem_set(&why, PROBLEM_AUTHZ_FAILED, "the CA refused the %s challenge of %s",
		            c->type, a->name.name);
	fail_over(e, &a->name, &why);
}

/* The authorization decides, not this answer, unless it says no already. */
ENGINE_READ(respond)
{
	const struct transport_reply *reply = answer->reply;
	struct engine_authz *a = &e->authz[i];
	struct authz_challenge c;
	cJSON *json = NULL;

	a->answered = true;
	if (!json_parse(reply->body.data, reply->body.len, &json) &&
	    !authz_challenge_read(json, &c) && has_failed(a, &c))
		fail_challenge(e, a, &c);
	cJSON_Delete(json);
}

/* "malformed" is what a challenge answered before the last crash gets: see what became of it. */
ENGINE_REFUSED(respond)
{
	if (!refusal_is(&answer->problem, "malformed") || answer->problem.status == 404)
		return false;
	e->authz[i].answered = true;
	return true;
}

/* --- validate -------------------------------------------------------------------------------- */

enum err
engine_build_validate(struct engine *e)
{
	round_of(e, is_open);
	return ERR_OK;
}

ENGINE_READ(validate)
{
	const struct transport_reply *reply = answer->reply;
	struct engine_authz *to = &e->authz[i];
	struct authz authz;
	struct authz_challenge c;

	if (!take_authz(e, reply, &authz))
		return;
	to->valid = authz.status == AUTHZ_VALID;
	if (!to->valid && !authz_find(&authz, to->challenge_url, &c) && has_failed(to, &c))
		fail_challenge(e, to, &c);
	else if (!to->valid && reply->retry_after_ms > e->asked_ms)
		e->asked_ms = reply->retry_after_ms;
	authz_done(&authz);
}

void
engine_over_validate(struct engine *e)
{
	int64_t asked_ms = e->asked_ms;

	e->asked_ms = -1;
	if (has(e, is_open)) {
		engine_poll_again(e, asked_ms);
	} else {
		e->polls = 0;
		engine_go(e, STATE_ISSUE);
	}
}

/* --- explain --------------------------------------------------------------------------------- */

enum err
engine_build_explain(struct engine *e)
{
	round_of(e, is_any);
	return ERR_OK;
}

ENGINE_READ(explain)
{
	struct authz authz;
	struct problem why;

	(void)i;
	if (authz_read(answer->reply, &authz, &why))
		return;
	if (authz.status == AUTHZ_INVALID && authz_explain(&authz, &why))
		fail_over(e, &authz.name, &why);
	authz_done(&authz);
}

ENGINE_REFUSED(explain)
{
	engine_retries(e, i, &answer->problem);
	return true;
}

void
engine_over_explain(struct engine *e)
{
	engine_gone(e, "the CA calls this one invalid without saying why");
}
