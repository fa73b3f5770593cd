/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/problem.h"

static const struct {
	const char *member;
	size_t offset; /* of the char * in struct directory */
} needed[] = {
	{"newNonce", offsetof(struct directory, new_nonce)},
	{"newAccount", offsetof(struct directory, new_account)},
	{"newOrder", offsetof(struct directory, new_order)},
};

static const char *const optional[] = {"newAuthz", "revokeCert", "keyChange", "renewalInfo"};

void
directory_done(struct directory *d)
{
	free(d->new_nonce);
	free(d->new_account);
	free(d->new_order);
	free(d->renewal_info);
	free(d->terms);
	for (size_t i = 0; i < d->profile_count; i++)
		free(d->profiles[i]);
	*d = (struct directory){0};
}

bool
directory_names(const struct directory *d, const char *url)
{
	char origin[URL_ORIGIN_MAX + 1];

	if (url_origin(url, origin))
		return false;
	for (size_t i = 0; i < d->origin_count; i++)
		if (strcmp(d->origins[i], origin) == 0)
			return true;
	return false;
}

static void
add_origin(struct directory *d, const char *url)
{
	if (url && d->origin_count < DIRECTORY_ORIGINS_MAX && !directory_names(d, url) &&
	    !url_origin(url, d->origins[d->origin_count]))
		d->origin_count++;
}

static enum err
read_needed(struct directory *d, const cJSON *json, struct problem *ret_why)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		const char *url = json_text(json, needed[i].member);
		char **to = (char **)((char *)d + needed[i].offset);

		if (!url || !url_is_sane(url)) {
			problem_set(ret_why, PROBLEM_CA_PROTOCOL,
			            "the CA's directory has no usable %s", needed[i].member);
			return ERR_PROTO;
		}
		add_origin(d, url);
		*to = strdup(url);
		if (!*to)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

bool
directory_offers(const struct directory *d, const char *name)
{
	for (size_t i = 0; i < d->profile_count; i++)
		if (strcmp(d->profiles[i], name) == 0)
			return true;
	return false;
}

static enum err
read_profiles(struct directory *d, const cJSON *profiles)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, profiles)
	{
		if (d->profile_count == DIRECTORY_PROFILES_MAX)
			break;
		d->profiles[d->profile_count] = strdup(one->string);
		if (!d->profiles[d->profile_count++])
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
read_renewal_info(struct directory *d, const char *url)
{
	if (!url || !url_is_sane(url))
		return ERR_OK;
	d->renewal_info = strdup(url);
	return d->renewal_info ? ERR_OK : ERR_NOMEM;
}

static enum err
read_meta(struct directory *d, const cJSON *meta)
{
	const char *terms = json_text(meta, "termsOfService");

	d->needs_binding = json_bool(meta, "externalAccountRequired", false);
	if (terms && *terms) {
		d->terms = strdup(terms);
		if (!d->terms)
			return ERR_NOMEM;
	}
	return read_profiles(d, json_object(meta, "profiles"));
}

enum err
directory_read(const char *url, const void *body, size_t len, struct directory *ret_directory,
               struct problem *ret_why)
{
	struct directory d = {0};
	cJSON *json = NULL;
	enum err err;

	problem_set(ret_why, PROBLEM_CA_PROTOCOL, "%s is no ACME directory: not a JSON object",
	            url);
	if (json_parse(body, len, &json) || !cJSON_IsObject(json)) {
		err = ERR_PROTO;
		goto out;
	}
	add_origin(&d, url);
	err = read_needed(&d, json, ret_why);
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		add_origin(&d, json_text(json, optional[i]));
	if (!err)
		err = read_renewal_info(&d, json_text(json, "renewalInfo"));
	if (!err)
		err = read_meta(&d, json_object(json, "meta"));
	if (err == ERR_NOMEM)
		problem_set(ret_why, PROBLEM_INTERNAL, "out of memory");
	if (!err) {
		directory_done(ret_directory);
		*ret_directory = d;
		d = (struct directory){0};
	}
out:
	directory_done(&d);
	cJSON_Delete(json);
	return err;
}
