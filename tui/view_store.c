/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Store: room, keys, backups, checks, and what was damaged. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/console.h"
#include "tui/gather.h"
#include "tui/sheet.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { LINE_BYTES = 2048, BAR_WIDTH = 20 };

struct view_state {
	struct sheet sheet;
	struct gather stat;
};

static void
store_open(struct view *v)
{
	struct view_state *s = v->state;

	v->sheet = &s->sheet;
}

static void
store_load(struct view *v)
{
	struct view_state *s = v->state;

	gather_ask(&s->stat, v, console_request("db.stat"), "db");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void
add_room(struct sheet *sheet, const cJSON *db, int width)
{
	int64_t used = json_int(db, "used_bytes", 0), map = json_int(db, "map_bytes", 0);
	int64_t file = json_int(db, "file_bytes", used);
	int64_t room = json_int(db, "free_bytes", 0), reserve = json_int(db, "reserve_bytes", 0);
	const char *trouble = json_text(db, "trouble");
	char line[LINE_BYTES], a[TEXT_NUMBER_MAX], b[TEXT_NUMBER_MAX], bar[SPARK_ROOM(BAR_WIDTH)];

	sheet_field(sheet, TONE_PLAIN, "directory", json_text(db, "directory"), width);
	snprintf(line, sizeof(line), "%s %s of %s",
	         spark_bar((double)used, (double)map, BAR_WIDTH, bar), text_bytes(used, a),
	         text_bytes(map, b));
	sheet_field(sheet, TONE_PLAIN, "used", line, width);
	snprintf(line, sizeof(line), "%s, of which %s are free pages", text_bytes(file, a),
	         text_bytes(file > used ? file - used : 0, b));
	sheet_field(sheet, TONE_PLAIN, "file", line, width);
	snprintf(line, sizeof(line), "%s free, of which %s are kept back", text_bytes(room, a),
	         text_bytes(reserve, b));
	sheet_field(sheet, room < reserve ? TONE_BAD : TONE_PLAIN, "disk", line, width);
	if (json_bool(db, "takes_orders", true))
		sheet_field(sheet, TONE_PLAIN, "writing", "as usual", width);
	else
		sheet_field(sheet, TONE_ALARM, "writing",
		            "STOPPED: what is stored is served, nothing new is ordered", width);
	sheet_field(sheet, TONE_BAD, "trouble", trouble, width);
	snprintf(line, sizeof(line), "%" PRId64, json_int(db, "readers", 0));
	sheet_field(sheet, TONE_PLAIN, "readers", line, width);
}

static void
add_keys(struct sheet *sheet, const cJSON *keys, int width)
{
	char line[LINE_BYTES], left[TEXT_NUMBER_MAX];

	snprintf(line, sizeof(line), "data key %" PRId64 "%s", json_int(keys, "key_id", 0),
	         json_bool(keys, "rotating", false) ? ", records are moved under it" : "");
	if (json_bool(keys, "rotating", false) && json_int(keys, "left", -1) >= 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ", %s to go",
		         text_count(json_int(keys, "left", 0), left));
	sheet_field(sheet, TONE_PLAIN, "keys", line, width);
}

static void
add_last(struct sheet *sheet, const cJSON *db, int width)
{
	const cJSON *backup = json_object(db, "last_backup"),
		    *check = json_object(db, "last_check");
	const char *directory = json_text(backup, "directory");
	int64_t now = clock_wall(), damaged = json_int(check, "damaged", 0);
	char line[LINE_BYTES], when[PRINT_TIME_MAX], number[TEXT_NUMBER_MAX];

	snprintf(line, sizeof(line), "%s to %s",
	         print_relative(print_time_of(backup, "at"), now, when),
	         directory ? directory : "");
	sheet_field(sheet, backup ? TONE_PLAIN : TONE_DIM, "backup",
	            backup ? line : "none yet; :db backup DIR makes one", width);
	snprintf(line, sizeof(line), "%s, %s damaged",
	         print_relative(print_time_of(check, "at"), now, when),
	         text_count(damaged, number));
	sheet_field(sheet,
	            damaged ? TONE_BAD
	            : check ? TONE_PLAIN
	                    : TONE_DIM,
	            "check", check ? line : "none yet; c makes one", width);
}

static void
add_quarantine(struct sheet *sheet, const cJSON *db, int width)
{
	const cJSON *one;
	char line[LINE_BYTES], day[TEXT_NUMBER_MAX];
	bool any = false;

	cJSON_ArrayForEach(one, json_array(db, "quarantine"))
	{
		const char *name = json_text(one, "name"), *why = json_text(one, "reason");
		const char *table = json_text(one, "table");

		if (!any)
			sheet_add(sheet, TONE_TITLE, " Damaged and put aside");
		any = true;
		snprintf(line, sizeof(line), "%s %s: %s%s", table ? table : "", name ? name : "",
		         why ? why : "",
		         json_bool(one, "lost", false) ? "; LOST, add the name again" : "");
		sheet_field(sheet, TONE_BAD, text_day(print_time_of(one, "at"), clock_wall(), day),
		            line, width);
	}
}

static void
fill(struct view_state *s, int width)
{
	const cJSON *db = gather_one(&s->stat);

	sheet_clear(&s->sheet);
	if (db) {
		add_room(&s->sheet, db, width);
		add_keys(&s->sheet, json_object(db, "keys"), width);
		add_last(&s->sheet, db, width);
		add_quarantine(&s->sheet, db, width);
	}
	sheet_settle(&s->sheet);
}

/* ---- the view ------------------------------------------------------------------------------- */

static void
store_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;

	if (v->is_old || v->width != area.width)
		fill(s, area.width);
	v->is_old = false;
	v->width = area.width;
	sheet_draw(&s->sheet, area);
}

static bool
store_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;

	if (sheet_request(&s->sheet, request))
		return true;
	if (request == REQUEST_CHECK)
		console_run(v->console, "db check");
	return request == REQUEST_CHECK;
}

static void
store_done(struct view *v)
{
	struct view_state *s = v->state;

	gather_done(&s->stat);
	sheet_done(&s->sheet);
}

const struct view_ops view_store = {VIEW_STORE,    "Store",    sizeof(struct view_state),
                                    store_open,    store_load, store_draw,
                                    store_request, NULL,       store_done,
                                    NULL,          NULL};
