/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/authority.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/key.h"
#include "acme/lost.h"
#include "acme/pace.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "store/account.h"
#include "store/budget.h"
#include "store/store.h"

enum {
	HOLD_FIRST_S = 20,
	HOLD_MAX_S = 600,
	HOLD_LIMITED_MAX_S = 3600, /* then one order tries: the limit may be another one */
	ERRORS_ARE_DOWN = 3,       /* 5xx in a row: one alone may be about that one name */
	LIMITS_ARE_THE_CAS = 3,    /* the same of rateLimited */
};

/* A new key, durable before the CA sees it: a lost answer then finds the same account again. */
static enum err
new_account(struct authority *a, struct account *ret_account)
{
	struct account account = {.created_at = clock_wall()};
	EVP_PKEY *key = NULL;
	enum err err;

	snprintf(account.directory, sizeof(account.directory), "%s", a->conf->directory);
	err = key_new(a->conf->account_key, &key);
	if (!err)
		err = key_save(key, &account.key);
	if (!err)
		err = authority_put(a, &account);
	EVP_PKEY_free(key);
	if (err)
		account_done(&account);
	else
		*ret_account = account;
	return err;
}

static enum err
make_client(struct authority *a, const struct account *account)
{
	struct client_config config = {
		.directory = a->conf->directory,
		.ca_file = a->conf->ca_file,
		.contacts = a->conf->contacts,
		.contact_count = a->conf->contact_count,
		.agree_terms = a->conf->agree_terms,
		.account_url = account->url,
		.orders_url = account->orders,
		.barred = authority_bar(account),
		.pace = a->pace,
	};
	enum err err = key_load(&account->key, &config.key);

	if (!err && account->next_key.len && a->leader == a)
		err = key_load(&account->next_key, &config.next_key);
	if (!err)
		err = client_new(a->transport, &config, &authority_events, a, &a->client);
	EVP_PKEY_free(config.key);
	EVP_PKEY_free(config.next_key);
	return err;
}

/* RSA keys take their time: authority_take_key() writes the record then. */
static enum err
first_account(struct authority *a, struct account *ret_account)
{
	enum err err = ERR_OK;

	if (!key_kind_is_rsa(a->conf->account_key))
		return new_account(a, ret_account);
	if (!a->making)
		err = authority_ask_key(a, a->conf->account_key, false);
	return err ? err : ERR_BUSY;
}

enum err
authority_client(struct authority *a, struct client **ret_client)
{
	struct account account = {0};
	enum err err = ERR_OK;

	if (!a->client) {
		err = authority_account(a, &account);
		if (err == ERR_NOTFOUND)
			err = first_account(a->leader, &account);
		else if (!err && account.next_key.len && a->leader != a && !a->leader->looked)
			err = ERR_BUSY;
		if (!err)
			err = make_client(a, &account);
		account_done(&account);
	}
	if (err == ERR_BUSY)
		a->leader->check_at = a->leader->check_at ? a->leader->check_at : 1;
	else if (err)
		log_err("ca %s: cannot get ready: %s", a->conf->name, err_text(err));
	else
		*ret_client = a->client;
	return err;
}

void
authority_reset(struct authority *a)
{
	lost_free(a->lost);
	client_free(a->client);
	a->lost = NULL;
	a->client = NULL;
	a->checking = false;
}

void
authority_done(struct authority *a)
{
	authority_reset(a);
	pace_close(a->pace);
	a->pace = NULL;
	authority_drop_key(a);
	free(a->contacts_sent);
	a->contacts_sent = NULL;
}

bool
authority_is_usable(struct authority *a, int64_t now_ms)
{
	return a->hold_until <= now_ms && budget_room(&a->budget, clock_wall()) > 0;
}

size_t
authority_room(struct authority *a, int64_t now_ms)
{
	bool tries = a->down > 0 || a->limited >= LIMITS_ARE_THE_CAS;
	size_t most = tries ? 1 : a->conf->max_orders;

	if (a->quiet || a->hold_until > now_ms)
		return 0;
	return a->active < most ? most - a->active : 0;
}

bool
authority_has_budget(struct authority *a)
{
	return budget_room(&a->budget, clock_wall()) > 0;
}

static bool
is_about_the_ca(const struct authority *a, const struct problem *p)
{
	return p->kind == PROBLEM_CA_UNREACHABLE || p->kind == PROBLEM_CA_TLS ||
	       p->kind == PROBLEM_CA_ACCOUNT || p->kind == PROBLEM_CA_DIRECTORY ||
	       (p->kind == PROBLEM_CA_ERROR && a->errors >= ERRORS_ARE_DOWN);
}

static void
hold(struct authority *a, const struct problem *problem, int64_t seconds)
{
	a->hold_until = clock_mono_ms() + seconds * 1000;
	a->pass_at = 0;
	a->problem = *problem;
	log_warn("ca %s: %s: %s; next try in %lld s, stored certificates are served meanwhile",
	         a->conf->name, problem_code(problem->kind), problem->detail, (long long)seconds);
}

/* The first one, and twice as long after each that was in vain. */
static int64_t
hold_seconds(uint32_t in_vain)
{
	int64_t seconds = HOLD_FIRST_S;

	for (uint32_t i = 0; i < in_vain && seconds < HOLD_MAX_S; i++)
		seconds *= 2;
	return seconds < HOLD_MAX_S ? seconds : HOLD_MAX_S;
}

/* Several names in a row are beyond a limit, and it is not said which: then it is one of the
 * account or the CA, and each further name would only run into it, too. It ends when the CA said,
 * or soon: one order tries then. Names with another CA go there meanwhile. */
static void
note_limit(struct authority *a, const struct problem *problem)
{
	int64_t seconds = problem->retry_at - clock_wall();
	enum limit_scope scope = limits_scope_of(problem);

	if (scope != LIMIT_ACCOUNT && scope != LIMIT_SCOPES)
		return; /* of this name alone, or its domain: see daemon/order/limits.h */
	if (a->hold_until > clock_mono_ms())
		return; /* the second: one of several that were refused together */
	a->limited++;
	if (scope == LIMIT_ACCOUNT && a->limited < LIMITS_ARE_THE_CAS)
		a->limited = LIMITS_ARE_THE_CAS;
	if (a->limited < LIMITS_ARE_THE_CAS)
		return;
	if (!problem->retry_at)
		seconds = hold_seconds(a->limited - LIMITS_ARE_THE_CAS);
	seconds = seconds > HOLD_LIMITED_MAX_S ? HOLD_LIMITED_MAX_S : seconds;
	hold(a, problem, seconds < 1 ? 1 : seconds);
}

static void
note_well(struct authority *a, bool ordered)
{
	if (a->down > 0) {
		log_notice("ca %s: answers again", a->conf->name);
		a->hold_until = 0;
		a->problem.kind = PROBLEM_NONE;
	}
	a->down = 0;
	a->silent = false;
	if (ordered)
		a->limited = 0;
}

void
authority_note(struct authority *a, const struct client_answer *answer, bool ordered)
{
	const struct problem *problem = &answer->problem;

	a->errors = problem->kind == PROBLEM_CA_ERROR ? a->errors + 1 : 0;
	if (problem->kind == PROBLEM_NONE)
		note_well(a, ordered);
	if (problem->kind == PROBLEM_CA_LIMITED && ordered)
		note_limit(a, problem);
	a->silent = a->silent || answer->silent;
	if (!is_about_the_ca(a, problem) || a->hold_until > clock_mono_ms())
		return; /* the second: one of several that failed together */
	hold(a, problem, hold_seconds(a->down++));
}

void
authority_load_budget(struct authority *a)
{
	struct budget_record r = {.orders = 0};
	struct store_txn *txn;

	if (a->conf->budget && a->budget.orders == 0 &&
	    !store_begin_read(a->store, STORE_PRIVATE, &txn)) {
		if (!budget_get(txn, a->conf->name, &r) && r.period > 0)
			a->budget = (struct budget){r.orders, r.period, r.level, r.at};
		store_abort(txn);
	}
	budget_set(&a->budget, a->conf->budget, a->conf->budget_period, clock_wall());
}

void
authority_spend(struct authority *a)
{
	budget_take(&a->budget, clock_wall());
	a->spent = a->budget.orders > 0;
}

void
authority_refund(struct authority *a)
{
	budget_return(&a->budget);
	a->spent = a->budget.orders > 0;
}

enum err
authority_save_budget(const struct authority *a, struct store_txn *txn)
{
	struct budget_record r = {.orders = a->budget.orders,
	                          .period = a->budget.period,
	                          .level = a->budget.level,
	                          .at = a->budget.at};

	snprintf(r.ca, sizeof(r.ca), "%s", a->conf->name);
	return budget_put(txn, &r);
}

void
authority_kick(struct authority *a)
{
	a->hold_until = 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool
authority_same(const struct conf_ca *a, const struct conf_ca *b)
{
	return same_text(a->directory, b->directory) && same_text(a->ca_file, b->ca_file) &&
	       a->agree_terms == b->agree_terms;
}
