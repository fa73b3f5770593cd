/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: who may use them and who handles them. */
#include <string.h>

#include "base/json.h"
#include "daemon/command_inside.h"
#include "daemon/command_store.h"
#include "daemon/status.h"

enum rights { READ, ADMIN };

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
	{"add", ADMIN, command_add},
	{"apply", ADMIN, command_apply},
	{"backend.list", READ, command_backend_list},
	{"backend.set", ADMIN, command_backend_set},
	{"ca.deactivate", ADMIN, command_ca_deactivate},
	{"ca.list", READ, command_ca_list},
	{"ca.register", ADMIN, command_ca_register},
	{"ca.rollover", ADMIN, command_ca_rollover},
	{"ca.show", READ, command_ca_show},
	{"ca.test", ADMIN, command_ca_test},
	{"config.check", ADMIN, command_config_check},
	{"db.backup", ADMIN, command_db_backup},
	{"db.check", ADMIN, command_db_check},
	{"db.stat", READ, command_db_stat},
	{"events", READ, command_events},
	{"export", READ, command_export}, /* the key: see there */
	{"import", ADMIN, command_import},
	{"key.master", ADMIN, command_key_master},
	{"key.rotate", ADMIN, command_key_rotate},
	{"key.status", READ, command_key_status},
	{"key.tickets", ADMIN, command_key_tickets},
	{"list", READ, command_list},
	{"reload", ADMIN, command_reload},
	{"remove", ADMIN, command_remove},
	{"renew", ADMIN, command_renew},
	{"revoke", ADMIN, command_revoke},
	{"show", READ, command_show},
	{"status", READ, command_status},
	{"upgrade", ADMIN, command_upgrade},
	{"version", READ, command_version},
	{"wait", READ, command_wait},
};

void
command_run(struct control_client *cl, const cJSON *request)
{
	const char *verb = json_text(request, "verb");

	for (size_t i = 0; verb && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].verb, verb) != 0)
			continue;
		if (commands[i].rights == ADMIN && !cl->admin)
			reply_error(cl, MSG_EXIT_PERM, "not-permitted",
			            "\"%s\" is for root and the user certd runs as", verb);
		else
			commands[i].run(cl, request);
		return;
	}
	reply_error(cl, MSG_EXIT_USAGE, "unknown-verb", "this certd has no verb \"%s\"",
	            verb ? verb : "");
}
