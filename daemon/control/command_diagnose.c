/* SPDX-License-Identifier: Apache-2.0 */
/* The verb diagnose: the diagnoser's threads look, the answer comes when they have. */
#include <string.h>

#include "base/idna.h"
#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "daemon/dns/diagnose_code.h"
#include "daemon/watch/diagnoser.h"
#include "store/diagnosis.h"

void
add_lines(cJSON *object, const char *member, const char *text)
{
	cJSON *list = cJSON_AddArrayToObject(object, member);
	char line[DIAGNOSIS_FINDINGS_MAX + 1];

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		memcpy(line, text, (size_t)(end - text));
		line[end - text] = '\0';
		cJSON_AddItemToArray(list, cJSON_CreateString(line));
	}
}

cJSON *
diagnosis_json(const struct diagnosis *d)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "code", d->code);
	cJSON_AddStringToObject(object, "act", event_actor_word(diagnose_actor(d->code)));
	cJSON_AddStringToObject(object, "text", d->text);
	add_lines(object, "records", d->record);
	add_lines(object, "findings", d->findings);
	add_time(object, "at", d->at);
	add_time(object, "since", d->since);
	add_time(object, "away_since", d->away_since);
	add_time(object, "next", d->next_at);
	return object;
}

void
command_diagnose(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	struct control *c = cl->control;
	struct hostname name;
	char why[128];
	enum err err;

	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		return;
	}
	err = diagnoser_ask(c->diagnoser, &name, c->errands + 1);
	if (err) {
		reply_error(cl, MSG_EXIT_FAILED, err_word(err), "%s",
		            err == ERR_FULL ? "too many names are being diagnosed: try again soon"
		                            : err_text(err));
		return;
	}
	cl->busy = true;
	cl->diagnosis = ++c->errands;
}

static void
reply_diagnosis(struct control_client *cl, enum err err, const struct diagnosis *d)
{
	cJSON *line;

	cl->diagnosis = 0;
	if (err) {
		reply_error(cl, MSG_EXIT_FAILED, err_word(err), "no diagnosis was made: %s",
		            err_text(err));
		return;
	}
	line = cJSON_CreateObject();
	cJSON_AddItemToObject(line, "diagnosis", diagnosis_json(d));
	reply_json(cl, line);
	reply_end(cl, diagnose_actor(d->code) == EVENT_NOBODY ? MSG_EXIT_OK : MSG_EXIT_FAILED);
}

void
diagnosis_on_done(struct control *c)
{
	struct diagnosis d;
	uint64_t id;
	enum err err;

	while (c->diagnoser && diagnoser_answer(c->diagnoser, &id, &err, &d))
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (c->clients[i].fd >= 0 && c->clients[i].diagnosis == id)
				reply_diagnosis(&c->clients[i], err, &d);
}
