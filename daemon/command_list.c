/* SPDX-License-Identifier: Apache-2.0 */
/* The verb list. The narrowest index that the request allows gives the rows, the rest of the
 * request filters them. A request looks at no more than LIST_SCANS pages, so a rare combination
 * costs many short requests instead of one long one; nothing ever scans all names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/command_inside.h"
#include "daemon/command_removed.h"
#include "store/domain_list.h"
#include "store/label.h"
#include "store/order.h"
#include "store/store.h"

enum { LIST_PAGE = 100, LIST_SCANS = 20 };

struct query {
	int64_t now;
	size_t limit;
	const char *state;         /* NULL: any, as all below */
	enum problem_kind problem; /* NONE: any */
	char labels[LABELS_MAX][LABEL_TEXT_MAX + 1];
	size_t label_count;
	int64_t ends_before; /* INT64_MAX: any */
	bool by_expiry;
	/* where to go on */
	struct hostname after; /* len 0: the first */
	int64_t after_at;      /* by expiry */
};

/* ---- reading the request -------------------------------------------------------------------- */

static enum err
read_labels(const cJSON *object, struct query *q)
{
	struct domain d = {0};
	struct label labels[LABELS_MAX];
	char why[128];
	enum err err = object ? labels_from_json(object, &d, why, sizeof(why)) : ERR_OK;

	if (err)
		return err;
	q->label_count = label_list(&d, labels);
	for (size_t i = 0; i < q->label_count; i++)
		snprintf(q->labels[i], sizeof(q->labels[i]), "%.*s=%.*s", LABEL_KEY_MAX,
		         labels[i].key, LABEL_VALUE_MAX, labels[i].value);
	return ERR_OK;
}

static bool
read_problem(const char *code, struct query *q)
{
	for (int kind = PROBLEM_NONE + 1; code && kind < PROBLEM_COUNT; kind++)
		if (strcmp(problem_code((enum problem_kind)kind), code) == 0)
			q->problem = (enum problem_kind)kind;
	return !code || q->problem != PROBLEM_NONE;
}

/* "NAME", by expiry "SECONDS/NAME". */
static bool
read_after(const char *after, struct query *q)
{
	char *end = NULL;

	if (!after || !*after)
		return true;
	if (q->by_expiry) {
		q->after_at = strtoll(after, &end, 10);
		if (*end != '/')
			return false;
		after = end + 1;
	}
	return hostname_parse_any(after, &q->after, NULL) == ERR_OK;
}

static bool
is_shown_state(const char *word)
{
	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++)
		if (strcmp(word, domain_state_word((enum domain_state)s)) == 0)
			return true;
	return strcmp(word, "renewing") == 0 || strcmp(word, "expired") == 0 ||
	       strcmp(word, "removed") == 0;
}

static const char *
read_query(const cJSON *request, struct query *q)
{
	int64_t limit =
		cJSON_HasObjectItem(request, "limit") ? json_int(request, "limit", 0) : LIST_PAGE;
	int64_t expires_in = json_int(request, "expires_in", -1);
	const char *sort = json_text(request, "sort");

	*q = (struct query){.now = clock_wall(), .ends_before = INT64_MAX, .after_at = INT64_MIN};
	q->state = json_text(request, "state");
	if (q->state && !is_shown_state(q->state))
		return "\"state\" is pending, valid, renewing, failing, external, paused, moved, "
		       "expired or removed";
	if (limit < 1 || limit > MSG_PAGE_MAX)
		return "\"limit\" must be 1 to 1000";
	q->limit = (size_t)limit;
	if (expires_in >= 0)
		q->ends_before = q->now + expires_in;
	if (q->state && strcmp(q->state, "expired") == 0 && q->ends_before > q->now)
		q->ends_before = q->now + 1;
	q->by_expiry = q->ends_before != INT64_MAX || (sort && strcmp(sort, "expiry") == 0);
	if (sort && strcmp(sort, "expiry") != 0 && strcmp(sort, "name") != 0)
		return "\"sort\" must be \"name\" or \"expiry\"";
	if (sort && strcmp(sort, "name") == 0 && expires_in >= 0)
		return "\"expires_in\" lists by expiry";
	if (!read_problem(json_text(request, "error"), q))
		return "\"error\" is no code of a failed attempt (docs/control.md)";
	if (read_labels(json_object(request, "labels"), q))
		return "\"labels\" must be {\"key\":\"value\"}, as labels are";
	return read_after(json_text(request, "after"), q) ? NULL
	                                                  : "\"after\" must be as a list gave it";
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum err
read_rows(struct store_txn *txn, const struct query *q, struct domain *page, size_t *ret_count)
{
	const struct hostname *after = q->after.len ? &q->after : NULL;

	if (q->by_expiry)
		return domain_page_expiry(txn, q->after_at, after, LIST_PAGE, page, ret_count);
	if (q->problem != PROBLEM_NONE)
		return domain_page_reason(txn, q->problem, after, LIST_PAGE, page, ret_count);
	if (q->state && strcmp(q->state, "failing") == 0)
		return domain_page_state(txn, DOMAIN_FAILING, after, LIST_PAGE, page, ret_count);
	if (q->state && strcmp(q->state, "pending") == 0)
		return domain_page_state(txn, DOMAIN_PENDING, after, LIST_PAGE, page, ret_count);
	if (q->state && strcmp(q->state, "external") == 0)
		return domain_page_state(txn, DOMAIN_EXTERNAL, after, LIST_PAGE, page, ret_count);
	if (q->state && strcmp(q->state, "moved") == 0)
		return domain_page_state(txn, DOMAIN_MOVED, after, LIST_PAGE, page, ret_count);
	if (q->state && strcmp(q->state, "paused") == 0)
		return domain_page_state(txn, DOMAIN_PAUSED, after, LIST_PAGE, page, ret_count);
	if (q->label_count)
		return domain_page_label(txn, q->labels[0], after, LIST_PAGE, page, ret_count);
	return domain_page(txn, after, LIST_PAGE, page, ret_count);
}

/* Names in work are those with an order: few, and in the other environment. */
static enum err
read_renewing(struct control *c, const struct query *q, struct domain *page, size_t *ret_count)
{
	struct hostname *names = calloc(LIST_PAGE, sizeof(*names));
	struct store_txn *txn;
	size_t count = 0;
	enum err err = names ? store_begin_read(c->store, STORE_PRIVATE, &txn) : ERR_NOMEM;

	if (!err) {
		err = order_page(txn, q->after.len ? &q->after : NULL, LIST_PAGE, names, &count);
		store_abort(txn);
	}
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

static bool
has_label(const struct domain *d, const char *text)
{
	const char *at = d->labels;
	size_t len = strlen(text);

	for (const char *end; (end = strchr(at, '\n')); at = end + 1)
		if ((size_t)(end - at) == len && memcmp(at, text, len) == 0)
			return true;
	return false;
}

static bool
matches(const struct query *q, const struct domain *d)
{
	if (q->state && strcmp(shown_state(d, q->now), q->state) != 0)
		return false;
	if (q->problem != PROBLEM_NONE && d->problem.kind != q->problem)
		return false;
	for (size_t i = 0; i < q->label_count; i++)
		if (!has_label(d, q->labels[i]))
			return false;
	return true;
}

/* ---- the page ------------------------------------------------------------------------------- */

static enum err
read_page(struct control *c, const struct query *q, struct domain *page, size_t *ret_count)
{
	struct store_txn *txn;
	enum err err;

	if (q->state && strcmp(q->state, "renewing") == 0 && !q->by_expiry)
		return read_renewing(c, q, page, ret_count);
	err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (err)
		return err;
	err = read_rows(txn, q, page, ret_count);
	store_abort(txn);
	return err;
}

static void
send_item(struct control_client *cl, const struct domain *d)
{
	cJSON *item, *line = line_with("item", &item);

	fill_item(item, cl->control, d);
	reply_json(cl, line);
}

/* Sends what matches of COUNT rows and moves Q on; false: this was all there is, or enough. */
static bool
send_rows(struct control_client *cl, struct query *q, const struct domain *page, size_t count,
          size_t *sent, bool *ret_more)
{
	for (size_t i = 0; i < count; i++) {
		if (*sent == q->limit) {
			*ret_more = true;
			return false;
		}
		if (q->by_expiry && page[i].not_after >= q->ends_before)
			return false;
		q->after = page[i].name;
		q->after_at = page[i].not_after;
		if (!matches(q, &page[i]))
			continue;
		send_item(cl, &page[i]);
		(*sent)++;
	}
	return count == LIST_PAGE;
}

static enum err
send_page(struct control_client *cl, struct query *q, bool *ret_more)
{
	struct domain *page = calloc(LIST_PAGE, sizeof(*page));
	size_t sent = 0, count;
	bool go_on = true;
	enum err err = page ? ERR_OK : ERR_NOMEM;

	*ret_more = false;
	for (size_t scans = 0; !err && go_on; scans++) {
		if (scans == LIST_SCANS) {
			*ret_more = true;
			break;
		}
		err = read_page(cl->control, q, page, &count);
		if (!err)
			go_on = send_rows(cl, q, page, count, &sent, ret_more);
	}
	free(page);
	return err;
}

void
command_list(struct control_client *cl, const cJSON *request)
{
	struct query q;
	const char *why = read_query(request, &q);
	char after[HOSTNAME_MAX + 32];
	cJSON *end, *line;
	bool more;
	enum err err;

	if (why) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "%s", why);
		return;
	}
	if (q.state && strcmp(q.state, "removed") == 0) {
		removed_list(cl, q.after.len ? &q.after : NULL, q.limit);
		return;
	}
	err = send_page(cl, &q, &more);
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	line = line_with("end", &end);
	cJSON_AddNumberToObject(end, "code", MSG_EXIT_OK);
	snprintf(after, sizeof(after), "%" PRId64 "/%s", q.after_at, q.after.name);
	if (more)
		cJSON_AddStringToObject(end, "after", q.by_expiry ? after : q.after.name);
	reply_json(cl, line);
}
