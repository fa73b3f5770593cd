/* SPDX-License-Identifier: Apache-2.0 */
/* The verb list. The narrowest index that the request allows gives the rows, the rest of the
 * request filters them. A request looks at no more than LIST_SCANS pages, so a rare combination
 * costs many short requests instead of one long one; nothing ever scans all names. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/command_list.h"
#include "daemon/control/command_removed.h"
#include "store/due_window.h"
#include "store/order.h"
#include "store/store.h"

enum { LIST_SCANS = 20 };

/* What is on its way to the client, in the order it was found. */
struct list_page {
	cJSON **lines; /* up to the limit */
	size_t count;
	bool any; /* rows were looked at: */
	struct domain first, last;
	bool more; /* there may be further rows behind the last */
	bool counted;
	uint64_t matches;
};

/* ---- rows ----------------------------------------------------------------------------------- */

/* Names in work are those with an order: few, and in the other environment. */
static enum err
read_orders(struct control *c, const struct list_query *q, struct hostname *names,
            size_t *ret_count)
{
	const struct domain_window *w = &q->window;
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = order_window(txn, w->place, &w->name, LIST_PAGE, names, ret_count);
	store_abort(txn);
	return err;
}

static enum err
read_renewing(struct control *c, const struct list_query *q, struct domain *page, size_t *ret_count)
{
	struct hostname *names = calloc(LIST_PAGE, sizeof(*names));
	struct store_txn *txn;
	size_t count = 0;
	enum err err = names ? read_orders(c, q, names, &count) : ERR_NOMEM;

	if (!err)
		err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (!err) {
		for (size_t i = 0; i < count; i++)
			if (domain_get(txn, &names[i], &page[i]))
				page[i] = (struct domain){.name = names[i]}; /* just removed */
		store_abort(txn);
		*ret_count = count;
	}
	free(names);
	return err;
}

static enum err
read_rows(struct control *c, const struct list_query *q, struct domain *page, size_t *ret_count)
{
	struct store_txn *txn;
	enum err err;

	if (q->state && strcmp(q->state, "renewing") == 0 && !q->by_expiry && !q->by_next)
		return read_renewing(c, q, page, ret_count);
	err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (err)
		return err;
	err = q->by_next ? due_window(txn, &q->window, LIST_PAGE, page, ret_count)
	                 : domain_window(txn, &q->window, LIST_PAGE, page, ret_count);
	store_abort(txn);
	return err;
}

/* ---- the page ------------------------------------------------------------------------------- */

static void
take_item(struct control *c, const struct domain *d, struct list_page *p)
{
	cJSON *item, *line = line_with("item", &item);

	fill_item(item, c, d);
	p->lines[p->count++] = line;
}

/* Takes what matches of COUNT rows and moves Q on; false: this was all there is, or enough. */
static bool
take_rows(struct control *c, struct list_query *q, const struct domain *rows, size_t count,
          struct list_page *p)
{
	for (size_t i = 0; i < count; i++) {
		const struct domain *d = &rows[i];

		if (p->count == q->limit) {
			p->more = true;
			return false;
		}
		if (q->by_expiry && d->not_after >= q->ends_before)
			return false;
		if (!p->any)
			p->first = *d;
		p->any = true;
		p->last = *d;
		q->window.name = d->name;
		q->window.at = list_query_at(q, d);
		q->window.place = q->backwards ? WINDOW_BEFORE : WINDOW_BEHIND;
		if (list_query_matches(q, d))
			take_item(c, d, p);
	}
	return count == LIST_PAGE;
}

/* What counters know: nothing to look for, perhaps. */
static enum err
count_matches(struct control *c, const struct list_query *q, struct list_page *p)
{
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = list_query_count(q, txn, &p->matches);
	store_abort(txn);
	p->counted = err == ERR_OK;
	return err == ERR_UNSUPPORTED || err == ERR_CORRUPT ? ERR_OK : err;
}

static enum err
read_page(struct control *c, struct list_query *q, struct list_page *p)
{
	struct domain *rows = calloc(LIST_PAGE, sizeof(*rows));
	size_t count;
	bool go_on;
	enum err err = rows ? count_matches(c, q, p) : ERR_NOMEM;

	/* Counters by expiry are of full hours. */
	go_on = !p->counted || p->matches > 0 || q->by_expiry;
	for (size_t scans = 0; !err && go_on; scans++) {
		if (scans == LIST_SCANS) {
			p->more = true;
			break;
		}
		err = read_rows(c, q, rows, &count);
		if (!err)
			go_on = take_rows(c, q, rows, count, p);
	}
	free(rows);
	return err;
}

/* What was found last comes first when the way was backwards. */
static void
send_page(struct control_client *cl, const struct list_query *q, struct list_page *p)
{
	cJSON *end, *line = line_with("end", &end);
	char first[LIST_CURSOR_MAX], last[LIST_CURSOR_MAX];

	for (size_t i = 0; i < p->count; i++) {
		size_t at = q->backwards ? p->count - 1 - i : i;

		reply_json(cl, p->lines[at]);
		p->lines[at] = NULL;
	}
	cJSON_AddNumberToObject(end, "code", MSG_EXIT_OK);
	if (p->any && p->more)
		cJSON_AddStringToObject(end, q->backwards ? "before" : "after",
		                        list_query_cursor(q, &p->last, last));
	if (p->any && q->placed)
		cJSON_AddStringToObject(end, q->backwards ? "after" : "before",
		                        list_query_cursor(q, &p->first, first));
	if (p->counted)
		cJSON_AddNumberToObject(end, "matches", (double)p->matches);
	reply_json(cl, line);
}

void
command_list(struct control_client *cl, const cJSON *request)
{
	struct list_query q;
	struct list_page p = {.count = 0};
	const char *why = list_query_read(request, &q);
	enum err err;

	if (why) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "%s", why);
		return;
	}
	if (q.state && strcmp(q.state, "removed") == 0) {
		removed_list(cl, &q);
		return;
	}
	p.lines = calloc(q.limit, sizeof(cJSON *));
	err = p.lines ? read_page(cl->control, &q, &p) : ERR_NOMEM;
	if (err)
		reply_store_error(cl, err);
	else
		send_page(cl, &q, &p);
	for (size_t i = 0; i < p.count; i++)
		cJSON_Delete(p.lines[i]); /* NULL once sent */
	free(p.lines);
}
