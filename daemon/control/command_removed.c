/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/command_removed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/command_list.h"
#include "daemon/control/shown.h"
#include "store/set.h"
#include "store/store.h"
#include "store/tombstone.h"

bool
removed_why_is_good(struct control_client *cl, const char *why)
{
	if (!why || strlen(why) <= TOMBSTONE_WHY_MAX)
		return true;
	reply_error(cl, MSG_EXIT_USAGE, "invalid", "\"reason\" has at most %d bytes",
	            TOMBSTONE_WHY_MAX);
	return false;
}

enum err
removed_put(struct store_txn *txn, const struct control_client *cl, const struct hostname *name,
            const char *verb, const char *why)
{
	struct tombstone t = {.name = *name, .removed_at = clock_wall(), .uid = (uint32_t)cl->uid};
	enum err err = set_remove(txn, name, t.removed_at);

	snprintf(t.by, sizeof(t.by), "%s", verb);
	snprintf(t.why, sizeof(t.why), "%s", why ? why : "");
	return err ? err : tombstone_put(txn, &t);
}

void
removed_reply(struct control_client *cl, const struct hostname *name)
{
	struct store_txn *txn;
	struct tombstone t;
	char at[CLOCK_TEXT_MAX];
	enum err err = store_begin_read(cl->control->store, STORE_SERVED, &txn);

	if (!err) {
		err = tombstone_find(txn, name, INT64_MIN, &t);
		store_abort(txn);
	}
	if (err)
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "there is no name %s here",
		            name->name);
	else
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
		            "%s was removed %s by uid %u (%s)%s%s", name->name,
		            clock_format(t.removed_at, at), (unsigned)t.uid, t.by,
		            *t.why ? ": " : "", t.why);
}

static void
send_item(struct control_client *cl, const struct tombstone *t)
{
	cJSON *item, *removed, *line = line_with("item", &item);

	cJSON_AddStringToObject(item, "name", t->name.name);
	cJSON_AddStringToObject(item, "state", "removed");
	removed = cJSON_AddObjectToObject(item, "removed");
	add_time(removed, "at", t->removed_at);
	cJSON_AddNumberToObject(removed, "uid", t->uid);
	cJSON_AddStringToObject(removed, "by", t->by);
	if (*t->why)
		cJSON_AddStringToObject(removed, "reason", t->why);
	reply_json(cl, line);
}

static enum err
read_page(struct store_txn *txn, const struct list_query *q, struct tombstone *page,
          size_t *ret_count)
{
	const struct hostname *name = q->window.name.len ? &q->window.name : NULL;

	if (q->backwards)
		return tombstone_page_before(txn, name, q->limit, page, ret_count);
	if (q->window.place == WINDOW_FROM && name)
		return tombstone_page_from(txn, name, q->limit, page, ret_count);
	return tombstone_page(txn, name, q->limit, page, ret_count);
}

static void
add_place(cJSON *end, const char *member, const struct list_query *q, const struct tombstone *t)
{
	const struct domain none = {.name = t->name};
	char place[LIST_CURSOR_MAX];

	cJSON_AddStringToObject(end, member, list_query_cursor(q, &none, place));
}

/* What was found last comes first when the way was backwards. */
static void
send_page(struct control_client *cl, const struct list_query *q, const struct tombstone *page,
          size_t count)
{
	cJSON *end, *line = line_with("end", &end);

	for (size_t i = 0; i < count; i++)
		send_item(cl, &page[q->backwards ? count - 1 - i : i]);
	cJSON_AddNumberToObject(end, "code", MSG_EXIT_OK);
	if (count && count == q->limit)
		add_place(end, q->backwards ? "before" : "after", q, &page[count - 1]);
	if (count && q->placed)
		add_place(end, q->backwards ? "after" : "before", q, &page[0]);
	reply_json(cl, line);
}

void
removed_list(struct control_client *cl, const struct list_query *q)
{
	struct tombstone *page = calloc(q->limit, sizeof(*page));
	struct store_txn *txn;
	size_t count = 0;
	enum err err = page ? store_begin_read(cl->control->store, STORE_SERVED, &txn) : ERR_NOMEM;

	if (!err) {
		err = read_page(txn, q, page, &count);
		store_abort(txn);
	}
	if (err)
		reply_store_error(cl, err);
	else
		send_page(cl, q, page, count);
	free(page);
}
