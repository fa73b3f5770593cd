/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/engine.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acme/engine_steps.h"

#define ASKS(name, build, read, refused)                                                           \
	{                                                                                          \
		name, ENGINE_SEND, engine_build_##build, engine_read_##read,                       \
			engine_refused_##refused, NULL, NULL                                       \
	}
#define ROUND(name, state, refused, each)                                                          \
	{                                                                                          \
		name, ENGINE_SEND, engine_build_##state, engine_read_##state,                      \
			engine_refused_##refused, engine_each_##each, engine_over_##state          \
	}

/* clang-format off */
static const struct engine_row rows[STATE_COUNT] = {
	/*                         name         request    answer     refusal   */
	[STATE_OFFER]     = ASKS("offer",     offer,     offer,     usual),
	[STATE_NEW_ORDER] = ASKS("new-order", new_order, new_order, new_order),
	[STATE_LOST]      = {.name = "lost", .wish = ENGINE_WAIT},
	[STATE_RESUME]    = ASKS("resume",    get_order, order,     gone),
	/*                         name         state      refusal    each      */
	[STATE_AUTHORIZE] = ROUND("authorize", authorize, gone,      authz),
	[STATE_PUBLISH]   = {"publish", ENGINE_PUBLISH, .build = engine_build_publish},
	[STATE_RESPOND]   = ROUND("respond",   respond,   respond,   respond),
	[STATE_VALIDATE]  = ROUND("validate",  validate,  gone,      authz),
	[STATE_KEY]       = {.name = "key", .wish = ENGINE_KEY},
	[STATE_FINALIZE]  = ASKS("finalize",  finalize,  order,     finalize),
	[STATE_ISSUE]     = ASKS("issue",     get_order, order,     gone),
	[STATE_DOWNLOAD]  = ASKS("download",  download,  download,  usual),
	[STATE_ALTERNATE] = ROUND("alternate", alternate, alternate, alternate),
	[STATE_EXPLAIN]   = ROUND("explain",   explain,   explain,   authz),
	[STATE_DONE]      = {.name = "done", .wish = ENGINE_DONE},
	[STATE_FAILED]    = {.name = "failed", .wish = ENGINE_FAILED},
};
/* clang-format on */

enum { RETRY_AFTER_MIN_MS = 1000, RETRY_AFTER_MAX_MS = 24 * 3600 * 1000, LOST_WAIT_MS = 1000 };

/* A fast CA is done within the first two; the last goes on and on. */
static const uint32_t poll_ms[] = {250, 500, 1000, 2000, 3000, 5000};
static const uint32_t retry_ms[ENGINE_RETRIES_MAX] = {1000, 3000, 9000};

void
engine_go(struct engine *e, enum engine_state state)
{
	const struct engine_row *row = &rows[state];
	size_t round = ++e->round;
	enum err err;

	e->state = state;
	e->waiting = false;
	e->turn_count = 0;
	e->send = (struct engine_send){0};
	buf_reset(&e->payload);
	if (!row->build)
		return;
	err = row->build(e);
	if (e->round != round)
		return; /* it went on at once */
	if (err) {
		engine_fail_inside(e, err);
	} else if (row->wish == ENGINE_SEND && !row->each) {
		e->turns[0] = TURN_DUE;
		e->turn_count = 1;
	}
}

void
engine_round(struct engine *e, size_t count)
{
	e->turn_count = count;
}

void
engine_get(struct engine *e, const char *url)
{
	e->send = (struct engine_send){.target = CLIENT_URL, .url = url};
}

/* ---- waiting -------------------------------------------------------------------------------- */

void
engine_wait(struct engine *e, uint32_t ms)
{
	e->waiting = true;
	e->wait_ms = ms;
}

uint32_t
engine_retry_ms(struct engine *e)
{
	return retry_ms[e->retries < ENGINE_RETRIES_MAX ? e->retries++ : ENGINE_RETRIES_MAX - 1];
}

/* Up to a quarter more, so that orders which began together do not stay together (xorshift). */
static uint32_t
jitter(struct engine *e, uint32_t ms)
{
	e->seed ^= e->seed << 13;
	e->seed ^= e->seed >> 17;
	e->seed ^= e->seed << 5;
	return e->seed % (ms / 4 + 1);
}

static uint32_t
poll_delay(struct engine *e)
{
	size_t last = sizeof(poll_ms) / sizeof(poll_ms[0]) - 1;
	uint32_t ms = poll_ms[e->polls < last ? e->polls : last];

	return ms + jitter(e, ms);
}

void
engine_poll_first(struct engine *e, enum engine_state state)
{
	e->polls = 0;
	engine_go(e, state);
	if (e->state == state)
		engine_wait(e, poll_delay(e));
}

void
engine_poll_again(struct engine *e, int64_t retry_after_ms)
{
	int64_t left = ENGINE_PATIENCE_MS - e->waited_ms, ms = retry_after_ms;

	if (++e->polls > ENGINE_POLLS_MAX || left <= 0) {
		engine_strike_with(e, "the CA was asked %u times and is still not done with \"%s\"",
		                   e->polls, rows[e->state].name);
		return;
	}
	if (ms < 0)
		ms = poll_delay(e);
	else if (ms < RETRY_AFTER_MIN_MS)
		ms = RETRY_AFTER_MIN_MS;
	else if (ms > RETRY_AFTER_MAX_MS)
		ms = RETRY_AFTER_MAX_MS;
	engine_go(e, e->state);
	engine_wait(e, (uint32_t)(ms < left ? ms : left));
}

/* ---- how it ends ---------------------------------------------------------------------------- */

void
engine_fail(struct engine *e, const struct problem *problem, bool dead)
{
	e->problem = *problem;
	e->dead = dead;
	e->failing = e->out > 0;
	if (!e->failing)
		engine_go(e, STATE_FAILED);
}

void
engine_fail_inside(struct engine *e, enum err err)
{
	struct problem problem;

	problem_set(&problem, PROBLEM_INTERNAL, "%s: %s", rows[e->state].name, err_text(err));
	engine_fail(e, &problem, false);
}

void
engine_strike(struct engine *e, const struct problem *problem)
{
	e->strikes++;
	e->dirty = true;
	engine_fail(e, problem, e->strikes >= ENGINE_STRIKES_MAX);
}

void
engine_strike_with(struct engine *e, const char *format, ...)
{
	struct problem problem;
	char text[PROBLEM_DETAIL_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	problem_set(&problem, PROBLEM_CA_PROTOCOL, "%s", text);
	engine_strike(e, &problem);
}

void
engine_gone(struct engine *e, const char *why)
{
	struct problem problem;

	problem_set(&problem, PROBLEM_CA_ERROR, "a new order is needed: %s", why);
	e->gone = true;
	engine_fail(e, &problem, true);
}

/* ---- answers -------------------------------------------------------------------------------- */

bool
engine_may_pass(const struct engine *e, const struct problem *problem)
{
	bool passing = problem->kind == PROBLEM_CA_UNREACHABLE || problem->kind == PROBLEM_CA_ERROR;

	return passing && !problem->retry_at && e->retries < ENGINE_RETRIES_MAX;
}

bool
engine_retries(struct engine *e, size_t i, const struct problem *problem)
{
	if (!engine_may_pass(e, problem))
		return false;
	e->turns[i] = TURN_AGAIN;
	return true;
}

bool
engine_is_final(const struct problem *p)
{
	return !problem_is_passing(p) && p->kind != PROBLEM_CA_ACCOUNT && p->status >= 400 &&
	       p->status != 408 && p->status != 429 && p->status < 500;
}

bool
engine_refused_usual(struct engine *e, size_t i, const struct client_answer *answer)
{
	(void)e;
	(void)i;
	(void)answer;
	return false;
}

/* No row knew better. The URL of the order or of one of its parts is unknown to the CA: it has
 * forgotten the order. */
static void
refuse(struct engine *e, size_t i, const struct client_answer *answer)
{
	const struct problem *problem = &answer->problem;

	if (e->url[0] && problem->status == 404)
		engine_gone(e, problem->detail);
	else if (answer->misled)
		engine_strike(e, problem);
	else if (!engine_retries(e, i, problem))
		engine_fail(e, problem, engine_is_final(problem));
}

static void
take_answer(struct engine *e, size_t i, const struct client_answer *answer)
{
	const struct engine_row *row = &rows[e->state];

	if (answer->problem.kind == PROBLEM_NONE) {
		e->retries = 0;
		row->read(e, i, answer);
	} else if (!row->refused(e, i, answer)) {
		refuse(e, i, answer);
	}
}

static size_t
find_turn(const struct engine *e, enum engine_turn turn)
{
	size_t i = 0;

	while (i < e->turn_count && e->turns[i] != turn)
		i++;
	return i;
}

/* All answers of the state are in. */
static void
end_round(struct engine *e)
{
	if (find_turn(e, TURN_AGAIN) < e->turn_count) {
		for (size_t i = 0; i < e->turn_count; i++)
			if (e->turns[i] == TURN_AGAIN)
				e->turns[i] = TURN_DUE;
		engine_wait(e, engine_retry_ms(e));
	} else if (rows[e->state].over) {
		rows[e->state].over(e);
	}
}

void
engine_feed(struct engine *e, unsigned id, const struct client_answer *answer)
{
	size_t round = e->round;

	if (id >= e->turn_count || e->turns[id] != TURN_OUT)
		return;
	e->turns[id] = TURN_OVER;
	e->out--;
	if (!e->failing)
		take_answer(e, id, answer);
	if (e->round != round || e->out > 0)
		return;
	if (e->failing)
		engine_go(e, STATE_FAILED);
	else if (find_turn(e, TURN_DUE) == e->turn_count)
		end_round(e);
}

const struct engine_send *
engine_send_next(struct engine *e)
{
	size_t i = find_turn(e, TURN_DUE);

	if (engine_wish(e) != ENGINE_SEND)
		return NULL;
	if (rows[e->state].each)
		rows[e->state].each(e, i);
	e->send.id = (unsigned)i;
	e->turns[i] = TURN_OUT;
	e->out++;
	return &e->send;
}

/* ---- wishes --------------------------------------------------------------------------------- */

enum engine_wish
engine_wish(const struct engine *e)
{
	enum engine_wish wish = rows[e->state].wish;

	if (e->waiting)
		return ENGINE_WAIT;
	if (wish != ENGINE_SEND)
		return wish;
	if (e->failing || e->out >= ENGINE_AT_ONCE || find_turn(e, TURN_DUE) == e->turn_count)
		return ENGINE_HEAR;
	return ENGINE_SEND;
}

void
engine_published(struct engine *e)
{
	if (e->state == STATE_PUBLISH)
		engine_go(e, STATE_RESPOND);
}

void
engine_take_key(struct engine *e, EVP_PKEY *key)
{
	if (e->state != STATE_KEY) {
		EVP_PKEY_free(key);
	} else if (!key) {
		engine_fail_inside(e, ERR_CRYPTO);
	} else {
		e->key = key;
		e->dirty = true;
		engine_go(e, STATE_FINALIZE);
	}
}

uint32_t
engine_wait_ms(const struct engine *e)
{
	return e->state == STATE_LOST ? LOST_WAIT_MS : e->wait_ms;
}

void
engine_waited(struct engine *e)
{
	if (e->waiting)
		e->waited_ms += e->wait_ms;
	e->waiting = false;
}

const char *
engine_state_word(const struct engine *e)
{
	return rows[e->state].name;
}
