/* SPDX-License-Identifier: Apache-2.0 */
/* What the verb list is asked for: read, matched, counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/command_list.h"
#include "store/domain_list.h"
#include "store/due_window.h"
#include "store/label.h"

/* ---- reading -------------------------------------------------------------------------------- */

static enum err
read_labels(const cJSON *object, struct list_query *q)
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
read_problem(const char *code, struct list_query *q)
{
	for (int kind = PROBLEM_NONE + 1; code && kind < PROBLEM_COUNT; kind++)
		if (strcmp(problem_code((enum problem_kind)kind), code) == 0)
			q->problem = (enum problem_kind)kind;
	return !code || q->problem != PROBLEM_NONE;
}

static const char *
why_not(struct list_query *q, const char *what, const char *word)
{
	snprintf(q->why, sizeof(q->why), "%s \"%.32s\" (docs/control.md)", what, word);
	return q->why;
}

/* A domain's own state, not one that follows from its times. */
static bool
is_stored_state(const char *word)
{
	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++)
		if (strcmp(word, domain_state_word((enum domain_state)s)) == 0)
			return true;
	return false;
}

static bool
is_expired(const char *state)
{
	return state && strcmp(state, "expired") == 0;
}

/* Any first bytes of a name will do for "from". */
static bool
read_name(const char *text, bool is_prefix, struct hostname *ret_name)
{
	size_t len = strlen(text);

	if (!is_prefix)
		return hostname_parse_any(text, ret_name, NULL) == ERR_OK;
	if (len > HOSTNAME_MAX)
		return false;
	ret_name->len = (uint8_t)len;
	for (size_t i = 0; i <= len; i++)
		ret_name->name[i] =
			(char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	return true;
}

/* "NAME"; in the order of a time "SECONDS/NAME", and "SECONDS" for "from". */
static bool
read_cursor(const char *text, bool is_prefix, struct list_query *q)
{
	char *end = NULL;

	if (!q->by_expiry && !q->by_next)
		return read_name(text, is_prefix, &q->window.name);
	q->window.at = strtoll(text, &end, 10);
	if (end == text || (*end != '/' && (*end || !is_prefix)))
		return false;
	return !*end || read_name(end + 1, is_prefix, &q->window.name);
}

static const char *
read_place(const cJSON *request, struct list_query *q)
{
	static const struct {
		const char *member;
		enum window_place place;
	} places[] = {{"after", WINDOW_BEHIND}, {"before", WINDOW_BEFORE}, {"from", WINDOW_FROM}};
	int given = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *text = json_text(request, places[i].member);

		if (!text || (!*text && places[i].place != WINDOW_BEFORE))
			continue;
		given++;
		q->placed = *text;
		q->window.place = *text ? places[i].place : WINDOW_LAST;
		if (*text && !read_cursor(text, places[i].place == WINDOW_FROM, q))
			return "\"after\", \"before\" and \"from\" must be as a list gave them";
	}
	q->backwards = q->window.place == WINDOW_BEFORE || q->window.place == WINDOW_LAST;
	if (q->backwards && q->ends_before != INT64_MAX &&
	    (!q->placed || q->window.at >= q->ends_before)) {
		q->window.place = WINDOW_BEFORE;
		q->window.at = q->ends_before;
		q->window.name.len = 0;
	}
	return given > 1 ? "one of \"after\", \"before\" and \"from\"" : NULL;
}

/* The narrowest list that has all that is asked for. */
static void
choose_list(struct list_query *q)
{
	struct domain_window *w = &q->window;

	w->list = WINDOW_NAMES;
	if (q->by_expiry) {
		w->list = WINDOW_EXPIRY;
	} else if (q->by_next) {
		; /* store/due_window.h */
	} else if (q->problem != PROBLEM_NONE) {
		w->list = WINDOW_REASON;
		w->word = problem_code(q->problem);
	} else if (q->state && is_stored_state(q->state) &&
	           strcmp(q->state, domain_state_word(DOMAIN_VALID)) != 0) {
		w->list = WINDOW_STATE;
		w->word = q->state;
	} else if (q->label_count) {
		w->list = WINDOW_LABEL;
		w->word = q->labels[0];
	}
}

static const char *
read_filters(const cJSON *request, struct list_query *q)
{
	q->state = json_text(request, "state");
	q->ca = json_text(request, "ca");
	q->backend = json_text(request, "backend");
	if (q->state && !is_stored_state(q->state) && !is_expired(q->state) &&
	    strcmp(q->state, "renewing") != 0 && strcmp(q->state, "removed") != 0)
		return why_not(q, "no name has the state", q->state);
	if ((q->ca && strlen(q->ca) > NAME_WORD_MAX) ||
	    (q->backend && strlen(q->backend) > NAME_WORD_MAX))
		return "\"ca\" and \"backend\" are names of blocks";
	if (!read_problem(json_text(request, "error"), q))
		return why_not(q, "no attempt fails with", json_text(request, "error"));
	if (read_labels(json_object(request, "labels"), q))
		return "\"labels\" must be {\"key\":\"value\"}, as labels are";
	return NULL;
}

static const char *
read_order(const cJSON *request, struct list_query *q)
{
	const char *sort = json_text(request, "sort");
	int64_t expires_in = json_int(request, "expires_in", -1);
	bool by_name = sort && strcmp(sort, "name") == 0;

	q->by_next = sort && strcmp(sort, "next") == 0;
	if (expires_in >= 0)
		q->ends_before = q->now + expires_in;
	if (is_expired(q->state) && q->ends_before > q->now && !q->by_next)
		q->ends_before = q->now + 1;
	q->by_expiry = q->ends_before != INT64_MAX || (sort && strcmp(sort, "expiry") == 0);
	if (sort && !by_name && !q->by_next && strcmp(sort, "expiry") != 0)
		return "\"sort\" must be \"name\", \"expiry\" or \"next\"";
	if ((by_name || q->by_next) && expires_in >= 0)
		return "\"expires_in\" lists by expiry";
	return NULL;
}

const char *
list_query_read(const cJSON *request, struct list_query *q)
{
	int64_t limit = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(request, "limit"))
	                        ? json_int(request, "limit", 0)
	                        : LIST_PAGE;
	const char *why;

	*q = (struct list_query){.now = clock_wall(), .ends_before = INT64_MAX};
	q->window.at = INT64_MIN;
	why = read_filters(request, q);
	if (why)
		return why;
	if (limit < 1 || limit > MSG_PAGE_MAX)
		return "\"limit\" must be 1 to 1000";
	q->limit = (size_t)limit;
	why = read_order(request, q);
	if (why)
		return why;
	choose_list(q);
	return read_place(request, q);
}

/* ---- matching ------------------------------------------------------------------------------- */

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

bool
list_query_matches(const struct list_query *q, const struct domain *d)
{
	if (q->state && strcmp(shown_state(d, q->now), q->state) != 0)
		return false;
	if (q->problem != PROBLEM_NONE && d->problem.kind != q->problem)
		return false;
	if ((q->ca && strcmp(q->ca, d->ca) != 0) ||
	    (q->backend && strcmp(q->backend, d->backend) != 0))
		return false;
	for (size_t i = 0; i < q->label_count; i++)
		if (!has_label(d, q->labels[i]))
			return false;
	return true;
}

int64_t
list_query_at(const struct list_query *q, const struct domain *d)
{
	return q->by_next ? d->due_at : d->not_after;
}

const char *
list_query_cursor(const struct list_query *q, const struct domain *d, char text[LIST_CURSOR_MAX])
{
	if (q->by_expiry || q->by_next)
		snprintf(text, LIST_CURSOR_MAX, "%" PRId64 "/%s", list_query_at(q, d),
		         d->name.name);
	else
		snprintf(text, LIST_CURSOR_MAX, "%s", d->name.name);
	return text;
}

/* ---- counting ------------------------------------------------------------------------------- */

static enum err
count_state(struct store_txn *txn, const char *word, uint64_t *ret_count)
{
	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++)
		if (strcmp(word, domain_state_word((enum domain_state)s)) == 0)
			return domain_count_state(txn, (enum domain_state)s, ret_count);
	return ERR_UNSUPPORTED;
}

enum err
list_query_count(const struct list_query *q, struct store_txn *txn, uint64_t *ret_count)
{
	bool by_end = q->ends_before != INT64_MAX;
	bool by_state = q->state && !is_expired(q->state); /* that is an end of its own */
	size_t filters = (size_t)by_end + by_state + (q->problem != PROBLEM_NONE) + !!q->ca +
	                 !!q->backend + q->label_count;

	if (q->by_next)
		return filters || is_expired(q->state) ? ERR_UNSUPPORTED
		                                       : due_count_all(txn, ret_count);
	if (filters > 1)
		return ERR_UNSUPPORTED;
	if (by_state)
		return q->by_expiry ? ERR_UNSUPPORTED : count_state(txn, q->state, ret_count);
	if (q->problem != PROBLEM_NONE)
		return domain_count_reason(txn, q->problem, ret_count);
	if (q->ca)
		return domain_count_ca(txn, q->ca, ret_count);
	if (q->backend)
		return domain_count_backend(txn, q->backend, ret_count);
	if (q->label_count)
		return domain_count_label(txn, q->labels[0], ret_count);
	if (q->by_expiry)
		return domain_count_expiring(txn, q->ends_before, ret_count);
	return domain_count_all(txn, ret_count);
}
