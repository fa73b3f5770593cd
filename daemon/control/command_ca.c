/* SPDX-License-Identifier: Apache-2.0 */
/* ca.list, ca.show, ca.test, ca.rollover, ca.register, ca.deactivate, revoke: what the issuer's
 * thread does with a CA because somebody asks. The answer comes when it has been there. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/idna.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "daemon/order/errand.h"
#include "daemon/order/issuer.h"
#include "store/domain_list.h"
#include "store/store.h"

enum { CAS_MAX = 32 };

/* RFC 5280 5.3.1, as far as it is for the holder of a certificate to say. */
static const struct {
	const char *word;
	unsigned reason;
} reasons[] = {
	{"unspecified", 0}, {"keyCompromise", 1},        {"affiliationChanged", 3},
	{"superseded", 4},  {"cessationOfOperation", 5},
};

/* ---- asking --------------------------------------------------------------------------------- */

/* NULL: there was no memory, and CL is answered. */
static struct errand *
errand_new(struct control_client *cl, enum errand_kind kind, const char *ca)
{
	struct errand *e = calloc(1, sizeof(*e));

	if (!e) {
		reply_error(cl, MSG_EXIT_FAILED, "no-memory", "out of memory");
		return NULL;
	}
	e->kind = kind;
	e->uid = cl->uid;
	snprintf(e->ca, sizeof(e->ca), "%s", ca);
	return e;
}

/* Takes E over; its answer is CL's. */
static void
ask(struct control_client *cl, struct errand *e)
{
	cl->busy = true;
	cl->errand = e->id = ++cl->control->errands;
	issuer_ask(cl->control->issuer, e);
}

/* The block that the request names; NULL: answered. */
static const struct conf_ca *
ca_of(struct control_client *cl, const cJSON *request)
{
	const char *name = json_text(request, "ca");
	const struct conf_ca *ca = name ? conf_ca(cl->control->conf, name) : NULL;
	char why[NO_BLOCK_MAX];

	if (!ca)
		reply_error(cl, MSG_EXIT_USAGE, "unknown-ca", "%s",
		            name ? no_ca(cl->control->conf, name, why) : "\"ca\" is missing");
	return ca;
}

static void
ask_of_ca(struct control_client *cl, const cJSON *request, enum errand_kind kind)
{
	const struct conf_ca *ca = ca_of(cl, request);
	struct errand *e = ca ? errand_new(cl, kind, ca->name) : NULL;

	if (e)
		ask(cl, e);
}

void
command_ca_show(struct control_client *cl, const cJSON *request)
{
	ask_of_ca(cl, request, ERRAND_SHOW);
}

void
command_ca_test(struct control_client *cl, const cJSON *request)
{
	ask_of_ca(cl, request, ERRAND_TEST);
}

void
command_ca_rollover(struct control_client *cl, const cJSON *request)
{
	ask_of_ca(cl, request, ERRAND_ROLLOVER);
}

void
command_ca_register(struct control_client *cl, const cJSON *request)
{
	ask_of_ca(cl, request, ERRAND_REGISTER);
}

/* The blocks that share the account, and the names that are issued with it. */
static uint64_t
names_of_account(struct control *c, const struct conf_ca *ca)
{
	uint64_t total = 0, count;
	struct store_txn *txn;

	if (store_begin_read(c->store, STORE_SERVED, &txn))
		return 0;
	for (size_t i = 0; i < c->conf->ca_count; i++)
		if (strcmp(c->conf->cas[i].directory, ca->directory) == 0 &&
		    !domain_count_ca(txn, c->conf->cas[i].name, &count))
			total += count;
	store_abort(txn);
	return total;
}

/* There is no way back (RFC 8555 7.3.6), so it is asked for twice. */
void
command_ca_deactivate(struct control_client *cl, const cJSON *request)
{
	const struct conf_ca *ca = ca_of(cl, request);
	const char *confirm = json_text(request, "confirm");
	struct errand *e;

	if (!ca)
		return;
	if (!confirm || strcmp(confirm, ca->name) != 0) {
		reply_error(cl, MSG_EXIT_CONFLICT, "unconfirmed",
		            "nothing was done: this ends the account at %s for ever, %llu names "
		            "get no certificates with it any more; to do it, confirm with the "
		            "CA's name",
		            ca->directory, (unsigned long long)names_of_account(cl->control, ca));
		return;
	}
	e = errand_new(cl, ERRAND_DEACTIVATE, ca->name);
	if (e)
		ask(cl, e);
}

void
command_ca_list(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(c->issuer, cas, CAS_MAX);
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	(void)request;
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		cJSON *line = cJSON_CreateObject();

		cJSON_AddItemToObject(line, "ca", ca_json(c, &cas[i], txn));
		reply_json(cl, line);
	}
	store_abort(txn);
	reply_ok(cl);
}

/* ---- revoke --------------------------------------------------------------------------------- */

static bool
reason_of(const cJSON *request, unsigned *ret_reason)
{
	const char *word = json_text(request, "reason");

	*ret_reason = 0;
	for (size_t i = 0; word && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i].word, word) == 0) {
			*ret_reason = reasons[i].reason;
			return true;
		}
	return !word;
}

/* The CA that is asked when nobody knows who issued the certificate: the one that the request
 * names, else the name's. ERR_NOTFOUND: there is no such name. */
static enum err
ca_of_name(struct control *c, const cJSON *request, const struct hostname *name,
           const struct conf_ca **ret_ca)
{
	const char *given = json_text(request, "ca");
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	store_abort(txn);
	if (!err)
		*ret_ca = conf_ca(c->conf, given ? given : d.ca);
	return err;
}

void
command_revoke(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	const struct conf_ca *ca = NULL;
	struct errand *e;
	struct hostname name;
	unsigned reason;
	char why[128];
	enum err err;

	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		return;
	}
	if (!reason_of(request, &reason)) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"reason\" is unspecified, keyCompromise, affiliationChanged, "
		            "superseded or cessationOfOperation");
		return;
	}
	err = ca_of_name(cl->control, request, &name, &ca);
	if (err == ERR_NOTFOUND)
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "there is no name %s here",
		            name.name);
	else if (err)
		reply_store_error(cl, err);
	else if (!ca)
		reply_error(cl, MSG_EXIT_USAGE, "unknown-ca",
		            "the configuration has no such ca, or the name has none");
	else if ((e = errand_new(cl, ERRAND_REVOKE, ca->name))) {
		e->name = name;
		e->reason = reason;
		e->with_key = json_bool(request, "with_key", false);
		e->renew = json_bool(request, "renew", true);
		e->at_ca = json_text(request, "ca") != NULL;
		ask(cl, e);
	}
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void
reply_problem(struct control_client *cl, const struct errand *e)
{
	const char *word = e->word ? e->word : problem_code(e->problem.kind);
	cJSON *end, *line;

	if (e->word) {
		reply_error(cl, msg_exit_of_code(word), word, "%s", e->problem.detail);
		return;
	}
	line = line_with("end", &end);
	cJSON_AddNumberToObject(end, "code", msg_exit_of_code(word));
	cJSON_AddItemToObject(end, "error", problem_json(&e->problem));
	cl->busy = false;
	reply_json(cl, line);
}

/* How the CA is doing, and behind it what the issuer has to say. */
static void
reply_ca(struct control_client *cl, struct errand *e)
{
	struct control *c = cl->control;
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(c->issuer, cas, CAS_MAX);
	cJSON *object, *member, *line = cJSON_CreateObject();
	struct store_txn *txn;

	if (store_begin_read(c->store, STORE_SERVED, &txn) == ERR_OK) {
		for (size_t i = 0; i < count; i++)
			if (strcmp(cas[i].name, e->ca) == 0)
				cJSON_AddItemToObject(line, "ca", ca_json(c, &cas[i], txn));
		store_abort(txn);
	}
	object = cJSON_GetObjectItemCaseSensitive(line, "ca");
	if (!object)
		object = cJSON_AddObjectToObject(line, "ca");
	while (e->said && e->said->child) {
		member = cJSON_DetachItemViaPointer(e->said, e->said->child);
		cJSON_AddItemToObject(object, member->string, member);
	}
	reply_json(cl, line);
	reply_ok(cl);
}

static void
reply_errand(struct control_client *cl, struct errand *e)
{
	cJSON *line;

	cl->errand = 0;
	if (e->problem.kind != PROBLEM_NONE) {
		reply_problem(cl, e);
	} else if (e->kind == ERRAND_REVOKE) {
		line = cJSON_CreateObject();
		cJSON_AddItemToObject(line, "revoked", e->said);
		e->said = NULL;
		reply_json(cl, line);
		reply_ok(cl);
	} else {
		reply_ca(cl, e);
	}
}

void
errand_on_done(struct control *c)
{
	struct errand *e;

	while (c->issuer && (e = issuer_errand(c->issuer))) {
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (c->clients[i].fd >= 0 && c->clients[i].errand == e->id)
				reply_errand(&c->clients[i], e);
		errand_free(e);
	}
}
