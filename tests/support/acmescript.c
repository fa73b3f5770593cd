/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/acmescript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/directory.h"
#include "acme/refusal.h"

/* Performs WISH when that needs no CA. */
static bool
perform(struct script_walk *w, enum engine_wish wish)
{
	EVP_PKEY *key = NULL;

	if (wish == ENGINE_WAIT) {
		w->waited += engine_wait_ms(w->e);
		engine_waited(w->e);
	} else if (wish == ENGINE_KEY) {
		assert_int_equal(key_new(engine_key_kind(w->e), &key), ERR_OK);
		engine_take_key(w->e, key);
		w->keys++;
	} else if (wish == ENGINE_PUBLISH) {
		engine_challenges(w->e, &w->published);
		engine_published(w->e);
	} else {
		return false;
	}
	return true;
}

static void
save(struct script_walk *w)
{
	struct buf state = {0};

	assert_int_equal(engine_save(w->e, &state), ERR_OK);
	assert_true(state.secret);
	assert_false(engine_is_dirty(w->e));
	w->saved = true;
	buf_wipe(&state);
}

enum engine_wish
script_walk(struct script_walk *w)
{
	enum engine_wish wish;

	w->waited = 0;
	w->published = 0;
	w->saved = false;
	do {
		if (engine_is_dirty(w->e))
			save(w);
		wish = engine_wish(w->e);
	} while (perform(w, wish));
	if (engine_is_dirty(w->e))
		save(w);
	if (wish == ENGINE_SEND)
		w->send = *engine_send_next(w->e);
	return wish;
}

static void
answer_offer(struct script_walk *w, const struct script_step *step)
{
	struct directory d = {0};
	struct client_answer a = {.directory = &d};
	char *names = strdup(step->body), *rest = names, *name;

	while ((name = strsep(&rest, " ")))
		if (*name)
			d.profiles[d.profile_count++] = name;
	engine_feed(w->e, w->send.id, &a);
	free(names);
}

static void
fill(struct transport_reply *reply, const struct script_step *step)
{
	reply->status = step->status;
	reply->retry_after_ms = step->retry_after_ms == 0    ? -1
	                        : step->retry_after_ms == -1 ? 0
	                                                     : step->retry_after_ms;
	snprintf(reply->location, sizeof(reply->location), "%s",
	         step->location ? step->location : "");
	for (size_t i = 0; i < 3 && step->links[i]; i++) {
		strcpy(reply->links[i].rel, "alternate");
		strcpy(reply->links[i].url, step->links[i]);
		reply->link_count++;
	}
	buf_add_str(&reply->body, step->body ? step->body : "");
}

/* As a client would make of STEP. */
void
script_answer(struct script_walk *w, const struct script_step *step)
{
	struct transport_reply *reply;
	struct client_answer a = {.unsent = step->status < 0};

	if (w->send.target == CLIENT_OFFER && step->status > 0) {
		answer_offer(w, step);
		return;
	}
	reply = calloc(1, sizeof(*reply));
	if (step->status <= 0) {
		problem_set(&a.problem, PROBLEM_CA_UNREACHABLE, "no answer");
	} else {
		fill(reply, step);
		refusal_judge(reply, &a.problem);
		a.reply = reply;
	}
	engine_feed(w->e, w->send.id, &a);
	buf_done(&reply->body);
	free(reply);
}

static const char *
target_of(const struct engine_send *send)
{
	return send->target == CLIENT_NEW_ORDER ? "newOrder"
	       : send->target == CLIENT_OFFER   ? "offer"
	                                        : send->url;
}

static void
expect(const struct script *s, const struct script_walk *w, const struct script_step *step)
{
	const char *payload = w->send.payload, *url = target_of(&w->send);

	if (strcmp(url, step->url) != 0)
		fail_msg("%s: %s expected, not %s", s->name, step->url, url);
	if (!step->payload && payload)
		fail_msg("%s: %s: payload %s", s->name, url, payload);
	if (step->payload && (!payload || !strstr(payload, step->payload)))
		fail_msg("%s: payload %s", s->name, payload ? payload : "none");
	if (step->without && strstr(payload, step->without))
		fail_msg("%s: payload %s", s->name, payload);
	if (w->saved != step->dirty)
		fail_msg("%s: %s: saved %d", s->name, step->url, w->saved);
	if (step->waited)
		assert_int_equal(w->waited, step->waited);
	if (step->published)
		assert_int_equal(w->published, step->published);
}

void
script_play(const struct script *s, struct script_walk *w)
{
	for (const struct script_step *step = s->steps; step->url; step++) {
		if (script_walk(w) != ENGINE_SEND)
			fail_msg("%s: %s expected, but it is %s: %s", s->name, step->url,
			         engine_state_word(w->e), engine_problem(w->e)->detail);
		expect(s, w, step);
		script_answer(w, step);
	}
}
