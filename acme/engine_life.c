/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_life.c - birth, end, and what others ask an engine */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acme/engine_steps.h"

struct engine *
engine_alloc(size_t name_count)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->names = calloc(name_count, sizeof(*e->names));
	if (!e->names) {
		free(e);
		return NULL;
	}
	e->name_count = name_count;
	e->asked_ms = -1;
	return e;
}

static enum err
set_types(struct engine *e, const char *const *types, size_t count)
{
	if (count == 0 || count > ENGINE_CHALLENGE_TYPES_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < count; i++) {
		if (strlen(types[i]) > ENGINE_TYPE_MAX)
			return ERR_INVALID;
		strcpy(e->types[i], types[i]);
	}
	e->type_count = count;
	return ERR_OK;
}

enum err
engine_configure(struct engine *e, const struct engine_config *config)
{
	enum err err = set_types(e, config->challenges, config->challenge_count);

	if (err)
		return err;
	e->now = config->now;
	e->seed = config->seed;
	e->has_chain_spki = config->chain_spki != NULL;
	if (config->chain_spki)
		memcpy(e->chain_spki, config->chain_spki, ENGINE_SPKI_LEN);
	e->chain_issuer = config->chain_issuer ? strdup(config->chain_issuer) : NULL;
	return e->chain_issuer || !config->chain_issuer ? ERR_OK : ERR_NOMEM;
}

/* Copies FROM (NULL: none) when it is no longer than MAX. */
static bool
take_text(char *to, size_t max, const char *from)
{
	size_t len = from ? strlen(from) : 0;

	if (len > max)
		return false;
	memcpy(to, from ? from : "", len + 1);
	return true;
}

enum err
engine_new(const struct engine_config *config, struct engine **ret_engine)
{
	struct engine *e;
	enum err err = ERR_INVALID;

	if (config->name_count == 0 || config->name_count > ENGINE_NAMES_MAX)
		return ERR_INVALID;
	e = engine_alloc(config->name_count);
	if (!e)
		return ERR_NOMEM;
	memcpy(e->names, config->names, config->name_count * sizeof(*e->names));
	e->key_kind = config->key_kind;
	e->profile_required = config->profile_required;
	e->began_at = config->now;
	if (take_text(e->profile, ENGINE_PROFILE_MAX, config->profile) &&
	    take_text(e->replaces, ENGINE_REPLACES_MAX, config->replaces))
		err = engine_configure(e, config);
	if (err) {
		engine_free(e);
		return err;
	}
	engine_go(e, e->profile[0] ? STATE_OFFER : STATE_NEW_ORDER);
	*ret_engine = e;
	return ERR_OK;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->authz_count; i++) {
		free(e->authz[i].url);
		free(e->authz[i].challenge_url);
		free(e->authz[i].issuers);
	}
	free(e->authz);
	free(e->challenges);
	free(e->names);
	free(e->chain_issuer);
	EVP_PKEY_free(e->key);
	buf_done(&e->payload);
	for (size_t i = 0; i < e->chain_count; i++) {
		free(e->chains[i].url);
		buf_done(&e->chains[i].pem);
	}
	free(e);
}

bool
engine_is_dirty(const struct engine *e)
{
	return e->dirty;
}

enum key_kind
engine_key_kind(const struct engine *e)
{
	return e->key_kind;
}

EVP_PKEY *
engine_key(const struct engine *e)
{
	return e->key;
}

const struct problem *
engine_problem(const struct engine *e)
{
	return &e->problem;
}

bool
engine_is_dead(const struct engine *e)
{
	return e->dead;
}

const char *
engine_url(const struct engine *e)
{
	return e->url;
}

const struct hostname *
engine_names(const struct engine *e, size_t *ret_count)
{
	*ret_count = e->name_count;
	return e->names;
}

const struct engine_challenge *
engine_challenges(const struct engine *e, size_t *ret_count)
{
	*ret_count = e->challenge_count;
	return e->challenges;
}

void
engine_not_published(struct engine *e, const struct problem *why)
{
	if (e->state == STATE_PUBLISH)
		engine_fail(e, why, false);
}

bool
engine_is_lost(const struct engine *e)
{
	return e->state == STATE_LOST;
}

void
engine_found(struct engine *e, const char *url)
{
	if (e->state != STATE_LOST)
		return;
	if (!url || !url_is_sane(url)) {
		engine_go(e, STATE_NEW_ORDER);
		return;
	}
	strcpy(e->url, url);
	e->dirty = true;
	engine_go(e, STATE_RESUME);
}

bool
engine_is_gone(const struct engine *e)
{
	return e->gone;
}
