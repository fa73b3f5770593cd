/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_ready.c - what a client needs before it can send: directory, account (RFC 8555 7.3),
 * nonces */
#include <stdio.h>
#include <string.h>

#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/clock.h"
#include "base/json.h"

enum {
	HEADS_MAX = 16,        /* newNonce requests side by side */
	HEAD_FAILURES_MAX = 3, /* in a row, then who waits is told */
	/* newOrder goes one at a time: a crash then loses sight of one order at most, and Pebble
	 * (2.4 and 2.10) locks up for good when two of them meet. CAs allow far fewer than this
	 * gives. */
	NEW_ORDERS_MAX = 1,
};

static enum err
add_contacts(const struct client *c, cJSON *json)
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

static enum err
write_payload(const struct client *c, struct buf *out)
{
	cJSON *json = cJSON_CreateObject();
	enum err err = json ? ERR_OK : ERR_NOMEM;

	if (!err && c->agree_terms && !cJSON_AddTrueToObject(json, "termsOfServiceAgreed"))
		err = ERR_NOMEM;
	if (!err && c->contact_count)
		err = add_contacts(c, json);
	if (!err)
		err = json_print(json, out);
	if (!err && !buf_str(out))
		err = ERR_NOMEM;
	cJSON_Delete(json);
	return err;
}

/* What the CA says of the account object: where its orders are, and whether it may be used. */
static bool
read_account(struct client *c, const struct transport_reply *reply, struct problem *ret_why)
{
	cJSON *json = NULL;
	const char *status = NULL, *orders = NULL;
	bool usable = false;

	if (!json_parse(reply->body.data, reply->body.len, &json)) {
		status = json_text(json, "status");
		orders = json_text(json, "orders");
	}
	if (!directory_names(&c->directory, reply->location))
		problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA gave the account no usable URL");
	else if (status && strcmp(status, "valid") != 0)
		problem_set(ret_why, PROBLEM_CA_ACCOUNT, "the CA says the account is %s", status);
	else
		usable = true;
	if (usable) {
		snprintf(c->account_url, sizeof(c->account_url), "%s", reply->location);
		snprintf(c->orders_url, sizeof(c->orders_url), "%s",
		         orders && directory_names(&c->directory, orders) ? orders : "");
	}
	cJSON_Delete(json);
	return usable;
}

static void
on_registered(void *arg, const struct client_answer *answer)
{
	struct client *c = arg;
	struct problem problem = answer->problem;

	/* A refusal here is about us, whatever the type: "unauthorized" names no domain. */
	if (!problem_is_passing(&problem) && problem.kind != PROBLEM_NONE &&
	    problem.kind != PROBLEM_CA_TLS)
		problem.kind = PROBLEM_CA_ACCOUNT;
	if (problem.kind != PROBLEM_NONE || !read_account(c, answer->reply, &problem)) {
		client_fail_waiting(c, &problem);
		return;
	}
	c->state = CLIENT_READY;
	c->on_account(c->arg, c->account_url, c->orders_url);
}

/* Whether a person must act before we may ask for an account. */
static bool
is_barred(const struct client *c, struct problem *ret_why)
{
	if (c->directory.terms && !c->agree_terms)
		problem_set(ret_why, PROBLEM_CA_ACCOUNT,
		            "the CA's terms of service must be agreed to first: read %s, then set "
		            "agree-terms in the ca block",
		            c->directory.terms);
	else if (c->directory.needs_binding)
		problem_set(ret_why, PROBLEM_CA_ACCOUNT,
		            "the CA wants new accounts bound to one that exists with it (external "
		            "account binding)");
	else
		return false;
	return true;
}

void
client_settle(struct client *c)
{
	struct buf payload = {0};
	struct problem why;

	if (c->account_url[0]) {
		c->state = CLIENT_READY;
		return;
	}
	c->state = CLIENT_ACCOUNT;
	if (is_barred(c, &why)) {
		client_fail_waiting(c, &why);
	} else if (write_payload(c, &payload) ||
	           client_register(c, (const char *)payload.data, on_registered)) {
		problem_set(&why, PROBLEM_INTERNAL, "out of memory");
		client_fail_waiting(c, &why);
	}
	buf_done(&payload);
}

void
client_forget_account(struct client *c)
{
	c->account++;
	c->account_url[0] = '\0';
	c->orders_url[0] = '\0';
	if (c->state == CLIENT_READY)
		client_settle(c);
}

/* A refusal here is not about a name: the URL is wrong, or what it leads to. */
static void
blame_directory(const struct client *c, struct problem *why)
{
	struct problem said = *why;

	if (said.kind == PROBLEM_CA_UNREACHABLE || said.kind == PROBLEM_CA_TLS ||
	    said.kind == PROBLEM_CA_ERROR || said.kind == PROBLEM_CA_LIMITED)
		return;
	if (strstr(said.detail, c->directory_url))
		why->kind = PROBLEM_CA_DIRECTORY;
	else
		problem_set(why, PROBLEM_CA_DIRECTORY, "%.200s: %.250s", c->directory_url,
		            said.detail);
	why->status = said.status;
}

static void
on_directory(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;
	struct problem why;

	c->silent = reply->err == ERR_TIMEOUT;
	refusal_judge(reply, &why);
	if (why.kind == PROBLEM_NONE && !directory_read(c->directory_url, reply->body.data,
	                                                reply->body.len, &c->directory, &why)) {
		c->directory_at_ms = clock_mono_ms();
		nonce_put(&c->nonces, reply->nonce, c->directory_at_ms);
		client_settle(c);
	} else {
		blame_directory(c, &why);
		client_fail_waiting(c, &why);
	}
	client_pump(c);
	client_flush(c);
}

void
client_begin(struct client *c)
{
	struct transport_request request = {
		.method = "GET",
		.url = c->directory_url,
		.ca_file = c->ca_file,
	};
	struct problem why;

	c->state = CLIENT_DIRECTORY;
	if (!transport_submit(c->transport, &request, on_directory, c))
		return;
	problem_set(&why, PROBLEM_INTERNAL, "out of memory");
	client_fail_waiting(c, &why);
}

static void
on_nonce(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;
	struct problem why;

	c->heads--;
	c->silent = reply->err == ERR_TIMEOUT;
	refusal_judge(reply, &why);
	if (why.kind == PROBLEM_NONE && !reply->nonce[0])
		problem_set(&why, PROBLEM_CA_PROTOCOL, "the CA's newNonce gives no usable nonce");
	if (why.kind == PROBLEM_NONE) {
		nonce_put(&c->nonces, reply->nonce, clock_mono_ms());
		c->head_failures = 0;
	} else if (++c->head_failures >= HEAD_FAILURES_MAX) {
		c->head_failures = 0;
		client_fail_waiting(c, &why);
	}
	client_pump(c);
	client_flush(c);
}

void
client_fetch_nonces(struct client *c, size_t wanted)
{
	struct transport_request request = {
		.method = "HEAD",
		.url = c->directory.new_nonce,
		.ca_file = c->ca_file,
	};
	struct problem why;

	while (c->heads < wanted && c->heads < HEADS_MAX) {
		if (transport_submit(c->transport, &request, on_nonce, c)) {
			problem_set(&why, PROBLEM_INTERNAL, "out of memory");
			client_fail_waiting(c, &why);
			return;
		}
		c->heads++;
	}
}

bool
client_may_send(const struct client *c, const struct call *call)
{
	if (call->registers)
		return true;
	return c->state == CLIENT_READY &&
	       (call->target != CLIENT_NEW_ORDER || c->orders_sent < NEW_ORDERS_MAX);
}

const char *
client_url_of(const struct client *c, const struct call *call, struct problem *ret_why)
{
	const char *url = call->target == CLIENT_NEW_ORDER ? c->directory.new_order
	                  : call->target == CLIENT_ORDERS  ? c->orders_url
	                                                   : call->url;

	if (call->registers)
		return c->directory.new_account;
	if (call->target == CLIENT_ORDERS && !*url)
		problem_set(ret_why, PROBLEM_CA_PROTOCOL,
		            "the CA keeps no list of the account's orders");
	else if (!directory_names(&c->directory, url))
		problem_set(ret_why, PROBLEM_CA_PROTOCOL,
		            "the CA sends us to %.300s, which is not where its directory is", url);
	else
		return url;
	return NULL;
}
