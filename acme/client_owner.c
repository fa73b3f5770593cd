/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_owner.c - what the keeper of an account wants of it, beside orders */
#include <stdlib.h>
#include <string.h>

#include "acme/client_state.h"
#include "base/buf.h"
#include "base/json.h"

enum err
client_look(struct client *c, client_answer_fn *fn, void *arg)
{
	if (c->state == CLIENT_READY)
		c->state = CLIENT_NEW;
	return client_post(c, CLIENT_NEW_ACCOUNT, NULL, client_look_payload, fn, arg);
}

static void
free_contacts(char **contacts)
{
	for (size_t i = 0; contacts && contacts[i]; i++)
		free(contacts[i]);
	free(contacts);
}

enum err
client_take_contacts(struct client *c, const char *const *contacts, size_t count)
{
	char **copies = calloc(count + 1, sizeof(*copies));

	for (size_t i = 0; copies && i < count; i++) {
		copies[i] = strdup(contacts[i]);
		if (!copies[i]) {
			free_contacts(copies);
			return ERR_NOMEM;
		}
	}
	if (!copies)
		return ERR_NOMEM;
	free_contacts(c->contacts);
	c->contacts = copies;
	c->contact_count = count;
	return ERR_OK;
}

enum err
client_send_contacts(struct client *c, client_answer_fn *fn, void *arg)
{
	cJSON *json = cJSON_CreateObject();
	struct buf payload = {0};
	enum err err = json ? client_add_contacts(c, json) : ERR_NOMEM;

	if (!err)
		err = json_print(json, &payload);
	if (!err && !buf_str(&payload))
		err = ERR_NOMEM;
	if (!err)
		err = client_post(c, CLIENT_OUR_ACCOUNT, NULL, (char *)payload.data, fn, arg);
	cJSON_Delete(json);
	buf_done(&payload);
	return err;
}

enum err
client_deactivate(struct client *c, client_answer_fn *fn, void *arg)
{
	return client_post(c, CLIENT_OUR_ACCOUNT, NULL, "{\"status\":\"deactivated\"}", fn, arg);
}

void
client_bar(struct client *c, const char *text)
{
	struct problem why;

	free(c->barred);
	c->barred = strdup(text);
	problem_set(&why, PROBLEM_CA_ACCOUNT, "%s", text);
	client_fail_waiting(c, &why);
	client_flush_later(c);
}

enum err
client_revoke(struct client *c, const struct client_revocation *what, client_answer_fn *fn,
              void *arg)
{
	struct buf payload = {0};
	enum err err = ERR_NOMEM;

	buf_add_str(&payload, "{\"certificate\":\"");
	jose_base64url(what->certificate, what->len, &payload);
	buf_printf(&payload, "\",\"reason\":%u}", what->reason);
	if (buf_str(&payload) && what->key)
		err = client_post_as(c, CLIENT_REVOKE, what->key, (char *)payload.data, fn, arg);
	else if (buf_str(&payload))
		err = client_post(c, CLIENT_REVOKE, NULL, (char *)payload.data, fn, arg);
	buf_done(&payload);
	return err;
}
