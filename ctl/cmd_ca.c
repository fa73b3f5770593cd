/* SPDX-License-Identifier: Apache-2.0 */
/* ca: list, show NAME, test NAME, rollover NAME, register NAME, deactivate NAME: the CAs and who we
 * are there. revoke NAME: the end of a certificate. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/confirm.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

/* The last one with -o wide. */
static const char *const titles[] = {"CA",   "STATE",  "NAMES",    "ORDERS",
                                     "HOLD", "REASON", "DIRECTORY"};

enum {
	WIDE_COUNT = sizeof(titles) / sizeof(titles[0]),
	TITLE_COUNT = WIDE_COUNT - 1,
	FIELD_MAX = 2048
};

/* ---- list ----------------------------------------------------------------------------------- */

static void
add_row(struct table *table, const cJSON *ca)
{
	char names[24], orders[24], hold[PRINT_TIME_MAX];

	snprintf(names, sizeof(names), "%" PRId64, json_int(ca, "names", 0));
	snprintf(orders, sizeof(orders), "%" PRId64, json_int(ca, "orders", 0));
	print_relative(print_time_of(ca, "hold_until"), clock_wall(), hold);
	table_row(table,
	          (const char *[]){json_text(ca, "name"), json_text(ca, "state"), names, orders,
	                           hold, json_text(json_object(ca, "error"), "detail"),
	                           json_text(ca, "directory")});
}

static void
on_listed(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *ca = json_object(line, "ca");

	if (ca && arg)
		add_row(arg, ca);
	else if (ca)
		print_item(&ctl->print, ca);
}

static enum msg_exit
list(struct ctl *ctl)
{
	struct table *table = NULL;
	enum msg_exit code;

	if (ctl->print.format == PRINT_TABLE)
		table = ctl->print.wide ? table_new(titles, WIDE_COUNT, 0)
		                        : table_new(titles, TITLE_COUNT, terminal_width());
	code = ctl_ask(ctl, ctl_request("ca.list"), on_listed, table, NULL);
	if (table)
		table_flush(table);
	else
		print_end(&ctl->print, NULL);
	table_free(table);
	return code;
}

/* ---- one ------------------------------------------------------------------------------------ */

/* The texts of LIST behind each other. */
static void
field_list(const char *label, const cJSON *list)
{
	char field[FIELD_MAX] = "";
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const char *text = cJSON_GetStringValue(item);
		size_t used = strlen(field);

		if (text)
			snprintf(field + used, sizeof(field) - used, "%s%s", used ? ", " : "",
			         text);
	}
	print_field(label, field);
}

static void
print_account(const cJSON *account)
{
	char field[FIELD_MAX];

	print_field("account", json_text(account, "url"));
	snprintf(field, sizeof(field), "%.40s, since %.40s",
	         json_text(account, "status") ? json_text(account, "status") : "not-yet",
	         json_text(account, "created_at") ? json_text(account, "created_at") : "?");
	print_field("status", field);
	snprintf(field, sizeof(field), "%.10s, thumbprint %.64s%s",
	         json_text(account, "key") ? json_text(account, "key") : "?",
	         json_text(account, "thumbprint") ? json_text(account, "thumbprint") : "?",
	         json_bool(account, "key_unsettled", false)
	                 ? "; a rollover is not settled: certctl ca rollover goes on"
	                 : "");
	print_field("key", field);
	field_list("contacts", json_array(account, "contacts"));
}

static void
print_ca(const cJSON *ca)
{
	const cJSON *account = json_object(ca, "account"), *error = json_object(ca, "error");
	char field[FIELD_MAX];

	print_field("ca", json_text(ca, "name"));
	print_field("directory", json_text(ca, "directory"));
	snprintf(field, sizeof(field), "%.40s, %" PRId64 " names, %" PRId64 " orders in work",
	         json_text(ca, "state") ? json_text(ca, "state") : "?", json_int(ca, "names", 0),
	         json_int(ca, "orders", 0));
	print_field("state", field);
	if (error)
		print_field("reason", json_text(error, "detail"));
	if (account)
		print_account(account);
	else
		print_field("account", "none yet");
	print_field("terms", json_text(ca, "terms"));
	print_field("website", json_text(ca, "website"));
	print_field("caa", json_text(ca, "caa_identities"));
	field_list("profiles", json_array(ca, "profiles"));
	print_field("eab kid", json_text(ca, "eab_kid"));
	if (json_bool(ca, "external_account_required", false))
		print_field("eab", "the CA wants new accounts bound to one that exists with it");
}

static void
on_ca(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *ca = json_object(line, "ca");

	(void)arg;
	if (ca && ctl->print.format == PRINT_TABLE)
		print_ca(ca);
	else if (ca)
		print_single(&ctl->print, ca);
}

static const char *const verbs[][2] = {
	{"show", "ca.show"},
	{"test", "ca.test"},
	{"rollover", "ca.rollover"},
	{"register", "ca.register"},
	{"deactivate", "ca.deactivate"},
};

/* In place of --confirm: --yes, or the name typed on a terminal. */
static const char *
ask_confirm(const struct ctl *ctl, const char *word)
{
	const char *name = ctl->args[1];

	bool asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

	if (strcmp(word, "deactivate") != 0 ||
	    !(asks || option_is_given(&ctl->options, OPTION_YES)))
		return NULL;
	return confirmed(ctl, name, "this ends the account at %s for ever", name) ? name : NULL;
}

enum msg_exit
cmd_ca(struct ctl *ctl)
{
	const char *word = ctl->args[0], *confirm = ctl->options.confirm;

	if (strcmp(word, "list") == 0)
		return list(ctl);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		cJSON *request;

		if (strcmp(word, verbs[i][0]) != 0)
			continue;
		if (!confirm)
			confirm = ask_confirm(ctl, word);
		request = ctl_request(verbs[i][1]);
		cJSON_AddStringToObject(request, "ca", ctl->args[1]);
		if (confirm)
			cJSON_AddStringToObject(request, "confirm", confirm);
		return ctl_ask_long(ctl, request, on_ca, NULL);
	}
	return MSG_EXIT_USAGE;
}

/* ---- revoke --------------------------------------------------------------------------------- */

static void
on_revoked(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *revoked = json_object(line, "revoked");
	int64_t renewing;

	(void)arg;
	if (!revoked)
		return;
	if (ctl->print.format != PRINT_TABLE) {
		print_single(&ctl->print, revoked);
		return;
	}
	renewing = json_int(revoked, "renewing", 0);
	if (renewing > 1)
		print_line("revoked; new ones are being got for %" PRId64 " names", renewing);
	else
		print_line("revoked%s", renewing ? "; a new one is being got" : "");
}

enum msg_exit
cmd_revoke(struct ctl *ctl)
{
	const struct options *o = &ctl->options;
	cJSON *request;

	if (o->reason && !option_check(OPTION_REASON, o->reason, option_word(OPTION_REASON)))
		return MSG_EXIT_USAGE;
	if (!confirmed(ctl, ctl->args[0],
	               "the certificate of %s is revoked: clients may refuse it%s", ctl->args[0],
	               option_is_given(o, OPTION_NO_RENEW) ? ", and there is no new one" : ""))
		return MSG_EXIT_CONFLICT;
	request = ctl_request("revoke");
	cJSON_AddStringToObject(request, "name", ctl->args[0]);
	if (o->reason)
		cJSON_AddStringToObject(request, "reason", o->reason);
	if (o->ca)
		cJSON_AddStringToObject(request, "ca", o->ca);
	if (option_is_given(o, OPTION_WITH_KEY))
		cJSON_AddTrueToObject(request, "with_key");
	if (option_is_given(o, OPTION_NO_RENEW))
		cJSON_AddFalseToObject(request, "renew");
	return ctl_ask_long(ctl, request, on_revoked, NULL);
}
