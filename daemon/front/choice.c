/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/choice.h"

#include <openssl/ssl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/alpn01.h"
#include "daemon/front/cred.h"
#include "daemon/front/credcache.h"
#include "daemon/front/hello.h"
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

static void
serve(struct choice *choice, const struct cred_route *route)
{
	choice->kind = route->cred ? CHOICE_TERMINATE : CHOICE_PASSTHROUGH;
	choice->cred = route->cred;
	choice->backend = route->backend;
}

/* For those that name nothing of ours */

enum reason { NAME_ABSENT, NAME_INVALID, NAME_UNKNOWN, NAME_WITHOUT_CERTIFICATE };

static const struct {
	enum status_counter counter;
	bool falls_back[UNKNOWN_SNI_END]; /* by `unknown-sni`; where there is something to fall on
	                                   */
} reasons[] = {
	[NAME_ABSENT] = {STATUS_SNI_ABSENT,
                         {[UNKNOWN_SNI_REJECT] = true,
                          [UNKNOWN_SNI_DEFAULT] = true,
                          [UNKNOWN_SNI_CLOSE] = true}},
	[NAME_INVALID] = {STATUS_SNI_INVALID, {[UNKNOWN_SNI_DEFAULT] = true}},
	[NAME_UNKNOWN] = {STATUS_SNI_UNKNOWN, {[UNKNOWN_SNI_DEFAULT] = true}},
	[NAME_WITHOUT_CERTIFICATE] = {STATUS_NO_CERTIFICATE, {false}},
};

static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->sa_family)
		return false;
	if (b->sa_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool
bound_name(const struct conf *conf, const struct sockaddr *local, struct hostname *ret_name)
{
	for (size_t i = 0; local && i < conf->bind_count; i++) {
		if (!same_host(&conf->binds[i].address, local))
			continue;
		*ret_name = conf->binds[i].name;
		return true;
	}
	return false;
}

/* The address that was connected to, as the name that it is. */
static bool
address_name(const struct sockaddr *local, struct hostname *ret_name)
{
	const struct sockaddr_in *in = (const void *)local;
	const struct sockaddr_in6 *in6 = (const void *)local;

	if (!local)
		return false;
	if (local->sa_family == AF_INET)
		return !hostname_of_address(&in->sin_addr, sizeof(in->sin_addr), ret_name);
	return local->sa_family == AF_INET6 &&
	       !hostname_of_address(&in6->sin6_addr, sizeof(in6->sin6_addr), ret_name);
}

static bool
falls_on(struct chooser *chooser, const struct choice_ask *ask, struct hostname *ret_name,
         struct cred_route *ret_route)
{
	const struct conf *conf = chooser->config.conf;
	struct credcache *creds = chooser->config.creds;

	if (bound_name(conf, ask->local, ret_name))
		return credcache_lookup(creds, ret_name, ret_route) == ERR_OK;
	if (address_name(ask->local, ret_name) &&
	    credcache_lookup(creds, ret_name, ret_route) == ERR_OK)
		return true;
	*ret_name = conf->otherwise.certificate;
	return ret_name->len && credcache_lookup(creds, ret_name, ret_route) == ERR_OK;
}

static bool
fall_back(struct chooser *chooser, const struct choice_ask *ask, struct choice *choice)
{
	struct hostname name;
	struct cred_route route;

	if (hello_offers(ask->hello, ALPN01_PROTOCOL) || !falls_on(chooser, ask, &name, &route))
		return false;
	choice->name = name;
	choice->fallback = true;
	serve(choice, &route);
	return true;
}

static void
without_name(struct chooser *chooser, const struct choice_ask *ask, struct choice *choice,
             enum reason reason)
{
	enum conf_unknown_sni policy = ask->listen->unknown_sni
	                                       ? ask->listen->unknown_sni
	                                       : chooser->config.conf->otherwise.unknown_sni;

	status_add(chooser->config.status, reasons[reason].counter, 1);
	if (reasons[reason].falls_back[policy] && fall_back(chooser, ask, choice)) {
		choice->why = reason == NAME_ABSENT ? 0 : reasons[reason].counter;
		return;
	}
	choice->why = reasons[reason].counter;
	refuse(choice, policy == UNKNOWN_SNI_CLOSE ? HELLO_NO_ALERT : SSL_AD_UNRECOGNIZED_NAME);
}

/* tls-alpn-01 */

/* Key authorizations are short-lived secrets of the CA's dialogue: never logged. */
static enum err
find_challenge(struct chooser *chooser, const struct hostname *name,
               struct challenge *ret_challenge)
{
	struct hostname identifier;
	struct store_txn *txn;
	enum err err = store_begin_read(chooser->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	alpn01_identifier(name, &identifier);
	err = challenge_get_alpn(txn, &identifier, ret_challenge);
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

/* It may be a backend's own challenge, if TLS is its own. Else nothing of ours is shown. */
static void
choose_without_challenge(struct chooser *chooser, const struct choice_ask *ask,
                         struct choice *choice)
{
	struct cred_route route;
	enum err err = credcache_lookup(chooser->config.creds, &choice->name, &route);

	if (!err && !route.cred) {
		serve(choice, &route);
		return;
	}
	status_add(chooser->config.status, STATUS_CHALLENGES_REFUSED, 1);
	if (err == ERR_NOTFOUND) {
		without_name(chooser, ask, choice, NAME_UNKNOWN);
		return;
	}
	if (!err)
		cred_unref(route.cred);
	refuse(choice, SSL_AD_NO_APPLICATION_PROTOCOL);
}

static void
choose_challenge(struct chooser *chooser, const struct choice_ask *ask, struct choice *choice)
{
	struct challenge challenge;
	enum err err = find_challenge(chooser, &choice->name, &challenge);

	if (!err)
		err = challenge_cred(chooser, &challenge, &choice->cred);
	if (!err) {
		choice->kind = CHOICE_CHALLENGE;
		return;
	}
	if (err == ERR_NOTFOUND) {
		choose_without_challenge(chooser, ask, choice);
		return;
	}
	status_add(chooser->config.status, STATUS_CHALLENGES_REFUSED, 1);
	refuse(choice, SSL_AD_INTERNAL_ERROR);
}

static void
await(struct choice *choice, bool coming)
{
	choice->kind = CHOICE_AWAIT;
	choice->coming = coming;
}

static void
choose_cred(struct chooser *chooser, const struct choice_ask *ask, struct choice *choice)
{
	const struct conf_on_demand *on_demand = &chooser->config.conf->on_demand;
	bool may_wait = ask->may_wait && !ask->listen->no_demand;
	struct cred_route route;

	switch (credcache_lookup(chooser->config.creds, &choice->name, &route)) {
	case ERR_OK:
		serve(choice, &route);
		break;
	case ERR_NOTFOUND:
		if (may_wait && conf_may_come(on_demand, &choice->name))
			await(choice, false);
		else
			without_name(chooser, ask, choice, NAME_UNKNOWN);
		break;
	default:
		if (may_wait && route.coming)
			await(choice, true);
		else
			without_name(chooser, ask, choice,
			             route.on_demand ? NAME_UNKNOWN : NAME_WITHOUT_CERTIFICATE);
	}
}

void
choice_make(struct chooser *chooser, const struct choice_ask *ask, struct choice *ret_choice)
{
	const struct span *name = &ask->hello->server_name;

	if (!name->data)
		without_name(chooser, ask, ret_choice, NAME_ABSENT);
	else if (hostname_parse_sni(name->data, name->len, &ret_choice->name) != ERR_OK)
		without_name(chooser, ask, ret_choice, NAME_INVALID);
	else if (hello_offers(ask->hello, ALPN01_PROTOCOL))
		choose_challenge(chooser, ask, ret_choice);
	else
		choose_cred(chooser, ask, ret_choice);
}

bool
choice_is_for(const struct choice *choice, const struct hello *hello)
{
	struct hostname name;

	return choice->fallback || (hello->server_name.data &&
	                            hostname_parse_sni(hello->server_name.data,
	                                               hello->server_name.len, &name) == ERR_OK &&
	                            hostname_equal(&name, &choice->name));
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
