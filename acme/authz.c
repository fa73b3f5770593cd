/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authz.h"

#include <stdio.h>
#include <string.h>

#include "acme/header.h"
#include "acme/order_object.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "acme/url.h"
#include "base/json.h"
#include "base/problem.h"

static const struct {
	const char *word;
	enum authz_status status;
} authz_words[] = {
	{"pending", AUTHZ_PENDING},     {"valid", AUTHZ_VALID},     {"invalid", AUTHZ_INVALID},
	{"deactivated", AUTHZ_INVALID}, {"expired", AUTHZ_INVALID}, {"revoked", AUTHZ_INVALID},
};

static const char *const challenge_words[AUTHZ_CHALLENGE_STATUSES] = {
	[AUTHZ_CHALLENGE_PENDING] = "pending",
	[AUTHZ_CHALLENGE_PROCESSING] = "processing",
	[AUTHZ_CHALLENGE_VALID] = "valid",
	[AUTHZ_CHALLENGE_INVALID] = "invalid",
};

static enum err
read_status(const cJSON *json, enum authz_status *ret_status)
{
	const char *word = json_text(json, "status");

	for (size_t i = 0; word && i < sizeof(authz_words) / sizeof(authz_words[0]); i++) {
		if (strcmp(word, authz_words[i].word) == 0) {
			*ret_status = authz_words[i].status;
			return ERR_OK;
		}
	}
	return ERR_PROTO;
}

static enum err
read_name(const cJSON *json, struct hostname *ret_name)
{
	const cJSON *identifier = json_object(json, "identifier");
	struct hostname name;
	char text[HOSTNAME_MAX + 3];

	if (order_identifier_read(identifier, &name))
		return ERR_PROTO;
	if (!json_bool(json, "wildcard", false)) {
		*ret_name = name;
		return ERR_OK;
	}
	snprintf(text, sizeof(text), "*.%s", name.name);
	return hostname_parse(text, ret_name, NULL);
}

enum err
authz_read(const struct transport_reply *reply, struct authz *ret_authz, struct problem *ret_why)
{
	struct authz a = {0};
	const char *what = NULL;

	if (json_parse(reply->body.data, reply->body.len, &a.json))
		what = "is not valid JSON";
	else if (read_status(a.json, &a.status))
		what = "has a status that RFC 8555 does not know";
	else if (read_name(a.json, &a.name))
		what = "has no identifier that we ordered";
	if (what) {
		problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA's authorization %s", what);
		cJSON_Delete(a.json);
		return ERR_PROTO;
	}
	*ret_authz = a;
	return ERR_OK;
}

void
authz_done(struct authz *a)
{
	cJSON_Delete(a->json);
	*a = (struct authz){0};
}

enum err
authz_challenge_read(const cJSON *json, struct authz_challenge *ret_challenge)
{
	const char *word = json_text(json, "status");
	struct authz_challenge c = {
		.type = json_text(json, "type"),
		.url = json_text(json, "url"),
		.token = json_text(json, "token"),
		.status = AUTHZ_CHALLENGE_STATUSES,
		.error = json_object(json, "error"),
	};

	for (size_t i = 0; word && i < AUTHZ_CHALLENGE_STATUSES; i++)
		if (strcmp(word, challenge_words[i]) == 0)
			c.status = (enum authz_challenge_status)i;
	if (!c.type || c.status == AUTHZ_CHALLENGE_STATUSES)
		return ERR_PROTO;
	*ret_challenge = c;
	return ERR_OK;
}

static void
say_no_challenge(const struct authz *a, struct problem *ret_why)
{
	char offered[200] = "";
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(a->json, "challenges"))
	{
		const char *type = json_text(one, "type");
		size_t used = strlen(offered);

		if (type)
			snprintf(offered + used, sizeof(offered) - used, " %s", type);
	}
	problem_set(ret_why, PROBLEM_AUTHZ_NO_CHALLENGE,
	            "the CA offers for %s none of the configured challenges but only:%s",
	            a->name.name, *offered ? offered : " none");
}

static bool
is_token(const char *token)
{
	return token && strlen(token) <= AUTHZ_TOKEN_MAX && header_is_base64url(token);
}

static bool
is_url(const char *url)
{
	return url && url_is_sane(url);
}

enum err
authz_choose(const struct authz *a, const char *const *types, size_t count,
             struct authz_challenge *ret_challenge, size_t *ret_type, struct problem *ret_why)
{
	struct authz_challenge best = {0};
	size_t best_type = count;
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(a->json, "challenges"))
	{
		struct authz_challenge c;
		size_t type = 0;

		if (authz_challenge_read(one, &c) || c.status == AUTHZ_CHALLENGE_INVALID)
			continue;
		while (type < count && strcmp(types[type], c.type) != 0)
			type++;
		if (type == count || (best.status == AUTHZ_CHALLENGE_PROCESSING) ||
		    (type >= best_type && c.status != AUTHZ_CHALLENGE_PROCESSING))
			continue;
		best = c;
		best_type = type;
	}
	if (best_type == count) {
		say_no_challenge(a, ret_why);
		return ERR_NOTFOUND;
	}
	if (!is_token(best.token) || !is_url(best.url)) {
		problem_set(ret_why, PROBLEM_CA_PROTOCOL,
		            "the CA's %s challenge for %s has no usable %s", best.type,
		            a->name.name, is_url(best.url) ? "token" : "url");
		return ERR_PROTO;
	}
	*ret_challenge = best;
	*ret_type = best_type;
	return ERR_OK;
}

enum err
authz_find(const struct authz *a, const char *url, struct authz_challenge *ret_challenge)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(a->json, "challenges"))
	{
		struct authz_challenge c;

		if (!authz_challenge_read(one, &c) && c.url && strcmp(c.url, url) == 0) {
			*ret_challenge = c;
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

bool
authz_explain(const struct authz *a, struct problem *ret_why)
{
	const char *word = json_text(a->json, "status");
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(a->json, "challenges"))
	{
		const cJSON *error = json_object(one, "error");

		if (error) {
			refusal_read(error, 0, ret_why);
			return true;
		}
	}
	problem_set(ret_why, PROBLEM_AUTHZ_FAILED, "the CA says the authorization of %s is %s",
	            a->name.name, word ? word : "invalid");
	return false;
}
