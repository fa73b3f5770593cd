/* SPDX-License-Identifier: Apache-2.0 */
/* db: the store as a whole. stat and backup ask certd; check asks it, or reads by itself when it
 * does not run; restore and compact need it stopped and are certd's own work. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

enum { FIELD_MAX = 2048, MIB = 1 << 20 };

static double
mib(const cJSON *object, const char *member)
{
	return (double)json_int(object, member, 0) / MIB;
}

/* ---- stat ----------------------------------------------------------------------------------- */

static void
print_quarantine(const cJSON *list)
{
	static const char *const titles[] = {"PUT ASIDE", "TABLE", "NAME", "REASON"};
	struct table *table =
		table_new(titles, sizeof(titles) / sizeof(titles[0]), terminal_width());
	const cJSON *q;

	if (!table)
		return;
	cJSON_ArrayForEach(q, list)
	{
		char when[PRINT_TIME_MAX], reason[FIELD_MAX];

		print_relative(print_time_of(q, "at"), clock_wall(), when);
		snprintf(reason, sizeof(reason), "%.1024s%s", json_text(q, "reason"),
		         json_bool(q, "lost", false) ? "; the name is lost: add it again" : "");
		table_row(table, (const char *[]){when, json_text(q, "table"), json_text(q, "name"),
		                                  reason});
	}
	print_line("%s", "");
	table_flush(table);
	table_free(table);
}

static void
print_last(const char *label, const cJSON *last)
{
	char field[FIELD_MAX], when[PRINT_TIME_MAX];

	if (!last)
		return;
	print_relative(print_time_of(last, "at"), clock_wall(), when);
	if (json_text(last, "directory"))
		snprintf(field, sizeof(field), "%s, %.1f MiB to %.1024s", when, mib(last, "bytes"),
		         json_text(last, "directory"));
	else
		snprintf(field, sizeof(field), "%s, %" PRId64 " records, %" PRId64 " damaged", when,
		         json_int(last, "records", 0), json_int(last, "damaged", 0));
	print_field(label, field);
}

static void
print_db(const cJSON *db)
{
	const cJSON *keys = json_object(db, "keys");
	const char *trouble = json_text(db, "trouble");
	char field[FIELD_MAX];

	print_field("directory", json_text(db, "directory"));
	snprintf(field, sizeof(field), "%" PRId64, json_int(json_object(db, "names"), "total", 0));
	print_field("names", field);
	snprintf(field, sizeof(field), "%.1f of %.0f MiB, %" PRId64 " readers",
	         mib(db, "used_bytes"), mib(db, "map_bytes"), json_int(db, "readers", 0));
	print_field("store", field);
	snprintf(field, sizeof(field), "%.0f MiB free, %.0f kept in reserve; %s%s%s",
	         mib(db, "free_bytes"), mib(db, "reserve_bytes"),
	         json_bool(db, "takes_orders", true) ? "takes orders" : "takes no orders",
	         trouble ? ": " : "", trouble ? trouble : "");
	print_field("disk", field);
	snprintf(field, sizeof(field), "number %" PRId64 "%s", json_int(keys, "key_id", 0),
	         json_bool(keys, "rotating", false) ? ", older records are being moved" : "");
	print_field("data key", field);
	print_last("backup", json_object(db, "last_backup"));
	print_last("check", json_object(db, "last_check"));
	if (json_int(db, "quarantined", 0) > 0)
		print_quarantine(json_array(db, "quarantine"));
}

static void
on_db(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *db = json_object(line, "db");

	(void)arg;
	if (db && ctl->print.format == PRINT_TABLE)
		print_db(db);
	else if (db)
		print_single(&ctl->print, db);
}

/* ---- check ---------------------------------------------------------------------------------- */

static void
print_finding(const cJSON *f)
{
	const char *env = json_text(f, "env"), *table = json_text(f, "table");
	const char *key = json_text(f, "key"), *text = json_text(f, "what");

	print_line("%s/%s %s: %s", env ? env : "?", table ? table : "?", key ? key : "",
	           text ? text : "");
	print_flush();
}

static void
on_check(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *finding = json_object(line, "finding"), *check = json_object(line, "check");

	if (finding && ctl->print.format == PRINT_TABLE)
		print_finding(finding);
	else if (finding)
		print_item(&ctl->print, finding);
	if (check && ctl->print.format == PRINT_TABLE)
		print_line("%" PRId64 " records of %" PRId64 " names, %" PRId64 " damaged",
		           json_int(check, "records", 0), json_int(check, "names", 0),
		           json_int(check, "damaged", 0));
	*(bool *)arg = true;
}

static enum msg_exit
check(struct ctl *ctl)
{
	cJSON *request = ctl_request("db.check"), *end = NULL;
	bool any = false;
	enum msg_exit code;
	enum err err = ctl_exchange(ctl, request, ctl_deadline(ctl), on_check, &any, &end);

	cJSON_Delete(request);
	if (err == ERR_UNREACHABLE)
		return certd_become(ctl, "check the store",
		                    (const char *const[]){"--db-check", NULL});
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the check is not through yet; see certctl events");
		return MSG_EXIT_TIMEOUT;
	}
	if (err)
		return ctl_fail(ctl, err);
	print_end(&ctl->print, NULL);
	if (json_object(end, "error"))
		complain_json(NULL, json_object(end, "error"));
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}

/* ---- backup --------------------------------------------------------------------------------- */

static void
on_backup(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *b = json_object(line, "backup");

	(void)arg;
	if (b && ctl->print.format == PRINT_TABLE)
		print_line("%" PRId64 " records, %.1f MiB, in %.1f s (%.0f MiB/s): %s",
		           json_int(b, "records", 0), mib(b, "bytes"),
		           cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(b, "seconds")),
		           mib(b, "bytes_per_second"), json_text(b, "directory"));
	else if (b)
		print_single(&ctl->print, b);
}

static enum msg_exit
backup(struct ctl *ctl, const char *dir)
{
	char *here = *dir == '/' ? NULL : getcwd(NULL, 0), path[FIELD_MAX * 4];
	cJSON *request = ctl_request("db.backup"), *end = NULL;
	enum msg_exit code;
	enum err err;

	snprintf(path, sizeof(path), "%s%s%s", here ? here : "", here ? "/" : "", dir);
	free(here);
	cJSON_AddStringToObject(request, "directory", path);
	err = ctl_exchange(ctl, request, ctl_deadline(ctl), on_backup, NULL, &end);
	cJSON_Delete(request);
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the backup is not through yet; see certctl events");
		return MSG_EXIT_TIMEOUT;
	}
	if (err)
		return ctl_fail(ctl, err);
	if (json_object(end, "error"))
		complain_json(NULL, json_object(end, "error"));
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}

enum msg_exit
cmd_db(struct ctl *ctl)
{
	const char *word = ctl->args[0], *dir = ctl->arg_count > 1 ? ctl->args[1] : NULL;

	if (strcmp(word, "stat") == 0)
		return ctl_ask(ctl, ctl_request("db.stat"), on_db, NULL, NULL);
	if (strcmp(word, "check") == 0)
		return check(ctl);
	if (strcmp(word, "backup") == 0)
		return backup(ctl, dir);
	if (strcmp(word, "restore") == 0)
		return certd_become(ctl, "restore a backup",
		                    (const char *const[]){"--db-restore", dir, NULL});
	return certd_become(ctl, "compact the store", (const char *const[]){"--db-compact", NULL});
}
