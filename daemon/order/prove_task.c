/* SPDX-License-Identifier: Apache-2.0 */
/* What is done on the prover's threads: hooks, updates, looks. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/common/hook.h"
#include "daemon/conf/conf.h"
#include "daemon/order/prove_inside.h"
#include "daemon/order/prove_persist.h"

enum { LOOK_MS = 10 * 1000, UPDATE_MS = 20 * 1000 };

struct prove_task *
prove_task_new(const struct conf *conf, enum prove_work work)
{
	struct prove_task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->work = work;
	task->conf = conf_ref(conf);
	return task;
}

void
prove_task_free(struct prove_task *task)
{
	if (task->before) {
		*task->before = task->next;
		if (task->next)
			task->next->before = task->before;
	}
	conf_unref(task->conf);
	free(task->place);
	free(task->persist);
	free(task);
}

/* ---- hooks ---------------------------------------------------------------------------------- */

/* The line that a hook reads. NULL: no memory; to be freed with cJSON_free(). */
static char *
hook_input(const struct prove_task *task)
{
	const struct presented *r = &task->record;
	cJSON *json = cJSON_CreateObject();
	char *text = NULL;

	if (cJSON_AddStringToObject(json, "action",
	                            task->work == PROVE_CLEAN ? "cleanup" : "present") &&
	    cJSON_AddStringToObject(json, "name", r->identifier.name) &&
	    cJSON_AddStringToObject(json, "fqdn", r->record) &&
	    cJSON_AddStringToObject(json, "value", r->value) &&
	    cJSON_AddStringToObject(json, "challenge", challenge_kind_word(r->kind)))
		text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

static enum err
run_hook(struct prove_task *task, const atomic_bool *stop)
{
	char *input = hook_input(task);
	struct hook_call call = {.argv = task->dns->hook,
	                         .input = input,
	                         .timeout_ms = task->dns->timeout_ms,
	                         .stop = stop};
	enum err err = input ? hook_run(&call, &task->why) : ERR_NOMEM;

	cJSON_free(input);
	return err;
}

/* ---- DNS ------------------------------------------------------------------------------------ */

static struct dns_call
call_of(const struct prove_task *task, const atomic_bool *stop, int64_t limit_ms)
{
	return (struct dns_call){.resolvers = &task->conf->resolvers,
	                         .deadline = clock_mono_ms() + limit_ms,
	                         .stop = stop};
}

/* Where the record belongs: found once, then kept with the challenge. */
static enum err
find_place(struct prove_task *task, const struct dns_call *call, bool to_look)
{
	const struct conf_dns_update *update = task->dns ? &task->dns->update : NULL;
	bool given = update && update->check_at_count > 0 && (to_look || update->zone);
	enum err err = ERR_OK;

	if (!task->place || task->place->given != given) {
		free(task->place);
		task->place = calloc(1, sizeof(*task->place));
		if (!task->place)
			return ERR_NOMEM;
		if (given)
			dns_place_at(update, task->record.record, task->place);
		else
			err = dns_find(call, task->record.record, task->place, &task->why);
	}
	if (err) {
		free(task->place);
		task->place = NULL;
	}
	return err;
}

static enum err
run_update(struct prove_task *task, const atomic_bool *stop)
{
	struct dns_call call = call_of(task, stop, UPDATE_MS);
	enum dns_action action = task->work == PROVE_CLEAN ? DNS_REMOVE : DNS_ADD;
	enum err err = find_place(task, &call, false);

	if (err)
		return err;
	return dns_update(&call, &task->dns->update, task->place, action, task->record.value,
	                  &task->why);
}

static enum err
look_at_dns(struct prove_task *task, const atomic_bool *stop)
{
	struct dns_call call = call_of(task, stop, LOOK_MS);
	enum err err = find_place(task, &call, true);

	if (err)
		return err;
	if (task->persist)
		return prove_persist_look(task, &call);
	return dns_txt_everywhere(&call, task->place, task->record.value, &task->why);
}

/* ---- all ------------------------------------------------------------------------------------ */

static enum err
look(struct prove_task *task, const atomic_bool *stop)
{
	switch (task->challenge.kind) {
	case CHALLENGE_HTTP_01:
		return selfcheck_http(&task->listener, &task->challenge, &task->why);
	case CHALLENGE_TLS_ALPN_01:
		return selfcheck_alpn(&task->listener, &task->challenge, &task->why);
	default:
		return look_at_dns(task, stop);
	}
}

static void
run(struct pool_task *pool_task, const atomic_bool *stop)
{
	struct prove_task *task = (struct prove_task *)pool_task;

	if (task->work == PROVE_LOOK)
		task->err = look(task, stop);
	else
		task->err = task->dns->hook ? run_hook(task, stop) : run_update(task, stop);
	if (task->err && task->why.kind == PROBLEM_NONE)
		problem_set(&task->why, PROBLEM_INTERNAL, "%s: %s",
		            challenge_kind_word(task->challenge.kind), err_text(task->err));
}

enum err
prove_start(struct prover *p, struct prove_task *task)
{
	bool served = challenge_kind_is_served(task->challenge.kind);
	struct pool *pool = served ? p->near : p->far;
	enum err err;

	if (task->work != PROVE_LOOK && task->dns->hook)
		pool = p->hooks;
	task->pool.run = run;
	task->next = p->tasks;
	task->before = &p->tasks;
	if (task->next)
		task->next->before = &task->next;
	p->tasks = task;
	err = pool_submit(pool, &task->pool);
	if (err)
		prove_task_free(task);
	return err;
}

bool
prove_is_busy(const struct prover *p, const struct presented *record)
{
	for (const struct prove_task *task = p->tasks; task; task = task->next)
		if (task->work != PROVE_LOOK && presented_same(&task->record, record))
			return true;
	return false;
}
