/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine_steps.h - the requests and readers that the table of states is made of
 *
 * build_ writes the request of a state, read_ takes its answer, refused_ says what the state makes
 * of a problem itself (false: the rule for all decides).
 */
#ifndef ACME_ENGINE_STEPS_H
#define ACME_ENGINE_STEPS_H

#include "acme/engine_state.h"

struct engine_row {
	const char *name;
	enum engine_wish wish;
	enum err (*build)(struct engine *e); /* SEND: fills e->send */
	void (*read)(struct engine *e, const struct transport_reply *reply);
	bool (*refused)(struct engine *e, const struct client_answer *answer);
};

/* Enters STATE and builds its request. */
void engine_go(struct engine *e, enum engine_state state);
void engine_wait(struct engine *e, uint32_t ms);
/* Polls once more after a while, or gives this attempt up. */
void engine_poll_again(struct engine *e, int64_t retry_after_ms);
/* Enters STATE, which polls, for the first time: soon. */
void engine_poll_first(struct engine *e, enum engine_state state);

void engine_fail(struct engine *e, const struct problem *problem, bool dead);
/* The CA made no sense (kind CA_PROTOCOL): a strike. */
void engine_strike(struct engine *e, const struct problem *problem);
void engine_strike_with(struct engine *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* The CA has forgotten the order, or it is no use to us: dead, and worth another one at once. */
void engine_gone(struct engine *e, const char *why);
/* Whether the same request may work a moment later; counts it as a retry. */
bool engine_retries(struct engine *e, const struct problem *problem);
/* Whether P is the CA's last word on this order. */
bool engine_is_final(const struct problem *p);

/* Goes and reads the authorizations of a pending order. */
void engine_authorize(struct engine *e);
/* A request of the table: POST-as-GET of URL. */
MUST_CHECK enum err engine_get(struct engine *e, const char *url);

enum err engine_build_new_order(struct engine *e);
void engine_read_new_order(struct engine *e, const struct transport_reply *reply);
/* For states without a rule of their own. */
bool engine_refused_usual(struct engine *e, const struct client_answer *answer);
bool engine_refused_new_order(struct engine *e, const struct client_answer *answer);
enum err engine_build_get_order(struct engine *e);
void engine_read_order(struct engine *e, const struct transport_reply *reply);
bool engine_refused_gone(struct engine *e, const struct client_answer *answer);
enum err engine_build_get_authz(struct engine *e);
void engine_read_authorize(struct engine *e, const struct transport_reply *reply);
enum err engine_build_publish(struct engine *e);
enum err engine_build_respond(struct engine *e);
void engine_read_respond(struct engine *e, const struct transport_reply *reply);
bool engine_refused_respond(struct engine *e, const struct client_answer *answer);
void engine_read_validate(struct engine *e, const struct transport_reply *reply);
enum err engine_build_finalize(struct engine *e);
bool engine_refused_finalize(struct engine *e, const struct client_answer *answer);
enum err engine_build_download(struct engine *e);
void engine_read_download(struct engine *e, const struct transport_reply *reply);
void engine_read_explain(struct engine *e, const struct transport_reply *reply);
bool engine_refused_explain(struct engine *e, const struct client_answer *answer);

#endif
