/* SPDX-License-Identifier: Apache-2.0 */
/* The verb order: what happened when we asked CAs for a name's certificate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "store/attempt.h"
#include "store/store.h"

static enum err
read_attempts(struct control *c, const struct hostname *name, struct attempts *ret_attempts,
              struct domain *ret_domain)
{
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, ret_domain);
	store_abort(txn);
	if (err)
		return err;
	err = store_begin_read(c->store, STORE_PRIVATE, &txn);
	if (err)
		return err;
	err = attempts_get(txn, name, ret_attempts);
	store_abort(txn);
	if (err != ERR_NOTFOUND)
		return err;
	ret_attempts->count = 0;
	return ERR_OK;
}

static const char *
result_of(const struct attempt *a, bool newest, const struct domain *d)
{
	if (a->ended_at)
		return a->problem.kind == PROBLEM_NONE ? "issued" : "failed";
	return newest && d->due_at == 0 ? "in-work" : "interrupted";
}

/* With milliseconds: steps follow each other fast. */
static void
add_moment(cJSON *object, const char *member, int64_t at_ms)
{
	char second[CLOCK_TEXT_MAX], text[CLOCK_TEXT_MAX + 8];

	clock_format(at_ms / 1000, second);
	snprintf(text, sizeof(text), "%.19s.%03dZ", second, (int)(at_ms % 1000));
	cJSON_AddStringToObject(object, member, text);
}

static void
add_steps(cJSON *object, const struct attempt *a)
{
	cJSON *list = cJSON_AddArrayToObject(object, "steps");

	for (size_t i = 0; i < a->step_count; i++) {
		const struct attempt_step *s = &a->steps[i];
		cJSON *step = cJSON_CreateObject();

		cJSON_AddStringToObject(step, "step", s->word);
		if (s->status)
			cJSON_AddNumberToObject(step, "status", s->status);
		add_moment(step, "at", s->at_ms);
		if (s->count > 1)
			cJSON_AddNumberToObject(step, "count", s->count);
		cJSON_AddItemToArray(list, step);
	}
}

static void
tell(struct control_client *cl, const struct attempt *a, const char *result)
{
	cJSON *object, *document = NULL, *line = line_with("attempt", &object);

	cJSON_AddStringToObject(object, "ca", a->ca);
	cJSON_AddStringToObject(object, "result", result);
	add_moment(object, "began_at", a->began_ms);
	add_time(object, "ended_at", a->ended_at);
	if (a->order[0])
		cJSON_AddStringToObject(object, "order", a->order);
	add_steps(object, a);
	if (a->problem.kind != PROBLEM_NONE)
		cJSON_AddItemToObject(object, "error", problem_json(&a->problem));
	if (a->document[0] && !json_parse(a->document, strlen(a->document), &document))
		cJSON_AddItemToObject(object, "document", document);
	add_time(object, "next", a->next_at);
	reply_json(cl, line);
}

void
command_order(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	struct attempts *all = calloc(1, sizeof(*all));
	struct hostname name;
	struct domain d;
	char why[128];
	enum err err;

	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		free(all);
		return;
	}
	err = all ? read_attempts(cl->control, &name, all, &d) : ERR_NOMEM;
	if (err == ERR_NOTFOUND) {
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "there is no name %s here",
		            name.name);
	} else if (err) {
		reply_store_error(cl, err);
	} else {
		for (size_t i = 0; i < all->count; i++)
			tell(cl, &all->list[i], result_of(&all->list[i], i + 1 == all->count, &d));
		reply_ok(cl);
	}
	free(all);
}
