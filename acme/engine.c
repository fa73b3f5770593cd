/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acme/engine_steps.h"
#include "acme/refusal.h"

#define SENDS(name, build, read, refused)                                                          \
	{                                                                                          \
		name, ENGINE_SEND, engine_build_##build, engine_read_##read,                       \
			engine_refused_##refused                                                   \
	}

/* clang-format off */
static const struct engine_row rows[STATE_COUNT] = {
	/*                          name         request    answer     refusal   */
	[STATE_NEW_ORDER] = SENDS("new-order", new_order, new_order, new_order),
	[STATE_LOST]      = {"lost", ENGINE_WAIT, NULL, NULL, NULL},
	[STATE_RESUME]    = SENDS("resume",    get_order, order,     gone),
	[STATE_AUTHORIZE] = SENDS("authorize", get_authz, authorize, gone),
	[STATE_PUBLISH]   = {"publish", ENGINE_PUBLISH, engine_build_publish, NULL, NULL},
	[STATE_RESPOND]   = SENDS("respond",   respond,   respond,   respond),
	[STATE_VALIDATE]  = SENDS("validate",  get_authz, validate,  gone),
	[STATE_FINALIZE]  = SENDS("finalize",  finalize,  order,     finalize),
	[STATE_ISSUE]     = SENDS("issue",     get_order, order,     gone),
	[STATE_DOWNLOAD]  = SENDS("download",  download,  download,  usual),
	[STATE_EXPLAIN]   = SENDS("explain",   get_authz, explain,   explain),
	[STATE_DONE]      = {"done", ENGINE_DONE, NULL, NULL, NULL},
	[STATE_FAILED]    = {"failed", ENGINE_FAILED, NULL, NULL, NULL},
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
	struct problem problem;
	enum err err;

	e->state = state;
	e->waiting = false;
	if (!row->build)
		return;
	e->send = (struct engine_send){0};
	buf_reset(&e->payload);
	err = row->build(e);
	if (err && e->state != STATE_FAILED) {
		problem_set(&problem, PROBLEM_INTERNAL, "%s: %s", row->name, err_text(err));
		engine_fail(e, &problem, false);
	}
}

enum err
engine_get(struct engine *e, const char *url)
{
	e->send = (struct engine_send){.target = CLIENT_URL, .url = url};
	return ERR_OK;
}

void
engine_wait(struct engine *e, uint32_t ms)
{
	e->waiting = true;
	e->wait_ms = ms;
}

static uint32_t
poll_delay(const struct engine *e)
{
	size_t last = sizeof(poll_ms) / sizeof(poll_ms[0]) - 1;

	return poll_ms[e->polls < last ? e->polls : last];
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
	if (++e->polls > ENGINE_POLLS_MAX) {
		engine_strike_with(e, "the CA was asked %u times and is still not done with \"%s\"",
		                   (unsigned)ENGINE_POLLS_MAX, rows[e->state].name);
		return;
	}
	engine_go(e, e->state);
	if (retry_after_ms < 0)
		engine_wait(e, poll_delay(e));
	else if (retry_after_ms < RETRY_AFTER_MIN_MS)
		engine_wait(e, RETRY_AFTER_MIN_MS);
	else if (retry_after_ms > RETRY_AFTER_MAX_MS)
		engine_wait(e, RETRY_AFTER_MAX_MS);
	else
		engine_wait(e, (uint32_t)retry_after_ms);
}

void
engine_fail(struct engine *e, const struct problem *problem, bool dead)
{
	e->problem = *problem;
	e->dead = dead;
	engine_go(e, STATE_FAILED);
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
	engine_fail(e, &problem, true);
}

bool
engine_retries(struct engine *e, const struct problem *problem)
{
	bool passing = problem->kind == PROBLEM_CA_UNREACHABLE || problem->kind == PROBLEM_CA_ERROR;

	if (!passing || problem->retry_at || e->retries >= ENGINE_RETRIES_MAX)
		return false;
	engine_wait(e, retry_ms[e->retries++]);
	return true;
}

bool
engine_is_final(const struct problem *p)
{
	return !problem_is_passing(p) && p->kind != PROBLEM_CA_ACCOUNT && p->status >= 400 &&
	       p->status != 408 && p->status != 429 && p->status < 500;
}

bool
engine_refused_usual(struct engine *e, const struct client_answer *answer)
{
	(void)e;
	(void)answer;
	return false;
}

/* No row knew better. The URL of the order or of one of its parts is unknown to the CA: it has
 * forgotten the order. */
static void
refuse(struct engine *e, const struct problem *problem)
{
	if (e->url[0] && problem->status == 404)
		engine_gone(e, problem->detail);
	else if (!engine_retries(e, problem))
		engine_fail(e, problem, engine_is_final(problem));
}

void
engine_feed(struct engine *e, const struct client_answer *answer)
{
	const struct engine_row *row = &rows[e->state];

	if (engine_wish(e) != ENGINE_SEND)
		return;
	if (answer->problem.kind == PROBLEM_NONE) {
		e->retries = 0;
		row->read(e, answer->reply);
	} else if (!row->refused(e, answer)) {
		refuse(e, &answer->problem);
	}
}

enum engine_wish
engine_wish(const struct engine *e)
{
	return e->waiting ? ENGINE_WAIT : rows[e->state].wish;
}

const struct engine_send *
engine_send(const struct engine *e)
{
	return &e->send;
}

const struct engine_challenge *
engine_challenges(const struct engine *e, size_t *ret_count)
{
	*ret_count = e->challenge_count;
	return e->challenges;
}

void
engine_published(struct engine *e)
{
	if (e->state == STATE_PUBLISH)
		engine_go(e, STATE_RESPOND);
}

void
engine_not_published(struct engine *e, const struct problem *why)
{
	if (e->state == STATE_PUBLISH)
		engine_fail(e, why, false);
}

uint32_t
engine_wait_ms(const struct engine *e)
{
	return e->state == STATE_LOST ? LOST_WAIT_MS : e->wait_ms;
}

void
engine_waited(struct engine *e)
{
	e->waiting = false;
}

bool
engine_is_lost(const struct engine *e)
{
	return e->state == STATE_LOST;
}

void
engine_found(struct engine *e, const char *url)
{
	if (e->state != STATE_LOST)
		return;
	if (!url || !url_is_sane(url)) {
		engine_go(e, STATE_NEW_ORDER);
		return;
	}
	strcpy(e->url, url);
	e->dirty = true;
	engine_go(e, STATE_RESUME);
}

const char *
engine_state_word(const struct engine *e)
{
	return rows[e->state].name;
}
