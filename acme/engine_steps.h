/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine_steps.h - the requests and readers that the table of states is made of
 *
 * build_ writes the request of a state, read_ takes its answer, refused_ says what the state makes
 * of a problem itself (false: the rule for all decides). A state with several requests, one for
 * each authorization say, sends them side by side: each_ writes one, over_ goes on when all answers
 * are in.
 */
#ifndef ACME_ENGINE_STEPS_H
#define ACME_ENGINE_STEPS_H

#include "acme/engine_state.h"

struct engine_row {
	const char *name;
	enum engine_wish wish;
	/* On entering: fills e->send for the one request, or calls engine_round() for several. */
	enum err (*build)(struct engine *e);
	void (*read)(struct engine *e, size_t i, const struct client_answer *answer);
	bool (*refused)(struct engine *e, size_t i, const struct client_answer *answer);
	/* The states of several requests: fills e->send for one, and what comes after all. */
	void (*each)(struct engine *e, size_t i);
	void (*over)(struct engine *e);
};

/* Enters STATE and builds its request. */
void engine_go(struct engine *e, enum engine_state state);
/* COUNT requests; the caller marks in e->turns those that are due. */
void engine_round(struct engine *e, size_t count);
/* The one request of a state: POST-as-GET of URL. */
void engine_get(struct engine *e, const char *url);
void engine_wait(struct engine *e, uint32_t ms);
/* Polls once more after a while, or gives this attempt up. */
void engine_poll_again(struct engine *e, int64_t retry_after_ms);
/* Enters STATE, which polls, for the first time: soon. */
void engine_poll_first(struct engine *e, enum engine_state state);
/* How long to wait before a request is repeated; counts it. */
uint32_t engine_retry_ms(struct engine *e);

void engine_fail(struct engine *e, const struct problem *problem, bool dead);
/* A fault of our own that a later attempt may not meet. */
void engine_fail_inside(struct engine *e, enum err err);
/* The CA made no sense (kind CA_PROTOCOL): a strike. */
void engine_strike(struct engine *e, const struct problem *problem);
void engine_strike_with(struct engine *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* The CA has forgotten the order, or it is no use to us: dead, and worth another one at once. */
void engine_gone(struct engine *e, const char *why);
/* Whether request I may work a moment later: then it is repeated when all answers are in. */
bool engine_retries(struct engine *e, size_t i, const struct problem *problem);
/* The same without repeating it. */
bool engine_may_pass(const struct engine *e, const struct problem *problem);
/* Whether P is the CA's last word on this order. */
bool engine_is_final(const struct problem *p);

/* Goes and reads the authorizations of a pending order. */
void engine_authorize(struct engine *e);

#define ENGINE_READ(name)                                                                          \
	void engine_read_##name(struct engine *e, size_t i, const struct client_answer *answer)
#define ENGINE_REFUSED(name)                                                                       \
	bool engine_refused_##name(struct engine *e, size_t i, const struct client_answer *answer)

enum err engine_build_offer(struct engine *e);
ENGINE_READ(offer);
ENGINE_REFUSED(usual); /* for states without a rule of their own */
enum err engine_build_new_order(struct engine *e);
ENGINE_READ(new_order);
ENGINE_REFUSED(new_order);
enum err engine_build_get_order(struct engine *e);
ENGINE_READ(order);
ENGINE_REFUSED(gone);

void engine_each_authz(struct engine *e, size_t i);
enum err engine_build_authorize(struct engine *e);
ENGINE_READ(authorize);
void engine_over_authorize(struct engine *e);
enum err engine_build_publish(struct engine *e);
enum err engine_build_respond(struct engine *e);
void engine_each_respond(struct engine *e, size_t i);
ENGINE_READ(respond);
ENGINE_REFUSED(respond);
void engine_over_respond(struct engine *e);
enum err engine_build_validate(struct engine *e);
ENGINE_READ(validate);
void engine_over_validate(struct engine *e);
enum err engine_build_explain(struct engine *e);
ENGINE_READ(explain);
ENGINE_REFUSED(explain);
void engine_over_explain(struct engine *e);

enum err engine_build_finalize(struct engine *e);
ENGINE_REFUSED(finalize);
enum err engine_build_download(struct engine *e);
ENGINE_READ(download);
enum err engine_build_alternate(struct engine *e);
void engine_each_alternate(struct engine *e, size_t i);
ENGINE_READ(alternate);
ENGINE_REFUSED(alternate);
void engine_over_alternate(struct engine *e);

#endif
