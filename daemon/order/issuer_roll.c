/* SPDX-License-Identifier: Apache-2.0 */
/* A new key for an account (RFC 8555 7.3.5), or a new account in place of one that is over. The
 * key is made on another thread, and is on the disk before the CA sees it; then all blocks that
 * share the account rest for a moment, since answers to challenges are made with its key. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "store/account.h"

enum { QUIET_MAX_MS = 60 * 1000 };

/* The other blocks' clients have the old key. */
static void
renew_clients(struct issuer *s, const struct authority *ca)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (s->cas[i] != ca && issuer_shares_account(s->cas[i], ca))
			authority_reset(s->cas[i]);
}

static void
on_registered(void *arg, const struct client_answer *answer)
{
	struct authority *ca = arg;
	struct errand *e = ca->errand;

	authority_note(ca, answer, false);
	e->problem = answer->problem;
	if (answer->problem.kind == PROBLEM_NONE)
		issuer_say(e, ca);
	issuer_set_quiet(ca->issuer, ca, false);
	issuer_end_errand(ca->issuer, e);
}

static void
on_rolled(void *arg, const struct client_answer *answer)
{
	struct authority *ca = arg;
	struct errand *e = ca->errand;

	authority_note(ca, answer, false);
	if (ca->key_told && ca->key_end == CLIENT_KEY_TAKEN) {
		renew_clients(ca->issuer, ca);
		issuer_say(e, ca);
	} else {
		e->problem = ca->key_told ? ca->key_why : answer->problem;
		if (e->problem.kind == PROBLEM_NONE)
			problem_set(&e->problem, PROBLEM_INTERNAL, "the account kept its key");
	}
	ca->looked = true;
	issuer_set_quiet(ca->issuer, ca, false);
	issuer_end_errand(ca->issuer, e);
}

/* ERR_BUSY: orders are in work. */
static enum err
rest(struct issuer *s, const struct authority *ca, size_t *ret_orders)
{
	bool busy = false;

	*ret_orders = 0;
	issuer_set_quiet(s, ca, true);
	for (size_t i = 0; i < s->ca_count; i++) {
		if (!issuer_shares_account(s->cas[i], ca))
			continue;
		*ret_orders += s->cas[i]->active;
		busy = busy || s->cas[i]->lost || s->cas[i]->checking ||
		       (s->cas[i] != ca && s->cas[i]->errand);
	}
	for (struct errand *e = TAILQ_FIRST(&s->revocations); e; e = TAILQ_NEXT(e, link))
		busy = busy || issuer_shares_account(e->authority, ca);
	return busy || *ret_orders ? ERR_BUSY : ERR_OK;
}

/* KEY NULL: the one that an earlier rollover has left. It is on the disk before the CA sees it. */
static enum err
roll(struct authority *ca, struct account *account, EVP_PKEY *key)
{
	EVP_PKEY *stored = NULL;
	struct client *client;
	enum err err = authority_client(ca, &client);

	if (!err && key)
		err = key_save(key, &account->next_key);
	if (!err && key)
		err = authority_put(ca, account);
	if (!err && !key)
		err = key_load(&account->next_key, &stored);
	if (!err) {
		ca->key_told = false;
		client_roll(client, key ? key : stored);
		err = client_look(client, on_rolled, ca);
	}
	EVP_PKEY_free(stored);
	return err;
}

static enum err
begin_again(struct issuer *s, struct authority *ca, struct account *account, EVP_PKEY *key)
{
	struct client *client;
	enum err err = key_save(key, &account->key);

	secret_done(&account->next_key);
	account->url[0] = '\0';
	account->orders[0] = '\0';
	account->contacts[0] = '\0';
	account->status = ACCOUNT_VALID;
	account->created_at = clock_wall();
	if (!err)
		err = authority_put(ca, account);
	if (err)
		return err;
	authority_reset(ca);
	renew_clients(s, ca);
	err = authority_client(ca, &client);
	return err ? err : client_look(client, on_registered, ca);
}

/* The key is there, the others rest. */
static void
use_key(struct issuer *s, struct authority *ca, EVP_PKEY *key)
{
	struct errand *e = ca->errand;
	struct account account = {0};
	enum err err = authority_account(ca, &account);

	if (!err && e->kind == ERRAND_ROLLOVER)
		err = roll(ca, &account, key);
	else if (!err)
		err = key ? begin_again(s, ca, &account, key) : ERR_CRYPTO;
	account_done(&account);
	if (!err)
		return;
	issuer_set_quiet(s, ca, false);
	issuer_fail_errand(s, e, err_word(err), "the new key cannot be used: %s", err_text(err));
}

void
issuer_roll(struct issuer *s, struct authority *ca, struct errand *e)
{
	EVP_PKEY *key;
	size_t orders;

	if (!e->give_up_at)
		return; /* its answer is under way */
	if (ca->making && clock_mono_ms() < e->give_up_at)
		return; /* others need not rest for that */
	if (rest(s, ca, &orders)) {
		if (clock_mono_ms() < e->give_up_at)
			return;
		issuer_set_quiet(s, ca, false);
		authority_drop_key(ca);
		issuer_fail_errand(s, e, "busy",
		                   "%zu orders of this account are still in work: nothing was done",
		                   orders);
		return;
	}
	key = ca->made;
	ca->made = NULL;
	authority_drop_key(ca); /* one that is late */
	e->give_up_at = 0;
	use_key(s, ca, key);
	EVP_PKEY_free(key);
}

enum err
issuer_start_roll(struct authority *ca, struct errand *e, const struct account *account)
{
	e->give_up_at = clock_mono_ms() + QUIET_MAX_MS;
	if (e->kind == ERRAND_ROLLOVER && account->next_key.len)
		return ERR_OK;
	return ca->making ? ERR_BUSY : authority_ask_key(ca, ca->conf->account_key, true);
}
