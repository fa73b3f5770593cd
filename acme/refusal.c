/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acme/transport.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

static const char acme_urn[] = "urn:ietf:params:acme:error:";

/* What the transport's errors mean for the operator. */
static const struct {
	enum err err;
	enum problem_kind kind;
} transport_kinds[] = {
	{ERR_CRYPTO, PROBLEM_CA_TLS},     {ERR_TOOBIG, PROBLEM_CA_PROTOCOL},
	{ERR_PROTO, PROBLEM_CA_PROTOCOL}, {ERR_INVALID, PROBLEM_CA_PROTOCOL},
	{ERR_NOMEM, PROBLEM_INTERNAL},
};

static void PRINTF_LIKE(2, 3) append(struct problem *p, const char *format, ...)
{
	size_t used = strlen(p->detail);
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->detail + used, sizeof(p->detail) - used, format, ap);
	va_end(ap);
}

static void
add_subproblems(struct problem *p, const cJSON *list)
{
	const cJSON *sub;

	cJSON_ArrayForEach(sub, list)
	{
		const char *name = json_text(json_object(sub, "identifier"), "value");
		const char *detail = json_text(sub, "detail");

		if (detail && name)
			append(p, "; %s: %s", name, detail);
		else if (detail)
			append(p, "; %s", detail);
	}
}

void
refusal_read(const cJSON *document, int status, struct problem *ret_problem)
{
	const char *type = json_text(document, "type");
	const char *detail = json_text(document, "detail");
	const char *instance = json_text(document, "instance");
	int64_t said = json_int(document, "status", status);
	struct problem p;

	if (said < 400 || said > 599)
		said = status;
	if (!type || strcmp(type, "about:blank") == 0)
		type = "";
	if (!detail)
		detail = json_text(document, "title");
	problem_set(&p, problem_kind_of_acme(type, said ? (int)said : 400), "%s",
	            detail ? detail : "no reason given");
	p.status = (uint16_t)said;
	snprintf(p.type, sizeof(p.type), "%s", type);
	add_subproblems(&p, json_array(document, "subproblems"));
	if (instance && refusal_is(&p, "userActionRequired"))
		append(&p, "; see %s", instance);
	*ret_problem = p;
}

bool
refusal_is(const struct problem *p, const char *word)
{
	size_t len = sizeof(acme_urn) - 1;

	return strncmp(p->type, acme_urn, len) == 0 && strcmp(p->type + len, word) == 0;
}

/* "retry after 2026-11-22 05:16:19 UTC", with 'T' and 'Z' in newer texts. */
static int64_t
date_in(const char *detail)
{
	const char *at = strcasestr(detail, "retry after ");
	struct tm tm = {0};

	if (!at)
		return 0;
	at += sizeof("retry after ") - 1;
	if (!strptime(at, "%Y-%m-%d %H:%M:%S", &tm) && !strptime(at, "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return (int64_t)timegm(&tm);
}

static int64_t
retry_at_of(const struct transport_reply *reply, const struct problem *p)
{
	int64_t now = clock_wall(), at = 0;

	if (reply->retry_after_ms >= REFUSAL_RETRY_MAX_S * INT64_C(1000))
		return now + REFUSAL_RETRY_MAX_S;
	if (reply->retry_after_ms >= 0)
		return now + (reply->retry_after_ms + 999) / 1000;
	if (p->kind == PROBLEM_CA_LIMITED)
		at = date_in(p->detail);
	if (at > now + REFUSAL_RETRY_MAX_S)
		return now + REFUSAL_RETRY_MAX_S;
	return at > now ? at : 0;
}

static void
judge_transport(const struct transport_reply *reply, struct problem *ret_problem)
{
	enum problem_kind kind = PROBLEM_CA_UNREACHABLE;

	for (size_t i = 0; i < sizeof(transport_kinds) / sizeof(transport_kinds[0]); i++)
		if (transport_kinds[i].err == reply->err)
			kind = transport_kinds[i].kind;
	problem_set(ret_problem, kind, "%s", reply->error);
}

static const cJSON *
find_document(const cJSON *json)
{
	const char *type = json_text(json, "type");
	const cJSON *found = json_object(json, "error"), *one;

	/* A challenge has a type, too. */
	if (found || (type && (strchr(type, ':') || json_text(json, "detail"))))
		return found ? found : json;
	cJSON_ArrayForEach(one, json_array(json, "challenges"))
	{
		found = json_object(one, "error");
		if (found)
			return found;
	}
	return NULL;
}

void
refusal_document(const void *body, size_t len, char *ret_text, size_t size)
{
	struct buf text = {0};
	cJSON *json = NULL;
	const cJSON *found = json_parse(body, len, &json) ? NULL : find_document(json);

	*ret_text = '\0';
	if (found && !json_print(found, &text) && text.len < size)
		snprintf(ret_text, size, "%s", buf_str(&text));
	buf_done(&text);
	cJSON_Delete(json);
}

/* 6.7: where a person may read more. */
static void
add_help(const struct transport_reply *reply, struct problem *p)
{
	for (size_t i = 0; i < reply->link_count; i++)
		if (strcmp(reply->links[i].rel, "help") == 0 &&
		    !strstr(p->detail, reply->links[i].url))
			append(p, "; see %s", reply->links[i].url);
}

void
refusal_judge(const struct transport_reply *reply, struct problem *ret_problem)
{
	cJSON *json = NULL;

	*ret_problem = (struct problem){.kind = PROBLEM_NONE};
	if (reply->err) {
		judge_transport(reply, ret_problem);
		return;
	}
	if (reply->status >= 200 && reply->status <= 299)
		return;
	if (reply->status < 400) {
		problem_set(ret_problem, PROBLEM_CA_PROTOCOL,
		            "the CA answered HTTP %d, which ACME does not use", reply->status);
		ret_problem->status = (uint16_t)reply->status;
		return;
	}
	if (!json_parse(reply->body.data, reply->body.len, &json) && cJSON_IsObject(json)) {
		refusal_read(json, reply->status, ret_problem);
	} else {
		problem_set(ret_problem, problem_kind_of_acme("", reply->status),
		            "the CA answered HTTP %d without saying why", reply->status);
	}
	cJSON_Delete(json);
	ret_problem->status = (uint16_t)reply->status;
	ret_problem->retry_at = retry_at_of(reply, ret_problem);
	add_help(reply, ret_problem);
}
