/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask of a CA: to be shown, tried, given a new key or account, or left. The account is
 * shared by all blocks with the same directory; where its key changes they all rest first, since
 * answers to challenges are made with that key. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/keymaker.h"
#include "store/account.h"

enum { LOOK_AGAIN_MS = 200 };

static void
wake_reader(void *arg)
{
	struct issuer *s = arg;

	notice_nudge(s->notices);
}

enum err
issuer_open_errands(struct issuer *s)
{
	return errand_queue_new(wake_reader, s, &s->errands);
}

void
issuer_ask(struct issuer *issuer, struct errand *errand)
{
	errand_ask(issuer->errands, errand);
	issuer_wake(issuer);
}

struct errand *
issuer_errand(struct issuer *issuer)
{
	return errand_ended(issuer->errands);
}

void
issuer_end_errand(struct issuer *s, struct errand *e)
{
	if (e->authority && e->authority->errand == e)
		e->authority->errand = NULL;
	errand_end(s->errands, e);
}

void
issuer_fail_errand(struct issuer *s, struct errand *e, const char *word, const char *format, ...)
{
	va_list ap;

	e->problem.kind = PROBLEM_INTERNAL;
	e->word = word;
	va_start(ap, format);
	vsnprintf(e->problem.detail, sizeof(e->problem.detail), format, ap);
	va_end(ap);
	issuer_end_errand(s, e);
}

bool
issuer_shares_account(const struct authority *a, const struct authority *b)
{
	return a->leader == b->leader;
}

void
issuer_set_quiet(struct issuer *s, const struct authority *ca, bool quiet)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (issuer_shares_account(s->cas[i], ca))
			s->cas[i]->quiet = quiet;
}

/* ---- the end of one ------------------------------------------------------------------------- */

static void
on_tested(void *arg, const struct client_answer *answer)
{
	struct authority *ca = arg;
	struct errand *e = ca->errand;

	authority_note(ca, answer, false);
	e->problem = answer->problem;
	if (answer->problem.kind == PROBLEM_NONE) {
		authority_kick(ca);
		issuer_say(e, ca);
	}
	issuer_end_errand(ca->issuer, e);
}

static void
bar_all(struct issuer *s, const struct authority *ca, const char *why)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (issuer_shares_account(s->cas[i], ca) && s->cas[i]->client)
			client_bar(s->cas[i]->client, why);
}

static void
on_deactivated(void *arg, const struct client_answer *answer)
{
	struct authority *ca = arg;
	struct issuer *s = ca->issuer;
	struct errand *e = ca->errand;
	struct account account = {0};
	enum err err;

	e->problem = answer->problem;
	if (answer->problem.kind != PROBLEM_NONE) {
		issuer_end_errand(s, e);
		return;
	}
	err = authority_account(ca, &account);
	account.status = ACCOUNT_DEACTIVATED;
	if (!err)
		err = authority_put(ca, &account);
	if (err)
		log_err("ca %s: that its account is deactivated is not stored: %s", ca->conf->name,
		        err_text(err));
	history_add(s->store, s->notices, "ca.account_deactivated", "",
	            "ca %s: the account %s, by uid %u", ca->conf->name, account.url,
	            (unsigned)e->uid);
	bar_all(s, ca, authority_bar(&account));
	issuer_say(e, ca);
	issuer_end_errand(s, e);
	account_done(&account);
}

/* ---- the beginning of one ------------------------------------------------------------------- */

/* Whether ACCOUNT is in the state for E; else E is answered. */
static bool
is_fit(struct issuer *s, struct errand *e, const struct account *account, enum err err)
{
	const char *bar = authority_bar(account);

	if (err && err != ERR_NOTFOUND)
		issuer_fail_errand(s, e, err_word(err), "the account's record: %s", err_text(err));
	else if (e->kind == ERRAND_REGISTER && !bar)
		issuer_fail_errand(s, e, "wrong-state",
		                   "there is an account in use, or none yet that would be over: "
		                   "certctl ca test "
		                   "registers one");
	else if (e->kind != ERRAND_REGISTER && !account->url[0])
		issuer_fail_errand(s, e, "wrong-state",
		                   "there is no account yet: certctl ca test registers one");
	else if (e->kind != ERRAND_REGISTER && bar)
		issuer_fail_errand(s, e, "wrong-state", "%s", bar);
	else
		return true;
	return false;
}

static void
begin_account(struct issuer *s, struct authority *ca, struct errand *e)
{
	struct account account = {0};
	struct client *client;
	enum err err = authority_account(ca, &account);

	if (!is_fit(s, e, &account, err))
		goto out;
	err = authority_client(ca, &client);
	if (!err && e->kind == ERRAND_DEACTIVATE)
		err = client_deactivate(client, on_deactivated, ca);
	else if (!err)
		err = issuer_start_roll(ca, e, &account);
	if (err)
		issuer_fail_errand(s, e, err_word(err), "not possible now: %s", err_text(err));
out:
	account_done(&account);
}

static void
begin_test(struct issuer *s, struct authority *ca, struct errand *e)
{
	struct client *client;
	enum err err = authority_client(ca, &client);

	if (!err)
		err = client_look(client, on_tested, ca);
	if (err)
		issuer_fail_errand(s, e, err_word(err), "not possible now: %s", err_text(err));
}

static struct authority *
find_ca(struct issuer *s, const char *name)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (strcmp(s->cas[i]->conf->name, name) == 0)
			return s->cas[i];
	return NULL;
}

static void
begin(struct issuer *s, struct errand *e)
{
	struct authority *ca = find_ca(s, e->ca);

	if (!ca) {
		issuer_fail_errand(s, e, "unknown-ca", "the configuration has no ca \"%s\"", e->ca);
		return;
	}
	e->authority = ca;
	if (e->kind == ERRAND_SHOW) {
		issuer_say(e, ca);
		issuer_end_errand(s, e);
		return;
	}
	if (e->kind == ERRAND_REVOKE) {
		issuer_revoke(s, e);
		return;
	}
	if (e->kind != ERRAND_TEST)
		ca = e->authority = ca->leader;
	if (ca->errand || ca->quiet) {
		e->authority = NULL;
		issuer_fail_errand(s, e, "busy",
		                   "something else is being done with this CA: try again later");
		return;
	}
	ca->errand = e;
	if (e->kind == ERRAND_TEST)
		begin_test(s, ca, e);
	else
		begin_account(s, ca, e);
}

void
issuer_errands(struct issuer *s)
{
	struct authority *ca;
	struct errand *e;
	EVP_PKEY *key;

	while ((e = errand_next(s->errands)))
		begin(s, e);
	while ((ca = keymaker_take(s->account_keys, &key)))
		authority_take_key(ca, key);
	for (size_t i = 0; i < s->ca_count; i++) {
		authority_tend(s->cas[i]);
		if (s->cas[i]->errand)
			issuer_roll(s, s->cas[i], s->cas[i]->errand);
	}
}

int64_t
issuer_errands_ms(const struct issuer *s)
{
	int64_t ms = INT64_MAX;

	for (size_t i = 0; i < s->ca_count; i++) {
		int64_t tend = authority_tend_ms(s->cas[i]);

		if (s->cas[i]->errand && s->cas[i]->errand->give_up_at && LOOK_AGAIN_MS < ms)
			ms = LOOK_AGAIN_MS;
		if (tend < ms)
			ms = tend;
	}
	return ms;
}

void
issuer_end_errands(struct issuer *s, struct authority *ca)
{
	struct errand *e, *next;

	if (ca->leader == ca) /* whose errand it is that others rest for */
		issuer_set_quiet(s, ca, false);
	if (ca->errand)
		issuer_fail_errand(s, ca->errand, "stopped",
		                   "the CA's configuration has changed meanwhile");
	for (e = TAILQ_FIRST(&s->revocations); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (e->authority != ca)
			continue;
		TAILQ_REMOVE(&s->revocations, e, link);
		issuer_fail_errand(s, e, "stopped", "the CA's configuration has changed meanwhile");
	}
}
