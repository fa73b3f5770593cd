/* SPDX-License-Identifier: Apache-2.0 */
/* The account's record: what the client tells of it is written here, and what it should say and
 * does not is brought about. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/binding.h"
#include "acme/directory.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/eab.h"
#include "daemon/order/keymaker.h"
#include "store/account.h"
#include "store/event.h"
#include "store/store.h"

enum { CHECK_AGAIN_MS = 10 * 60 * 1000, BUSY_AGAIN_MS = 1000 };

/* ---- the record ----------------------------------------------------------------------------- */

enum err
authority_put(const struct authority *a, const struct account *account)
{
	struct store_txn *txn;
	enum err err = store_begin_write(a->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = account_put(txn, account);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

enum err
authority_account(const struct authority *a, struct account *ret_account)
{
	struct store_txn *txn;
	enum err err = store_begin_read(a->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = account_get(txn, a->conf->directory, ret_account);
	store_abort(txn);
	return err;
}

const char *
authority_bar(const struct account *account)
{
	switch (account->status) {
	case ACCOUNT_DEACTIVATED:
		return "the account at this CA is deactivated: certctl ca register makes a new one";
	case ACCOUNT_REVOKED:
		return "the CA has revoked the account: certctl ca register makes a new one";
	default:
		return NULL;
	}
}

/* The contacts of the configuration, as the record has them. */
static char *
contacts_text(const struct conf_ca *conf)
{
	struct buf text = {0};
	char *copy;

	for (size_t i = 0; i < conf->contact_count; i++)
		buf_printf(&text, "%s\n", conf->contacts[i]);
	copy = buf_str(&text) ? strdup((char *)text.data) : NULL;
	buf_done(&text);
	return copy;
}

static void
put_contacts(struct account *account, const char *text)
{
	if (text && strlen(text) <= ACCOUNT_CONTACTS_MAX)
		snprintf(account->contacts, sizeof(account->contacts), "%s", text);
}

/* ---- what the client tells ------------------------------------------------------------------ */

/* New terms bind nobody who has not agreed to them, but whoever runs this must hear of them. */
static void
on_directory(void *arg, const struct directory *directory)
{
	const char *terms = directory->terms ? directory->terms : "";
	struct authority *a = arg;
	struct account account = {0};

	if (authority_account(a, &account) || strcmp(account.terms, terms) == 0)
		goto out;
	if (account.terms[0] && *terms) {
		log_warn("ca %s: the terms of service have changed: %s", a->conf->name, terms);
		history_add(a->store, a->notices, "ca.terms_changed", "",
		            "ca %s: the terms of service are %s now, and were %s", a->conf->name,
		            terms, account.terms);
	}
	snprintf(account.terms, sizeof(account.terms), "%s", terms);
	if (authority_put(a, &account))
		log_warn("ca %s: its terms of service are not stored", a->conf->name);
out:
	account_done(&account);
}

/* A word that is none leaves what was known. */
static enum account_status
status_of(const char *word, enum account_status was)
{
	for (int s = 0; s < ACCOUNT_STATUS_END; s++)
		if (strcmp(account_status_word(s), word) == 0)
			return s;
	return was;
}

static void
tell_status(const struct authority *a, const struct account *was, const struct client_account *now)
{
	if (strcmp(now->status, "valid") != 0) {
		log_err("ca %s: the CA says our account %s is %s", a->conf->name, now->url,
		        now->status);
		if (status_of(now->status, was->status) != ACCOUNT_VALID &&
		    was->status == ACCOUNT_VALID)
			history_add(a->store, a->notices, "ca.account_deactivated", "",
			            "ca %s: the CA says the account %s is %.40s", a->conf->name,
			            now->url, now->status);
	} else if (strcmp(was->url, now->url) != 0) {
		log_notice("ca %s: account %s", a->conf->name, now->url);
	}
}

static void
on_account(void *arg, const struct client_account *now)
{
	struct authority *a = arg;
	struct account account = {0};
	enum err err = authority_account(a, &account);
	char *contacts = now->is_new ? contacts_text(a->conf) : NULL;

	if (!err) {
		tell_status(a, &account, now);
		snprintf(account.url, sizeof(account.url), "%s", now->url);
		snprintf(account.orders, sizeof(account.orders), "%s", now->orders);
		account.status = status_of(now->status, account.status);
		put_contacts(&account, contacts);
		err = authority_put(a, &account);
	}
	if (err)
		log_warn("ca %s: the account's URL is not stored (%s); it will be asked for again",
		         a->conf->name, err_text(err));
	free(contacts);
	account_done(&account);
}

/* Draft-ietf-acme-dns-persist-02, 4.1: a record of dns-persist-01 does not survive a new key. */
static bool
hashes_key(const struct authority *a)
{
	const struct directory *directory = a->client ? client_directory(a->client) : NULL;

	return directory && directory->hash_prefix;
}

/* Until this is on the disk both keys are, so a kill loses nothing. */
static void
on_key(void *arg, enum client_key_end end, const struct problem *why)
{
	struct authority *a = arg;
	struct account account = {0};
	enum err err = end == CLIENT_KEY_OPEN ? ERR_OK : authority_account(a, &account);

	a->key_told = true;
	a->key_end = end;
	a->key_why = why ? *why : (struct problem){0};
	if (!err && end == CLIENT_KEY_TAKEN && account.next_key.len)
		secret_take(&account.key, &account.next_key);
	secret_done(&account.next_key);
	if (!err && end != CLIENT_KEY_OPEN)
		err = authority_put(a, &account);
	if (err)
		log_err("ca %s: which key the account has is not stored (%s); it will be asked for "
		        "again",
		        a->conf->name, err_text(err));
	if (end == CLIENT_KEY_TAKEN) {
		log_notice("ca %s: the account's key is a new one", a->conf->name);
		history_add(a->store, a->notices, "ca.key_changed", "",
		            "ca %s: the account's key is a new one%s", a->conf->name,
		            hashes_key(a) ? "; records of dns-persist-01 have its hash: they "
		                            "must be set anew"
		                          : "");
	} else {
		log_warn("ca %s: the account keeps its key: %s", a->conf->name, a->key_why.detail);
	}
	account_done(&account);
}

static bool
on_another_key(void *arg, enum key_kind kind)
{
	struct authority *a = arg;

	if (a->making || authority_ask_key(a, kind, false))
		return false;
	log_notice("ca %s: the CA wants another kind of key for the account: making one of %s",
	           a->conf->name, key_kind_word(kind));
	return true;
}

static enum err
on_binding(void *arg, struct binding *ret_binding, struct secret *ret_key, struct problem *ret_why)
{
	struct authority *a = arg;

	*ret_binding = (struct binding){.kid = a->conf->eab.kid, .mac = a->conf->eab.mac};
	return eab_read(&a->conf->eab, ret_key, ret_why);
}

const struct client_events authority_events = {
	.directory = on_directory,
	.account = on_account,
	.key = on_key,
	.another_key = on_another_key,
	.binding = on_binding,
};

/* ---- what it should say --------------------------------------------------------------------- */

enum err
authority_ask_key(struct authority *a, enum key_kind kind, bool for_errand)
{
	enum err err = keymaker_ask(a->keymaker, kind, a);

	a->making = !err;
	a->key_is_errands = for_errand;
	return err;
}

void
authority_drop_key(struct authority *a)
{
	if (a->making)
		keymaker_cancel(a->keymaker, a);
	EVP_PKEY_free(a->made);
	a->making = false;
	a->made = NULL;
}

/* KEY, maybe NULL, is for an account that is to be made: durable before the CA sees it. */
static void
use_key(struct authority *a, EVP_PKEY *key)
{
	struct account account = {0};
	enum err err = authority_account(a, &account);

	if (err == ERR_NOTFOUND) {
		account.created_at = clock_wall();
		snprintf(account.directory, sizeof(account.directory), "%s", a->conf->directory);
		err = ERR_OK;
	}
	if (!err)
		err = key ? key_save(key, &account.key) : ERR_CRYPTO;
	if (!err)
		err = authority_put(a, &account);
	if (err)
		log_err("ca %s: no key for the account: %s", a->conf->name, err_text(err));
	if (a->client)
		client_set_key(a->client, err ? NULL : key);
	account_done(&account);
}

void
authority_take_key(struct authority *a, EVP_PKEY *key)
{
	a->making = false;
	if (a->key_is_errands) {
		a->made = key;
		return;
	}
	use_key(a, key);
	EVP_PKEY_free(key);
}

static void
check_later(struct authority *a, int64_t ms)
{
	a->check_at = clock_mono_ms() + ms;
}

static void
on_contacts(void *arg, const struct client_answer *answer)
{
	const struct problem *p = &answer->problem;
	struct authority *a = arg;
	struct account account = {0};

	a->checking = false;
	a->check_at = 0;
	if (problem_is_passing(p)) {
		check_later(a, CHECK_AGAIN_MS);
	} else if (p->kind != PROBLEM_NONE) {
		log_warn("ca %s: the CA does not take the new contacts: %s", a->conf->name,
		         p->detail);
		history_add(a->store, a->notices, "ca.contacts_refused", "",
		            "ca %s: the CA does not take the contacts: %s", a->conf->name,
		            p->detail);
	} else if (!authority_account(a, &account)) {
		log_notice("ca %s: the CA has the new contacts", a->conf->name);
		put_contacts(&account, a->contacts_sent);
		if (authority_put(a, &account))
			log_warn("ca %s: its contacts are not stored", a->conf->name);
		else
			check_later(a, 0); /* they may have changed meanwhile */
	}
	account_done(&account);
}

static void
on_settled(void *arg, const struct client_answer *answer)
{
	struct authority *a = arg;

	a->checking = false;
	a->looked = answer->problem.kind == PROBLEM_NONE;
	check_later(a, a->looked ? 0 : CHECK_AGAIN_MS);
}

/* Whether the CA must hear something; then ERR_OK means that it does. */
static enum err
bring_about(struct authority *a, const struct account *account, struct client *client)
{
	enum err err;

	if (account->next_key.len && !a->looked)
		return client_look(client, on_settled, a);
	err = client_take_contacts(client, a->conf->contacts, a->conf->contact_count);
	return err ? err : client_send_contacts(client, on_contacts, a);
}

static void
check(struct authority *a)
{
	char *contacts = contacts_text(a->conf);
	struct account account = {0};
	struct client *client;
	enum err err = authority_account(a, &account);
	bool settled = !account.next_key.len || a->looked;

	a->check_at = 0;
	if (err || !contacts || !account.url[0] || account.status != ACCOUNT_VALID ||
	    a->leader != a || (settled && strcmp(account.contacts, contacts) == 0))
		goto out;
	if (a->hold_until > clock_mono_ms()) {
		a->check_at = a->hold_until;
		goto out;
	}
	err = authority_client(a, &client);
	if (!err)
		err = bring_about(a, &account, client);
	a->checking = !err;
	if (err)
		check_later(a, BUSY_AGAIN_MS);
	free(a->contacts_sent);
	a->contacts_sent = contacts;
	contacts = NULL;
out:
	free(contacts);
	account_done(&account);
}

void
authority_tend(struct authority *a)
{
	if (a->check_at && a->check_at <= clock_mono_ms() && !a->checking && !a->quiet)
		check(a);
	if (a->client)
		client_tend(a->client);
}

int64_t
authority_tend_ms(const struct authority *a)
{
	int64_t now = clock_mono_ms(), ms = a->client ? client_tend_ms(a->client) : INT64_MAX;
	int64_t check_ms = a->check_at > now ? a->check_at - now : 0;

	if (!a->check_at || a->checking || a->quiet)
		return ms;
	return check_ms < ms ? check_ms : ms;
}
