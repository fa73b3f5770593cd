/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_account.c - who we are at the CA (RFC 8555 7.3): a new account and its binding, one
 * that is there, its key, its end */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/binding.h"
#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"

const char client_look_payload[] = "{\"onlyReturnExisting\":true}";

/* ---- what is sent --------------------------------------------------------------------------- */

enum err
client_add_contacts(const struct client *c, cJSON *json)
{
	cJSON *list = cJSON_AddArrayToObject(json, "contact");

	for (size_t i = 0; list && i < c->contact_count; i++) {
		const char *contact = c->contacts[i];
		char url[URL_MAX + 1];
		cJSON *item;

		snprintf(url, sizeof(url), "%s%s", strchr(contact, ':') ? "" : "mailto:", contact);
		item = cJSON_CreateString(url);
		if (!item || !cJSON_AddItemToArray(list, item)) {
			cJSON_Delete(item);
			return ERR_NOMEM;
		}
	}
	return list ? ERR_OK : ERR_NOMEM;
}

/* Before a person has done something there is no use in asking for an account: the reason is in
 * RET_WHY. */
static enum err
add_binding(struct client *c, cJSON *json, struct problem *ret_why)
{
	struct secret key = {0};
	struct binding binding;
	struct buf jws = {0};
	enum err err = c->events.binding(c->arg, &binding, &key, ret_why);

	if (err == ERR_NOTFOUND && !c->directory.needs_binding)
		return ERR_OK;
	if (err == ERR_NOTFOUND) {
		problem_set(
			ret_why, PROBLEM_CA_ACCOUNT,
			"the CA wants new accounts bound to one that exists with it (external "
			"account binding): get a key identifier and a key from it, then set eab "
			"in the ca block");
		return ERR_REFUSED;
	}
	if (err)
		return ERR_REFUSED;
	binding.key = &key;
	err = binding_sign(&binding, c->key, c->directory.new_account, &jws);
	if (!err && (!buf_str(&jws) ||
	             !cJSON_AddRawToObject(json, "externalAccountBinding", (char *)jws.data)))
		err = ERR_NOMEM;
	secret_done(&key);
	buf_done(&jws);
	return err;
}

/* ERR_REFUSED with the reason, or that there is no memory. */
static enum err
write_new_account(struct client *c, struct buf *out, struct problem *ret_why)
{
	cJSON *json = cJSON_CreateObject();
	enum err err = json ? ERR_OK : ERR_NOMEM;

	if (!err && c->agree_terms && !cJSON_AddTrueToObject(json, "termsOfServiceAgreed"))
		err = ERR_NOMEM;
	if (!err && c->contact_count)
		err = client_add_contacts(c, json);
	if (!err)
		err = add_binding(c, json, ret_why);
	if (!err)
		err = json_print(json, out);
	if (!err && !buf_str(out))
		err = ERR_NOMEM;
	if (err && err != ERR_REFUSED)
		problem_set(ret_why, PROBLEM_INTERNAL, "out of memory");
	cJSON_Delete(json);
	return err;
}

/* ---- what comes back ------------------------------------------------------------------------ */

/* Those that pass by themselves stay what they are. */
void
client_blame_account(struct problem *problem)
{
	if (problem->kind != PROBLEM_NONE && problem->kind != PROBLEM_CA_TLS &&
	    !problem_is_passing(problem))
		problem->kind = PROBLEM_CA_ACCOUNT;
}

/* A status that RFC 8555 (7.1.6) does not know may pass; the two others do not. */
static bool
is_usable(const char *status, struct problem *ret_why)
{
	bool over = strcmp(status, "deactivated") == 0 || strcmp(status, "revoked") == 0;

	if (strcmp(status, "valid") == 0)
		return true;
	problem_set(ret_why, over ? PROBLEM_CA_ACCOUNT : PROBLEM_CA_PROTOCOL,
	            "the CA says the account is %.40s", status);
	return false;
}

/* What the CA says of the account object: where its orders are, and whether it may be used. */
static bool
read_account(struct client *c, const struct transport_reply *reply, struct problem *ret_why)
{
	struct client_account account = {
		.status = "valid", .orders = "", .is_new = reply->status == 201};
	cJSON *json = NULL;
	bool usable = directory_names(&c->directory, reply->location);

	if (!usable) {
		problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA gave the account no usable URL");
		return false;
	}
	if (!json_parse(reply->body.data, reply->body.len, &json)) {
		const char *status = json_text(json, "status"), *orders = json_text(json, "orders");

		account.status = status ? status : "valid";
		if (orders && directory_names(&c->directory, orders))
			account.orders = orders;
	}
	snprintf(c->account_url, sizeof(c->account_url), "%s", reply->location);
	snprintf(c->orders_url, sizeof(c->orders_url), "%s", account.orders);
	account.url = c->account_url;
	c->doubt = false;
	c->events.account(c->arg, &account);
	usable = is_usable(account.status, ret_why);
	cJSON_Delete(json);
	return usable;
}

/* Of the algorithms in a badSignatureAlgorithm (6.2), the first that we could use and do not. */
static bool
other_kind(const struct client *c, const struct transport_reply *reply, enum key_kind *ret_kind)
{
	cJSON *json = NULL;
	const cJSON *item;
	bool found = false;

	if (!reply || json_parse(reply->body.data, reply->body.len, &json))
		return false;
	cJSON_ArrayForEach(item, json_array(json, "algorithms"))
	{
		const char *alg = cJSON_GetStringValue(item);

		if (!found && alg && strcmp(alg, jose_alg(c->key)) != 0)
			found = !jose_key_kind(alg, ret_kind);
	}
	cJSON_Delete(json);
	return found;
}

static void
on_registered(void *arg, const struct client_answer *answer)
{
	struct client *c = arg;
	struct problem problem = answer->problem;
	enum key_kind kind;

	if (refusal_is(&problem, "badSignatureAlgorithm") && !c->kind_tried &&
	    other_kind(c, answer->reply, &kind)) {
		c->kind_tried = true;
		if (c->events.another_key(c->arg, kind))
			return; /* client_set_key() goes on */
	}
	client_blame_account(&problem);
	if (problem.kind != PROBLEM_NONE || !read_account(c, answer->reply, &problem))
		client_fail_waiting(c, &problem);
	else
		client_settle(c);
}

static void
on_looked(void *arg, const struct client_answer *answer)
{
	struct client *c = arg;
	struct problem problem = answer->problem;

	c->doubt = false;
	if (problem.kind == PROBLEM_NONE && read_account(c, answer->reply, &problem)) {
		client_settle(c);
	} else if (refusal_is(&answer->problem, "accountDoesNotExist")) {
		client_forget_account(c);
		client_settle(c);
	} else {
		client_blame_account(&problem);
		client_fail_waiting(c, &problem);
	}
}

/* ---- the way to be ready -------------------------------------------------------------------- */

static enum err
register_account(struct client *c, struct problem *ret_why)
{
	struct buf payload = {0};
	enum err err = ERR_REFUSED;

	if (c->directory.terms && !c->agree_terms)
		problem_set(ret_why, PROBLEM_CA_ACCOUNT,
		            "the CA's terms of service must be agreed to first: read %s, then set "
		            "agree-terms in the ca block",
		            c->directory.terms);
	else
		err = write_new_account(c, &payload, ret_why);
	if (!err)
		err = client_post_early(c, CLIENT_NEW_ACCOUNT, NULL, (char *)payload.data,
		                        on_registered);
	buf_done(&payload);
	return err;
}

void
client_settle(struct client *c)
{
	bool next_first = c->next_key && c->next_unsure;
	struct problem why;
	enum err err = ERR_OK;

	problem_set(&why, PROBLEM_INTERNAL, "out of memory");
	c->state = CLIENT_ACCOUNT;
	if (c->barred) {
		problem_set(&why, PROBLEM_CA_ACCOUNT, "%s", c->barred);
		err = ERR_REFUSED;
	} else if (!c->account_url[0] && !next_first) {
		err = register_account(c, &why);
	} else if (next_first || (c->next_key && !c->next_tried)) {
		err = client_settle_key(c);
	} else if (c->doubt) {
		err = client_post_early(c, CLIENT_NEW_ACCOUNT, NULL, client_look_payload,
		                        on_looked);
	} else {
		c->state = CLIENT_READY;
	}
	if (err)
		client_fail_waiting(c, &why);
}

void
client_forget_account(struct client *c)
{
	c->account++;
	c->account_url[0] = '\0';
	c->orders_url[0] = '\0';
	c->next_unsure = c->next_key != NULL;
	if (c->state == CLIENT_READY)
		client_settle(c);
}

/* 7.3.6: a CA refuses all that a deactivated account asks for as "unauthorized". With a key change
 * that ended in doubt, also what the old key has signed. */
bool
client_is_doubtful(struct client *c, const struct call *call, const struct problem *problem)
{
	bool is_ours = refusal_is(problem, "unauthorized") ||
	               (c->next_key && problem->status >= 400 && problem->status <= 403);

	if (call->target != CLIENT_NEW_ORDER || !is_ours)
		return false;
	c->next_unsure = c->next_key != NULL;
	c->doubt = true;
	if (c->state == CLIENT_READY)
		client_settle(c);
	return true;
}

void
client_add_terms(const struct transport_reply *reply, struct problem *problem)
{
	size_t used = strlen(problem->detail);

	if (!refusal_is(problem, "userActionRequired"))
		return;
	for (size_t i = 0; i < reply->link_count; i++)
		if (strcmp(reply->links[i].rel, "terms-of-service") == 0)
			snprintf(problem->detail + used, sizeof(problem->detail) - used,
			         "; the terms of service: %s", reply->links[i].url);
}
