/* SPDX-License-Identifier: Apache-2.0 */
/* The permission hook. Whatever is not a clear yes is a no, and an outage costs stored names
 * nothing: they are never asked about. */
#include <stdlib.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/json.h"
#include "daemon/watch/demander_inside.h"

enum { QUESTION_VERSION = 1, REST_MS = 500, REST_SHIFT_MAX = 6 /* 32 s */ };

struct demand_question {
	TAILQ_ENTRY(demand_question) link;
	struct demander *demander;
	struct hostname name;
	uint64_t network;
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_NONE };

static enum answer
judge(const struct transport_reply *reply)
{
	enum answer answer = ANSWER_NONE;
	const cJSON *allow;
	cJSON *json;

	if (reply->err || reply->status != 200 ||
	    json_parse(reply->body.data, reply->body.len, &json))
		return ANSWER_NONE;
	allow = cJSON_GetObjectItemCaseSensitive(json, "allow");
	if (cJSON_IsObject(json) && cJSON_IsBool(allow))
		answer = cJSON_IsTrue(allow) ? ANSWER_YES : ANSWER_NO;
	cJSON_Delete(json);
	return answer;
}

static void
refuse(struct demander *d, const struct hostname *name, int64_t after_ms)
{
	int64_t until = clock_mono_ms() + after_ms;

	demand_book_set(d->book, name, DEMAND_DENIED, until);
	demander_refuse(d, name, until);
}

/* Without an answer at all the hook rests: longer each time, and all who wait are refused. */
static void
failed(struct demander *d, const struct demand_question *q, const struct transport_reply *reply)
{
	struct demand_question *waiting;
	unsigned shift = d->unanswered < REST_SHIFT_MAX ? d->unanswered : REST_SHIFT_MAX;
	int64_t rest_ms = (int64_t)REST_MS << shift;

	demander_count(d, STATUS_DEMAND_HOOK_FAILED);
	refuse(d, &q->name, DEMAND_AGAIN_MS);
	if (!reply->err) {
		d->unanswered = 0;
		demander_tally(&d->hook_down,
		               "%s is refused: the permission hook's answer is none, status %d",
		               q->name.name, reply->status);
		return;
	}
	d->unanswered++;
	d->rest_until_ms = clock_mono_ms() + rest_ms;
	demander_tally(&d->hook_down, "%s is refused: the permission hook does not answer: %.256s",
	               q->name.name, reply->error);
	while ((waiting = TAILQ_FIRST(&d->waiting))) {
		TAILQ_REMOVE(&d->waiting, waiting, link);
		d->waiting_count--;
		refuse(d, &waiting->name, DEMAND_AGAIN_MS);
		free(waiting);
	}
}

static void
denied(struct demander *d, const struct demand_question *q)
{
	char client[NETWORK_TEXT_MAX + 1];

	demander_format_network(q->network, client);
	demander_count(d, STATUS_DEMAND_REFUSED);
	refuse(d, &q->name, d->conf->on_demand.cache_ms);
	demander_tally(&d->denied, "%s for a client of %s: the permission hook says no",
	               q->name.name, client);
}

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct demand_question *q = arg;
	struct demander *d = q->demander;
	enum answer answer = judge(reply);

	TAILQ_REMOVE(&d->asked, q, link);
	d->asking--;
	if (answer == ANSWER_NONE) {
		failed(d, q, reply);
	} else {
		d->unanswered = 0;
		d->rest_until_ms = 0;
	}
	if (answer == ANSWER_NO)
		denied(d, q);
	if (answer == ANSWER_YES) {
		demand_book_set(d->book, &q->name, DEMAND_ALLOWED,
		                clock_mono_ms() + d->conf->on_demand.cache_ms);
		demander_add(d, &q->name);
	}
	free(q);
}

static enum err
print_question(const struct demand_question *q, struct buf *out)
{
	char client[NETWORK_TEXT_MAX + 1];
	cJSON *json = cJSON_CreateObject();
	enum err err;

	demander_format_network(q->network, client);
	cJSON_AddNumberToObject(json, "version", QUESTION_VERSION);
	cJSON_AddStringToObject(json, "name", q->name.name);
	cJSON_AddStringToObject(json, "client", client);
	err = json_print(json, out);
	cJSON_Delete(json);
	return err;
}

static enum err
send_question(struct demander *d, struct demand_question *q)
{
	const struct conf_on_demand *o = &d->conf->on_demand;
	struct transport_question question = {.url = o->url,
	                                      .socket = o->socket,
	                                      .ca_file = o->ca_file,
	                                      .content_type = "Content-Type: application/json",
	                                      .any_address = true};
	struct buf body = {0};
	enum err err = print_question(q, &body);

	question.body = body.data;
	question.len = body.len;
	if (!err)
		err = transport_ask(d->transport, &question, on_reply, q);
	buf_done(&body);
	return err;
}

void
demander_send_questions(struct demander *d)
{
	struct demand_question *q;

	while (d->asking < DEMAND_ASKING_MAX && (q = TAILQ_FIRST(&d->waiting))) {
		TAILQ_REMOVE(&d->waiting, q, link);
		d->waiting_count--;
		if (send_question(d, q)) {
			refuse(d, &q->name, DEMAND_AGAIN_MS);
			free(q);
			continue;
		}
		TAILQ_INSERT_TAIL(&d->asked, q, link);
		d->asking++;
		demander_count(d, STATUS_DEMAND_QUESTIONS);
	}
}

void
demander_ask(struct demander *d, const struct hostname *name, uint64_t network)
{
	int64_t now = clock_mono_ms();
	struct demand_question *q;

	if (now < d->rest_until_ms || d->waiting_count == DEMAND_WAITING_MAX ||
	    !(q = malloc(sizeof(*q)))) {
		demander_refuse(d, name, now < d->rest_until_ms ? d->rest_until_ms : now + 1000);
		return;
	}
	*q = (struct demand_question){.demander = d, .name = *name, .network = network};
	TAILQ_INSERT_TAIL(&d->waiting, q, link);
	d->waiting_count++;
	demand_book_set(d->book, name, DEMAND_ASKING, INT64_MAX);
}

void
demander_forget_questions(struct demander *d)
{
	struct demand_question *q;

	while ((q = TAILQ_FIRST(&d->asked))) {
		if (d->transport)
			transport_cancel(d->transport, q);
		TAILQ_REMOVE(&d->asked, q, link);
		TAILQ_INSERT_TAIL(&d->waiting, q, link);
	}
	while ((q = TAILQ_FIRST(&d->waiting))) {
		TAILQ_REMOVE(&d->waiting, q, link);
		demand_book_set(d->book, &q->name, DEMAND_UNKNOWN, 0);
		free(q);
	}
	d->asking = d->waiting_count = 0;
	d->rest_until_ms = 0;
	d->unanswered = 0;
}
