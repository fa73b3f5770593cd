/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/choice.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "daemon/alpn01.h"
#include "daemon/conf.h"
#include "daemon/cred.h"
#include "daemon/credcache.h"
#include "daemon/hello.h"
#include "daemon/status.h"
#include "store/challenge.h"
#include "store/store.h"

struct chooser {
	struct chooser_config config;
	EVP_PKEY *challenge_key; /* made for the first challenge */
};

static void
refuse(struct choice *choice, uint8_t alert)
{
	choice->kind = CHOICE_REFUSE;
	choice->alert = alert;
}

/* A name that is not ours. */
static void
refuse_name(struct chooser *chooser, struct choice *choice, enum status_counter reason)
{
	bool close = chooser->config.conf->otherwise.unknown_sni == UNKNOWN_SNI_CLOSE;

	status_add(chooser->config.status, reason, 1);
	refuse(choice, close ? HELLO_NO_ALERT : SSL_AD_UNRECOGNIZED_NAME);
}

/* Key authorizations are short-lived secrets of the CA's dialogue: never logged. */
static enum err
find_challenge(struct chooser *chooser, const struct hostname *name,
               struct challenge *ret_challenge)
{
	struct store_txn *txn;
	enum err err = store_begin_read(chooser->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = challenge_get_alpn(txn, name, ret_challenge);
	store_abort(txn);
	return err;
}

static enum err
challenge_cred(struct chooser *chooser, const struct challenge *challenge, struct cred **ret_cred)
{
	X509 *cert;
	enum err err;

	if (!chooser->challenge_key && !(chooser->challenge_key = EVP_EC_gen("P-256")))
		return ERR_CRYPTO;
	err = alpn01_cert(challenge, chooser->challenge_key, &cert);
	if (err)
		return err;
	err = cred_new(cert, chooser->challenge_key, ret_cred);
	X509_free(cert);
	return err;
}

static void
choose_challenge(struct chooser *chooser, struct choice *choice)
{
	struct challenge challenge;
	struct cred_route route;
	enum err err = find_challenge(chooser, &choice->name, &challenge);

	if (!err)
		err = challenge_cred(chooser, &challenge, &choice->cred);
	if (!err) {
		choice->kind = CHOICE_CHALLENGE;
		return;
	}
	status_add(chooser->config.status, STATUS_CHALLENGES_REFUSED, 1);
	if (err != ERR_NOTFOUND) {
		refuse(choice, SSL_AD_INTERNAL_ERROR);
		return;
	}
	err = credcache_lookup(chooser->config.creds, &choice->name, &route);
	if (err == ERR_NOTFOUND) {
		refuse_name(chooser, choice, STATUS_SNI_UNKNOWN);
		return;
	}
	if (!err)
		cred_unref(route.cred);
	refuse(choice, SSL_AD_NO_APPLICATION_PROTOCOL);
}

static void
choose_cred(struct chooser *chooser, struct choice *choice)
{
	struct cred_route route;

	switch (credcache_lookup(chooser->config.creds, &choice->name, &route)) {
	case ERR_OK:
		choice->kind = CHOICE_TERMINATE;
		choice->cred = route.cred;
		choice->backend = route.backend;
		break;
	case ERR_NOTFOUND:
		refuse_name(chooser, choice, STATUS_SNI_UNKNOWN);
		break;
	default:
		refuse_name(chooser, choice, STATUS_NO_CERTIFICATE);
	}
}

void
choice_make(struct chooser *chooser, const struct hello *hello, struct choice *ret_choice)
{
	const struct span *name = &hello->server_name;

	if (!name->data)
		refuse_name(chooser, ret_choice, STATUS_SNI_ABSENT);
	else if (hostname_parse_sni(name->data, name->len, &ret_choice->name) != ERR_OK)
		refuse_name(chooser, ret_choice, STATUS_SNI_INVALID);
	else if (hello_offers(hello, ALPN01_PROTOCOL))
		choose_challenge(chooser, ret_choice);
	else
		choose_cred(chooser, ret_choice);
}

void
choice_done(struct choice *choice)
{
	cred_unref(choice->cred);
	*choice = (struct choice){0};
}

enum err
chooser_new(const struct chooser_config *config, struct chooser **ret_chooser)
{
	struct chooser *chooser = calloc(1, sizeof(*chooser));

	if (!chooser)
		return ERR_NOMEM;
	chooser->config = *config;
	*ret_chooser = chooser;
	return ERR_OK;
}

void
chooser_free(struct chooser *chooser)
{
	if (!chooser)
		return;
	EVP_PKEY_free(chooser->challenge_key);
	free(chooser);
}
