/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: who may use them and who handles them; docs/control.md has them all. */
#include <string.h>

#include "base/json.h"
#include "daemon/common/status.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/command_store.h"

/* Who may change things may also ADMIN; a CHANGE is written down before it is done. */
enum need { READ, ADMIN, CHANGE };

static void
command_version(struct control_client *cl, const cJSON *request)
{
	cJSON *version, *line = line_with("version", &version);

	(void)request;
	cJSON_AddStringToObject(version, "version", CERTD_VERSION);
	cJSON_AddNumberToObject(version, "pid", atomic_load(&cl->control->status->pid));
	cJSON_AddBoolToObject(version, "may_change", cl->rights >= RIGHTS_CHANGE);
	reply_json(cl, line);
	reply_ok(cl);
}

static const struct {
	const char *verb;
	enum need need;
	void (*run)(struct control_client *cl, const cJSON *request);
} commands[] = {
	{"ack", CHANGE, command_ack},
	{"add", CHANGE, command_add},
	{"apply", CHANGE, command_apply},
	{"backend.list", READ, command_backend_list},
	{"backend.set", CHANGE, command_backend_set},
	{"ca.deactivate", CHANGE, command_ca_deactivate},
	{"ca.list", READ, command_ca_list},
	{"ca.register", CHANGE, command_ca_register},
	{"ca.rollover", CHANGE, command_ca_rollover},
	{"ca.show", READ, command_ca_show},
	{"ca.test", ADMIN, command_ca_test},
	{"check", READ, command_monitor},
	{"config.check", ADMIN, command_config_check},
	{"config.show", ADMIN, command_config_show},
	{"db.backup", CHANGE, command_db_backup},
	{"db.check", ADMIN, command_db_check},
	{"db.stat", READ, command_db_stat},
	{"diagnose", ADMIN, command_diagnose}, /* it connects to others */
	{"due", READ, command_due},
	{"events", READ, command_events},
	{"expiry", READ, command_expiry},
	{"export", READ, command_export}, /* the key: see there */
	{"faults", READ, command_faults},
	{"frontend", READ, command_frontend},
	{"import", CHANGE, command_import},
	{"inspect", READ, command_inspect}, /* a text: see there */
	{"key.master", CHANGE, command_key_master},
	{"key.rotate", CHANGE, command_key_rotate},
	{"key.status", READ, command_key_status},
	{"key.tickets", CHANGE, command_key_tickets},
	{"limits", READ, command_limits},
	{"list", READ, command_list},
	{"metrics", READ, command_metrics},
	{"order", READ, command_order},
	{"reload", CHANGE, command_reload},
	{"pause", CHANGE, command_pause},
	{"remove", CHANGE, command_remove},
	{"renew", CHANGE, command_renew},
	{"resume", CHANGE, command_resume},
	{"retry", CHANGE, command_retry},
	{"revoke", CHANGE, command_revoke},
	{"show", READ, command_show},
	{"status", READ, command_status},
	{"upgrade", CHANGE, command_upgrade},
	{"version", READ, command_version},
	{"wait", READ, command_wait},
	{"watch", READ, command_watch},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

bool
may_not(struct control_client *cl, const char *what, enum rights least)
{
	char who[RIGHTS_TEXT_MAX];

	if (cl->rights >= least)
		return false;
	audit_refused(cl, what);
	rights_text(cl->control->conf, least, who);
	reply_error(cl, MSG_EXIT_PERM, "not-permitted", "%s is for %s; you are uid %u%s", what, who,
	            (unsigned)cl->uid, cl->rights >= RIGHTS_READ ? " and may look" : "");
	return true;
}

/* What these are wherever a verb takes them: what is mistyped is not taken for what is left out,
 * least of all a "dry_run". */
static const struct {
	const char *what;
	cJSON_bool (*is)(const cJSON *value);
	const char *members[12];
} kinds[] = {
	{"true or false",
         cJSON_IsBool,
         {"all", "dry_run", "external", "follow", "on_disk", "one_certificate", "private_key",
          "renew", "replace", "wait", "with_key"}},
	{"a number", cJSON_IsNumber, {"crit", "expires_in", "id", "limit", "since", "warn"}},
	{"a text",
         cJSON_IsString,
         {"backend", "error", "name", "reason", "severity", "sort", "state"}},
	{"an object", cJSON_IsObject, {"labels"}},
	{"a list", cJSON_IsArray, {"types"}},
};

/* The first of MEMBERS that REQUEST has and that is none of what IS says; null is left out. */
static const char *
mistyped(const cJSON *request, const char *const *members, cJSON_bool (*is)(const cJSON *value))
{
	for (; *members; members++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(request, *members);

		if (value && !cJSON_IsNull(value) && !is(value))
			return *members;
	}
	return NULL;
}

static bool
refused_kind(struct control_client *cl, const cJSON *request)
{
	const char *wrong = NULL;

	for (size_t i = 0; !wrong && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		wrong = mistyped(request, kinds[i].members, kinds[i].is);
		if (wrong)
			reply_error(cl, MSG_EXIT_USAGE, "invalid", "\"%s\" must be %s", wrong,
			            kinds[i].what);
	}
	return wrong != NULL;
}

void
command_run(struct control_client *cl, const cJSON *request)
{
	const char *verb = json_text(request, "verb");
	size_t i = 0;

	cl->rights = rights_of(cl->control->conf, cl->fd);
	if (may_not(cl, "this certd", RIGHTS_READ)) {
		cl->closing = true;
		return;
	}
	while (verb && i < COMMANDS && strcmp(commands[i].verb, verb) != 0)
		i++;
	if (!verb || i == COMMANDS) {
		reply_error(cl, MSG_EXIT_USAGE, "unknown-verb", "this certd has no verb \"%s\"",
		            verb ? verb : "");
		return;
	}
	if (commands[i].need != READ && may_not(cl, verb, RIGHTS_CHANGE))
		return;
	if (refused_kind(cl, request))
		return;
	if (commands[i].need == CHANGE)
		audit_change(cl, verb, request);
	commands[i].run(cl, request);
}
