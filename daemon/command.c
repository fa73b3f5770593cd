/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: who may use them and who handles them. */
#include <string.h>

#include "base/json.h"
#include "daemon/command_inside.h"
#include "daemon/command_store.h"
#include "daemon/status.h"

/* A CHANGE is written down before it is done. */
enum rights { READ, ADMIN, CHANGE };

static void
command_version(struct control_client *cl, const cJSON *request)
{
	cJSON *version, *line = line_with("version", &version);

	(void)request;
	cJSON_AddStringToObject(version, "version", CERTD_VERSION);
	cJSON_AddNumberToObject(version, "pid", atomic_load(&cl->control->status->pid));
	reply_json(cl, line);
	reply_ok(cl);
}

static const struct {
	const char *verb;
	enum rights rights;
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
	{"db.backup", CHANGE, command_db_backup},
	{"db.check", ADMIN, command_db_check},
	{"db.stat", READ, command_db_stat},
	{"diagnose", ADMIN, command_diagnose}, /* it connects to others */
	{"events", READ, command_events},
	{"expiry", READ, command_expiry},
	{"export", READ, command_export}, /* the key: see there */
	{"faults", READ, command_faults},
	{"import", CHANGE, command_import},
	{"key.master", CHANGE, command_key_master},
	{"key.rotate", CHANGE, command_key_rotate},
	{"key.status", READ, command_key_status},
	{"key.tickets", CHANGE, command_key_tickets},
	{"limits", READ, command_limits},
	{"list", READ, command_list},
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

void
command_run(struct control_client *cl, const cJSON *request)
{
	const char *verb = json_text(request, "verb");

	for (size_t i = 0; verb && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].verb, verb) != 0)
			continue;
		if (commands[i].rights != READ && !cl->admin) {
			audit_refused(cl, verb);
			reply_error(cl, MSG_EXIT_PERM, "not-permitted",
			            "\"%s\" is for root and the user certd runs as", verb);
			return;
		}
		if (commands[i].rights == CHANGE)
			audit_change(cl, verb, request);
		commands[i].run(cl, request);
		return;
	}
	reply_error(cl, MSG_EXIT_USAGE, "unknown-verb", "this certd has no verb \"%s\"",
	            verb ? verb : "");
}
