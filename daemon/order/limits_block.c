/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA means by rateLimited, and the block that follows. */
#include <stdio.h>
#include <string.h>

#include "base/hostname.h"
#include "base/problem.h"
#include "daemon/order/limits.h"
#include "daemon/order/limits_inside.h"
#include "daemon/order/suffix.h"

enum {
	UNSAID_S = 3600,  /* it does not say how long */
	PAUSED_S = 86400, /* until somebody follows the link; now and then we look */
	LEAST_S = 60,
	MOST_S = 7 * 86400,
};

/* table: what Let's Encrypt says, the first that is found */
static const struct {
	const char *words;
	enum limit_scope scope;
	int64_t unsaid;
} sentences[] = {
	{"temporarily prevented from requesting", LIMIT_NAME, PAUSED_S},
	{"failed authorizations", LIMIT_NAME, UNSAID_S},
	{"exact set of", LIMIT_SET, UNSAID_S},
	{"too many certificates", LIMIT_DOMAIN, UNSAID_S},
	{"from this account", LIMIT_ACCOUNT, UNSAID_S},
};

static int
sentence_of(const struct problem *why)
{
	int count = (int)(sizeof(sentences) / sizeof(sentences[0]));

	for (int i = 0; i < count; i++)
		if (strcasestr(why->detail, sentences[i].words))
			return i;
	return -1;
}

enum limit_scope
limits_scope_of(const struct problem *why)
{
	int i = sentence_of(why);

	return i < 0 ? LIMIT_SCOPES : sentences[i].scope;
}

/* 'issued for "a.example.com" in the last'; false: no name is quoted. */
static bool
quoted(const char *text, struct hostname *ret_name)
{
	char word[HOSTNAME_MAX + 1];
	const char *begin = strchr(text, '"'), *end = begin ? strchr(begin + 1, '"') : NULL;
	size_t len = end ? (size_t)(end - begin - 1) : 0;

	if (len == 0 || len > HOSTNAME_MAX)
		return false;
	memcpy(word, begin + 1, len);
	word[len] = '\0';
	return !hostname_parse_any(word, ret_name, NULL);
}

static bool
has_name(const struct limits_order *o, const char *domain)
{
	char of[HOSTNAME_MAX + 1];

	for (size_t i = 0; i < o->count; i++) {
		suffix_domain(o->suffix, &o->names[i], of);
		if (strcmp(of, domain) == 0)
			return true;
	}
	return false;
}

/* A domain that the CA names counts only if it is one of the order's: its words are no way to block
 * another's. */
static enum err
id_of(const struct limits_order *o, const struct problem *why, struct limit_id *id)
{
	struct hostname name;

	*id = (struct limit_id){.scope = limits_scope_of(why)};
	snprintf(id->ca, sizeof(id->ca), "%s", o->ca);
	switch (id->scope) {
	case LIMIT_ACCOUNT:
		return ERR_OK;
	case LIMIT_NAME:
		snprintf(id->key, sizeof(id->key), "%s", o->names[0].name);
		return ERR_OK;
	case LIMIT_DOMAIN:
		if (quoted(why->detail, &name) && has_name(o, name.name))
			snprintf(id->key, sizeof(id->key), "%s", name.name);
		else
			suffix_domain(o->suffix, &o->names[0], id->key);
		return ERR_OK;
	default:
		return limits_set_key(o, id->key);
	}
}

enum err
limits_block(struct store_txn *txn, const struct limits_order *o, const struct problem *why,
             int64_t now, struct limit_record *ret_block)
{
	int sentence = sentence_of(why);
	int64_t wait;
	struct limit_id id;
	struct limit_record l;
	enum err err;

	*ret_block = (struct limit_record){.until = 0};
	if (sentence < 0)
		return ERR_OK;
	wait = why->retry_at > now ? why->retry_at - now : sentences[sentence].unsaid;
	err = id_of(o, why, &id);
	if (!err)
		err = limits_read(txn, o, &id, now, &l);
	if (err)
		return err;
	wait = wait < LEAST_S ? LEAST_S : wait > MOST_S ? MOST_S : wait;
	if (!limits_is_blocked(&l, now))
		l.since = now;
	l.until = now + wait;
	snprintf(l.text, sizeof(l.text), "%s", why->detail);
	*ret_block = l;
	return limit_put(txn, &l);
}
