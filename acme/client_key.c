/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_key.c - key rollover (RFC 8555 7.3.5): which key the account has, and giving it the
 * next one. Whatever is lost on the way, one of the two keys is the account's, and asking for the
 * account with each tells which. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/buf.h"
#include "base/json.h"

/* The inner JWS of a key change (7.3.5): by the new key, naming the account and the old one. */
static enum err
write_key_change(const struct client *c, struct buf *out)
{
	struct buf old = {0}, text = {0};
	cJSON *json = cJSON_CreateObject();
	enum err err = jose_jwk(c->key, &old);

	if (!err && !(json && cJSON_AddStringToObject(json, "account", c->account_url) &&
	              buf_str(&old) && cJSON_AddRawToObject(json, "oldKey", (char *)old.data)))
		err = ERR_NOMEM;
	if (!err)
		err = json_print(json, &text);
	if (!err && !buf_str(&text))
		err = ERR_NOMEM;
	if (!err)
		err = jose_sign(c->next_key, NULL, NULL, c->directory.key_change, (char *)text.data,
		                out);
	if (!err && !buf_str(out))
		err = ERR_NOMEM;
	cJSON_Delete(json);
	buf_done(&old);
	buf_done(&text);
	return err;
}

static void
drop_next(struct client *c, const struct problem *why)
{
	EVP_PKEY_free(c->next_key);
	c->next_key = NULL;
	c->events.key(c->arg, CLIENT_KEY_REFUSED, why);
	client_settle(c);
}

static void
take_next(struct client *c)
{
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	struct problem why;

	if (jose_thumbprint(c->next_key, thumbprint)) {
		problem_set(&why, PROBLEM_INTERNAL, "out of memory");
		client_fail_waiting(c, &why);
		return;
	}
	memcpy(c->thumbprint, thumbprint, sizeof(thumbprint));
	EVP_PKEY_free(c->key);
	c->key = c->next_key;
	c->next_key = NULL;
	c->next_unsure = false;
	c->events.key(c->arg, CLIENT_KEY_TAKEN, NULL);
	client_settle(c);
}

/* Whether the account that has next_key is ours; it is when we do not know of any. */
static bool
is_our_account(struct client *c, const char *location)
{
	if (!directory_names(&c->directory, location))
		return false;
	if (!c->account_url[0])
		snprintf(c->account_url, sizeof(c->account_url), "%s", location);
	return strcmp(c->account_url, location) == 0;
}

static void
on_next_looked(void *arg, const struct client_answer *answer)
{
	struct client *c = arg;
	struct problem why = answer->problem;

	c->next_unsure = false;
	if (why.kind == PROBLEM_NONE && is_our_account(c, answer->reply->location)) {
		take_next(c);
	} else if (why.kind == PROBLEM_NONE) {
		problem_set(&why, PROBLEM_CA_ACCOUNT, "the CA gave the new key to another account");
		drop_next(c, &why);
	} else if (problem_is_passing(&why) || why.kind == PROBLEM_CA_TLS) {
		c->next_unsure = true;
		client_fail_waiting(c, &why);
	} else {
		client_settle(c); /* no account has it */
	}
}

static void
on_key_changed(void *arg, const struct client_answer *answer)
{
	const struct transport_reply *reply = answer->reply;
	struct client *c = arg;
	struct problem why = answer->problem;

	c->next_tried = reply != NULL;
	if (why.kind == PROBLEM_NONE) {
		take_next(c);
	} else if (!c->directory.key_change) {
		drop_next(c, &why);
	} else if (!reply && answer->unsent) {
		client_fail_waiting(c, &why);
	} else if (!reply) {
		c->next_unsure = true; /* it may be true, or become so */
		client_fail_waiting(c, &why);
	} else if (refusal_is(&why, "accountDoesNotExist")) {
		c->next_tried = false;
		client_forget_account(c);
		client_settle(c);
	} else if (reply->status == 409 && is_our_account(c, reply->location)) {
		take_next(c);
	} else if (reply->status >= 500 && reply->status != 501) {
		c->next_unsure = true; /* a proxy may have given up where the CA did not */
		c->events.key(c->arg, CLIENT_KEY_OPEN, &why);
		client_settle(c);
	} else {
		client_blame_account(&why);
		drop_next(c, &why);
	}
}

enum err
client_settle_key(struct client *c)
{
	struct buf jws = {0};
	enum err err;

	if (c->next_unsure)
		return client_post_early(c, CLIENT_NEW_ACCOUNT, c->next_key, client_look_payload,
		                         on_next_looked);
	if (!c->directory.key_change)
		return client_post_early(c, CLIENT_KEY_CHANGE, NULL, "", on_key_changed);
	err = write_key_change(c, &jws);
	if (!err)
		err = client_post_early(c, CLIENT_KEY_CHANGE, NULL, (char *)jws.data,
		                        on_key_changed);
	buf_done(&jws);
	return err;
}

void
client_roll(struct client *c, EVP_PKEY *next_key)
{
	if (EVP_PKEY_up_ref(next_key) != 1)
		return;
	EVP_PKEY_free(c->next_key);
	c->next_key = next_key;
	c->next_tried = false;
	if (c->state == CLIENT_READY)
		c->state = CLIENT_NEW;
}

void
client_set_key(struct client *c, EVP_PKEY *key)
{
	struct problem why;

	if (key && !jose_thumbprint(key, c->thumbprint) && EVP_PKEY_up_ref(key) == 1) {
		EVP_PKEY_free(c->key);
		c->key = key;
		client_settle(c);
	} else {
		problem_set(&why, PROBLEM_CA_ACCOUNT,
		            "the CA takes no signatures of the account's kind of key, and there "
		            "is no other");
		client_fail_waiting(c, &why);
	}
	client_pump(c);
	client_flush_later(c);
}
