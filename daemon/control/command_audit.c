/* SPDX-License-Identifier: Apache-2.0 */
/* Who asked for which change: one event "audit.VERB" each, written before the change is begun, so
 * that what is done is also told when certd is killed in the middle. What came of it, other events
 * tell. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/control/command_inside.h"
#include "store/event.h"

enum { SHOWN_MAX = 128, REFUSED_MS = 1000 };

/* The members that hold what the verb is done to. */
static const char *const lists[] = {"names", "items", "certs"};
static const char *const words[] = {"name",      "backend", "server", "state",
                                    "directory", "ca",      "reason"};

static const char *
name_of(const cJSON *item)
{
	const char *text = cJSON_GetStringValue(item);

	return text ? text : json_text(item, "name");
}

static void
add_list(const cJSON *list, struct event *event, char *detail, size_t size)
{
	int count = cJSON_GetArraySize(list);
	const char *first = name_of(cJSON_GetArrayItem(list, 0));
	char shown[SHOWN_MAX], why[SHOWN_MAX];
	struct hostname name;
	size_t len = strlen(detail);

	snprintf(detail + len, size - len, ", %d name%s", count, count == 1 ? "" : "s");
	if (!first)
		return;
	if (count == 1 && idna_parse(first, &name, why, sizeof(why)) == ERR_OK) {
		snprintf(event->name, sizeof(event->name), "%s", name.name);
		return;
	}
	len = strlen(detail);
	snprintf(detail + len, size - len, ", the first %s",
	         log_escape(first, shown, sizeof(shown)));
}

void
audit_change(struct control_client *cl, const char *verb, const cJSON *request)
{
	struct event event = {.at = clock_wall()};
	char *detail = event.detail, shown[SHOWN_MAX];
	enum { SIZE = sizeof(event.detail) };

	if (json_bool(request, "dry_run", false))
		return;
	snprintf(event.type, sizeof(event.type), "audit.%s", verb);
	snprintf(detail, SIZE, "uid %u, pid %d", (unsigned)cl->uid, (int)cl->pid);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (json_array(request, lists[i]))
			add_list(json_array(request, lists[i]), &event, detail, SIZE);
	if (cJSON_HasObjectItem(request, "id"))
		snprintf(detail + strlen(detail), SIZE - strlen(detail), ", event %.0f",
		         (double)json_int(request, "id", 0));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *text = json_text(request, words[i]);
		size_t len = strlen(detail);

		if (text)
			snprintf(detail + len, SIZE - len, ", %s %s", words[i],
			         log_escape(text, shown, sizeof(shown)));
	}
	if (history_put(cl->control->store, cl->control->notices, &event))
		log_warn("an event is not written: %s %s", event.type, detail);
}

/* Without the pid, so that who tries again and again is one row; and not for each try a commit. */
void
audit_refused(struct control_client *cl, const char *verb)
{
	int64_t now = clock_mono_ms();

	if (cl->control->refused_uid == cl->uid && now < cl->control->refused_ms + REFUSED_MS)
		return;
	cl->control->refused_uid = cl->uid;
	cl->control->refused_ms = now;
	history_add(cl->control->store, cl->control->notices, "audit.refused", "",
	            "uid %u asked for \"%s\"", (unsigned)cl->uid, verb);
}
