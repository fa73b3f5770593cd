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

static bool
is_persist(const struct authz_challenge *c)
{
	return strcmp(c->type, "dns-persist-01") == 0;
}

/* Normalized as the CA must have done it (draft-ietf-acme-dns-persist 3.1). */
static bool
is_issuer(const cJSON *json)
{
	const char *text = cJSON_GetStringValue(json);
	struct hostname name;

	return text && !hostname_parse(text, &name, NULL) && !hostname_is_wildcard(&name) &&
	       strcmp(text, name.name) == 0;
}

/* Drafts 00 and 01 call them otherwise than 02. None when there are too many or wrong ones: the
 * challenge is malformed then. */
static void
read_issuers(const cJSON *json, struct authz_challenge *c)
{
	const cJSON *list = json_array(json, "issuerDomainNames"), *one;

	if (!list)
		list = json_array(json, "issuer-domain-names");
	cJSON_ArrayForEach(one, list)
	{
		if (c->issuer_count == AUTHZ_ISSUERS_MAX || !is_issuer(one)) {
			c->issuer_count = 0;
			return;
		}
		c->issuers[c->issuer_count++] = one->valuestring;
	}
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
	if (is_persist(&c)) {
		c.token = "";
		read_issuers(json, &c);
	}
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

/* NULL: nothing. */
static const char *
what_is_missing(const struct authz_challenge *c)
{
	if (!is_url(c->url))
		return "url";
	if (is_persist(c))
		return c->issuer_count > 0 ? NULL : "issuer domain names";
	return is_token(c->token) ? NULL : "token";
}

/* One under way, else the first of TYPES; its index, or COUNT. */
static size_t
pick(const struct authz *a, const char *const *types, size_t count, bool broken,
     struct authz_challenge *ret_challenge)
{
	struct authz_challenge best = {0};
	size_t best_type = count;
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(a->json, "challenges"))
	{
		struct authz_challenge c;
		size_t type = 0;

		if (authz_challenge_read(one, &c) || c.status == AUTHZ_CHALLENGE_INVALID ||
		    (what_is_missing(&c) && !broken))
			continue;
		while (type < count && strcmp(types[type], c.type) != 0)
			type++;
		if (type == count || (best.status == AUTHZ_CHALLENGE_PROCESSING) ||
		    (type >= best_type && c.status != AUTHZ_CHALLENGE_PROCESSING))
			continue;
		best = c;
		best_type = type;
	}
	*ret_challenge = best;
	return best_type;
}

enum err
authz_choose(const struct authz *a, const char *const *types, size_t count,
             struct authz_challenge *ret_challenge, size_t *ret_type, struct problem *ret_why)
{
	struct authz_challenge best;
	size_t type = pick(a, types, count, false, &best);

	if (type < count) {
		*ret_challenge = best;
		*ret_type = type;
		return ERR_OK;
	}
	if (pick(a, types, count, true, &best) == count) {
		say_no_challenge(a, ret_why);
		return ERR_NOTFOUND;
	}
	problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA's %s challenge for %s has no usable %s",
	            best.type, a->name.name, what_is_missing(&best));
	return ERR_PROTO;
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
