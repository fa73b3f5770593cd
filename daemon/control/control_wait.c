/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that wait: for names to be served (verb "wait"), and who is woken by what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/control/control_inside.h"
#include "store/set.h"
#include "store/store.h"

/* A name that a client waits for; gone when it is serving or has failed. */
struct waited {
	struct hostname name;
	enum msg_step told; /* steps are told in order and once */
	bool any_told;
	UT_hash_handle hh;
};

/* ---- wait ----------------------------------------------------------------------------------- */

static void
send_step(struct control_client *cl, const struct notice *n)
{
	cJSON *step, *error, *line = line_with("step", &step);

	cJSON_AddStringToObject(step, "name", n->name.name);
	cJSON_AddStringToObject(step, "step", msg_step_word(n->step));
	if (n->detail[0])
		cJSON_AddStringToObject(step, "detail", n->detail);
	add_time(step, "at", n->at);
	if (n->step == MSG_STEP_FAILED) {
		error = problem_json(&n->problem);
		if (n->refusal) {
			cJSON_DeleteItemFromObjectCaseSensitive(error, "hint");
			cJSON_ReplaceItemInObjectCaseSensitive(error, "code",
			                                       cJSON_CreateString(n->refusal));
		}
		add_time(error, "next", n->next_at);
		cJSON_AddItemToObject(step, "error", error);
	}
	reply_json(cl, line);
}

static void
end_if_through(struct control_client *cl)
{
	unsigned outcomes = cl->outcomes;

	if (!cl->busy || cl->waited)
		return;
	cl->outcomes = 0; /* the next request of this client may be busy for another reason */
	reply_end(cl, msg_exit_combine(outcomes));
}

/* What the store says of NAME right now, as the step a client should be told. */
static void
look_up(struct control *c, const struct hostname *name, struct notice *ret_notice)
{
	struct notice n = {.name = *name, .step = MSG_STEP_QUEUED, .at = clock_wall()};
	char until[CLOCK_TEXT_MAX];
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (!err) {
		err = domain_get(txn, name, &d);
		if (!err)
			err = set_lead(txn, &d, &d);
		store_abort(txn);
	}
	if (err) {
		n.step = MSG_STEP_FAILED;
		n.refusal = err == ERR_NOTFOUND ? "not-found" : NULL;
		problem_set(&n.problem, PROBLEM_INTERNAL, "%s",
		            err == ERR_NOTFOUND ? "there is no such name here" : err_text(err));
	} else if (d.state == DOMAIN_EXTERNAL) {
		n.step = MSG_STEP_SERVING; /* as far as it depends on us */
	} else if (d.state == DOMAIN_PAUSED) {
		n.step = MSG_STEP_FAILED;
		n.refusal = "wrong-state";
		problem_set(&n.problem, PROBLEM_INTERNAL, "it is paused: see certctl resume");
	} else if (d.state == DOMAIN_MOVED) {
		n.step = MSG_STEP_FAILED;
		n.problem = d.problem;
	} else if (d.due_at == 0) {
		n.step = MSG_STEP_QUEUED;
	} else if (d.due_at <= n.at) {
		if (waits_for_ca(c, &d, &n.problem, &n.next_at))
			n.step = MSG_STEP_FAILED;
	} else if (d.state == DOMAIN_VALID) {
		n.step = MSG_STEP_SERVING;
		snprintf(n.detail, sizeof(n.detail), "until %s", clock_format(d.not_after, until));
	} else {
		n.step = MSG_STEP_FAILED;
		n.problem = d.problem;
		n.next_at = d.due_at;
	}
	*ret_notice = n;
}

/* Tells N to CL if it waits for that name; serving and failed end the wait for it. */
static void
tell(struct control_client *cl, const struct notice *n)
{
	struct waited *w;
	struct notice now;

	HASH_FIND(hh, cl->waited, n->name.name, n->name.len, w);
	if (!w || (w->any_told && n->step <= w->told))
		return;
	if (n->step >= MSG_STEP_SERVING) {
		look_up(cl->control, &w->name, &now);
		if (now.step == MSG_STEP_QUEUED)
			return; /* the end of an attempt before the one it waits for */
		if (now.step == n->step && now.step == MSG_STEP_SERVING)
			n = &now;
	}
	w->any_told = true;
	w->told = n->step;
	send_step(cl, n);
	if (n->step != MSG_STEP_SERVING && n->step != MSG_STEP_FAILED)
		return;
	cl->outcomes |=
		1u << (n->step == MSG_STEP_SERVING
	                       ? MSG_EXIT_OK
	                       : msg_exit_of_code(n->refusal ? n->refusal
	                                                     : problem_code(n->problem.kind)));
	HASH_DEL(cl->waited, w);
	free(w);
}

void
wait_done(struct control_client *cl)
{
	struct waited *w, *next;

	HASH_ITER(hh, cl->waited, w, next)
	{
		HASH_DEL(cl->waited, w);
		free(w);
	}
}

void
wait_add(struct control_client *cl, const struct hostname *name)
{
	struct waited *w;

	HASH_FIND(hh, cl->waited, name->name, name->len, w);
	if (w)
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		cl->closing = true;
		return;
	}
	w->name = *name;
	HASH_ADD_KEYPTR(hh, cl->waited, w->name.name, w->name.len, w);
}

static enum err
parse_waited(struct control_client *cl, const cJSON *names)
{
	const cJSON *item;
	struct hostname name;

	if (!names || cJSON_GetArraySize(names) > MSG_NAMES_MAX)
		return ERR_INVALID;
	cJSON_ArrayForEach(item, names)
	{
		const char *text = cJSON_GetStringValue(item);
		char why[128];

		if (!text || idna_parse(text, &name, why, sizeof(why)))
			return ERR_INVALID;
		wait_add(cl, &name);
	}
	return ERR_OK;
}

void
wait_begin(struct control_client *cl, unsigned seen)
{
	struct waited *w, *next;
	struct notice n;

	cl->busy = true;
	cl->outcomes = seen;
	HASH_ITER(hh, cl->waited, w, next)
	{
		look_up(cl->control, &w->name, &n);
		tell(cl, &n);
	}
	end_if_through(cl);
}

void
command_wait(struct control_client *cl, const cJSON *request)
{
	enum err err = parse_waited(cl, json_array(request, "names"));

	if (err) {
		wait_done(cl);
		reply_error(cl, MSG_EXIT_USAGE, err_word(err),
		            "\"names\" must be a list of up to %d names", MSG_NAMES_MAX);
		return;
	}
	wait_begin(cl, 0);
}

/* Looks at all waited names again: when notices were lost (ALL), or for what no notice tells (a CA
 * on hold, a name removed). Progress itself comes by notices. */
static void
look_again(struct control *c, struct control_client *cl, bool all)
{
	struct waited *w, *next;
	struct notice n;

	HASH_ITER(hh, cl->waited, w, next)
	{
		look_up(c, &w->name, &n);
		if (n.step == MSG_STEP_FAILED || (all && n.step == MSG_STEP_SERVING))
			tell(cl, &n);
	}
	end_if_through(cl);
}

/* ---- what wakes them ------------------------------------------------------------------------ */

void
wait_on_notices(struct control *c)
{
	struct notice n;
	bool overflow = false, lost;

	while (notice_pop(c->notices, &n, &lost)) {
		overflow = overflow || lost;
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (c->clients[i].waited)
				tell(&c->clients[i], &n);
	}
	overflow = overflow || lost;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0)
			continue;
		if (overflow && cl->waited)
			look_again(c, cl, true);
		else if (cl->outcomes && cl->busy && !cl->following && !cl->reloading)
			end_if_through(cl);
		if (cl->following)
			events_follow(cl);
	}
}

void
wait_on_timer(struct control *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->waited)
			look_again(c, cl, false);
		if (cl->fd >= 0 && cl->following)
			events_follow(cl);
	}
}
