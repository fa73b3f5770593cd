/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order_object.h"

#include <string.h>

#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/hostname.h"
#include "base/json.h"

static const char *const status_words[ORDER_STATUSES] = {
	[ORDER_PENDING] = "pending", [ORDER_READY] = "ready",     [ORDER_PROCESSING] = "processing",
	[ORDER_VALID] = "valid",     [ORDER_INVALID] = "invalid",
};

static enum err
read_status(const char *word, enum order_status *ret_status)
{
	for (size_t i = 0; word && i < ORDER_STATUSES; i++) {
		if (strcmp(word, status_words[i]) == 0) {
			*ret_status = (enum order_status)i;
			return ERR_OK;
		}
	}
	return ERR_PROTO;
}

enum err
order_object_read(const struct transport_reply *reply, struct order_object *ret_order,
                  struct problem *ret_why)
{
	struct order_object order = {0};
	const char *word;
	const cJSON *error;

	if (json_parse(reply->body.data, reply->body.len, &order.json)) {
		problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA's order is not valid JSON");
		return ERR_PROTO;
	}
	word = json_text(order.json, "status");
	if (read_status(word, &order.status)) {
		problem_set(ret_why, PROBLEM_CA_PROTOCOL, "the CA's order has the status \"%.64s\"",
		            word ? word : "");
		cJSON_Delete(order.json);
		return ERR_PROTO;
	}
	order.finalize = json_text(order.json, "finalize");
	order.expires = json_text(order.json, "expires");
	order.certificate = json_text(order.json, "certificate");
	order.authorizations = json_array(order.json, "authorizations");
	error = json_object(order.json, "error");
	order.has_error = error != NULL;
	if (error)
		refusal_read(error, 0, &order.error);
	*ret_order = order;
	return ERR_OK;
}

void
order_object_done(struct order_object *order)
{
	cJSON_Delete(order->json);
	*order = (struct order_object){0};
}

enum err
order_identifier_read(const cJSON *identifier, struct hostname *ret_name)
{
	const char *type = json_text(identifier, "type");
	const char *value = json_text(identifier, "value");
	struct hostname name;

	if (!type || !value || hostname_parse_any(value, &name, NULL) ||
	    strcmp(type, hostname_is_address(&name) ? "ip" : "dns") != 0)
		return ERR_PROTO;
	*ret_name = name;
	return ERR_OK;
}

static bool
is_among(const cJSON *identifier, const struct hostname *names, size_t count)
{
	struct hostname name;

	if (order_identifier_read(identifier, &name))
		return false;
	for (size_t i = 0; i < count; i++)
		if (hostname_equal(&name, &names[i]))
			return true;
	return false;
}

bool
order_object_is_for(const struct order_object *order, const struct hostname *names, size_t count)
{
	const cJSON *list = json_array(order->json, "identifiers"), *one;

	if ((size_t)cJSON_GetArraySize(list) != count)
		return false;
	cJSON_ArrayForEach(one, list)
	{
		if (!is_among(one, names, count))
			return false;
	}
	return true;
}
