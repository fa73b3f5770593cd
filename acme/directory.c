/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/directory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/problem.h"

enum { SHOWN_MAX = 511 }; /* bytes of what is for people */

/* The members that are URLs. */
static const struct {
	const char *member;
	bool needed;
	size_t offset; /* of the char * in struct directory; SIZE_MAX: it only names an origin */
} urls[] = {
	{"newNonce", true, offsetof(struct directory, new_nonce)},
	{"newAccount", true, offsetof(struct directory, new_account)},
	{"newOrder", true, offsetof(struct directory, new_order)},
	{"revokeCert", false, offsetof(struct directory, revoke_cert)},
	{"keyChange", false, offsetof(struct directory, key_change)},
	{"newAuthz", false, SIZE_MAX},
	{"renewalInfo", false, offsetof(struct directory, renewal_info)},
};

void
directory_done(struct directory *d)
{
	free(d->new_nonce);
	free(d->new_account);
	free(d->new_order);
	free(d->renewal_info);
	free(d->revoke_cert);
	free(d->key_change);
	free(d->terms);
	free(d->website);
	free(d->caa_identities);
	free(d->hash_prefix);
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
read_urls(struct directory *d, const cJSON *json, struct problem *ret_why)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const char *url = json_text(json, urls[i].member);
		char **to;

		if (!url || !url_is_sane(url)) {
			if (!urls[i].needed)
				continue; /* as if it were not there */
			problem_set(ret_why, PROBLEM_CA_PROTOCOL,
			            "the CA's directory has no usable %s", urls[i].member);
			return ERR_PROTO;
		}
		add_origin(d, url);
		if (urls[i].offset == SIZE_MAX)
			continue;
		to = (char **)((char *)d + urls[i].offset);
		*to = strdup(url);
		if (!*to)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

/* Text for people, foreign; NULL when there is none or too much of it. */
static enum err
copy_shown(const char *text, char **ret_copy)
{
	if (!text || !*text || strlen(text) > SHOWN_MAX)
		return ERR_OK;
	*ret_copy = strdup(text);
	return *ret_copy ? ERR_OK : ERR_NOMEM;
}

static enum err
read_identities(struct directory *d, const cJSON *list)
{
	struct buf names = {0};
	const cJSON *item;
	enum err err;

	cJSON_ArrayForEach(item, list)
	{
		const char *name = cJSON_GetStringValue(item);

		if (name && *name)
			buf_printf(&names, "%s%s", names.len ? " " : "", name);
	}
	err = buf_str(&names) ? copy_shown((const char *)names.data, &d->caa_identities)
	                      : ERR_NOMEM;
	buf_done(&names);
	return err;
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

/* It becomes part of a parameter (RFC 8659 4.2): nothing but printable ASCII, no ";". */
static enum err
read_hash_prefix(struct directory *d, const char *prefix)
{
	if (!prefix || !*prefix || strlen(prefix) > URL_MAX)
		return ERR_OK;
	for (const char *c = prefix; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == ';')
			return ERR_OK;
	d->hash_prefix = strdup(prefix);
	return d->hash_prefix ? ERR_OK : ERR_NOMEM;
}

static enum err
read_meta(struct directory *d, const cJSON *meta)
{
	enum err err = copy_shown(json_text(meta, "termsOfService"), &d->terms);

	d->needs_binding = json_bool(meta, "externalAccountRequired", false);
	if (!err)
		err = copy_shown(json_text(meta, "website"), &d->website);
	if (!err)
		err = read_identities(d, json_array(meta, "caaIdentities"));
	if (!err)
		err = read_hash_prefix(d, json_text(meta, "accountHashPrefix"));
	return err ? err : read_profiles(d, json_object(meta, "profiles"));
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
	err = read_urls(&d, json, ret_why);
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
