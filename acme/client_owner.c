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
take_contacts(struct client *c, char **contacts, size_t count)
{
	for (size_t i = 0; i < c->contact_count; i++)
		free(c->contacts[i]);
	free(c->contacts);
	c->contacts = contacts;
	c->contact_count = count;
}

enum err
client_set_contacts(struct client *c, const char *const *contacts, size_t count,
                    client_answer_fn *fn, void *arg)
{
	char **copies = calloc(count + 1, sizeof(*copies));
	cJSON *json = cJSON_CreateObject();
	struct buf payload = {0};
	enum err err = copies && json ? ERR_OK : ERR_NOMEM;

	for (size_t i = 0; i < count && !err; i++)
		if (!(copies[i] = strdup(contacts[i])))
			err = ERR_NOMEM;
	if (copies)
		take_contacts(c, copies, count);
	if (!err)
		err = client_add_contacts(c, json);
	if (!err)
		err = json_print(json, &payload);
	if (!err)
		err = buf_str(&payload) ? client_post(c, CLIENT_OUR_ACCOUNT, NULL, (char *)payload.data,
		                                      fn, arg)
		                        : ERR_NOMEM;
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
