/* SPDX-License-Identifier: Apache-2.0 */
/* What certctl ca show and ca test tell: the account's record, and what the CA's directory says. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "acme/directory.h"
#include "acme/jose.h"
#include "base/clock.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "store/account.h"

static void
add_text(cJSON *said, const char *member, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(said, member, text);
}

static void
add_key(cJSON *said, const struct account *account)
{
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	EVP_PKEY *key = NULL;

	if (!key_load(&account->key, &key) && !jose_thumbprint(key, thumbprint)) {
		add_text(said, "key", jose_alg(key));
		add_text(said, "thumbprint", thumbprint);
	}
	EVP_PKEY_free(key);
}

static void
add_contacts(cJSON *said, const char *text)
{
	cJSON *list = cJSON_AddArrayToObject(said, "contacts");

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		char one[256];

		snprintf(one, sizeof(one), "%.*s", (int)(end - text), text);
		cJSON_AddItemToArray(list, cJSON_CreateString(one));
	}
}

static void
add_account(cJSON *said, const struct authority *ca)
{
	struct account account = {0};
	char at[CLOCK_TEXT_MAX];
	cJSON *object;

	if (authority_account(ca, &account) == ERR_OK) {
		object = cJSON_AddObjectToObject(said, "account");
		add_text(object, "url", account.url);
		add_text(object, "status",
		         account.url[0] ? account_status_word(account.status) : "not-yet");
		add_text(object, "created_at", clock_format(account.created_at, at));
		add_key(object, &account);
		add_contacts(object, account.contacts);
		if (account.next_key.len)
			cJSON_AddTrueToObject(object, "key_unsettled");
		add_text(said, "terms", account.terms);
	}
	account_done(&account);
}

/* What is there already is left out. */
static void
add_directory(cJSON *said, const struct authority *ca)
{
	const struct directory *d = ca->client ? client_directory(ca->client) : NULL;
	cJSON *list;

	if (!d)
		return;
	add_text(said, "website", d->website);
	add_text(said, "caa_identities", d->caa_identities);
	cJSON_AddBoolToObject(said, "external_account_required", d->needs_binding);
	if (!d->profile_count)
		return;
	list = cJSON_AddArrayToObject(said, "profiles");
	for (size_t i = 0; i < d->profile_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(d->profiles[i]));
}

void
issuer_say(struct errand *e, const struct authority *ca)
{
	e->said = cJSON_CreateObject();
	add_account(e->said, ca);
	add_text(e->said, "eab_kid", ca->conf->eab.kid);
	add_directory(e->said, ca);
}

void
issuer_say_identities(const struct authority *ca, struct issuer_ca *seen)
{
	const struct directory *d = ca->client ? client_directory(ca->client) : NULL;

	if (d && d->caa_identities)
		snprintf(seen->identities, sizeof(seen->identities), "%s", d->caa_identities);
}
