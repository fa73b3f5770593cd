/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/lost.h"

#include <stdlib.h>
#include <string.h>

#include "acme/order_object.h"
#include "acme/transport.h"
#include "acme/url.h"
#include "base/json.h"

enum { PAGES_MAX = 1000, ORDERS_MAX = 2000, RETRIES_MAX = 3 };

struct seek {
	struct hostname *names;
	size_t name_count;
	char *url; /* NULL until found */
};

struct lost {
	lost_known_fn *known;
	void *arg;
	struct seek *seeks;
	size_t seek_count;
	size_t missing; /* seeks without an URL */

	bool listing; /* else looking at single orders */
	bool done;
	bool failed;
	struct engine_send send;
	char page[URL_MAX + 1];
	unsigned pages;
	unsigned retries;         /* of the request at hand */
	char *orders[ORDERS_MAX]; /* a ring: the newest stay */
	size_t heard;             /* orders put into it so far */
	size_t at;                /* orders are looked at down from here */
};

enum err
lost_new(lost_known_fn *known, void *arg, struct lost **ret_lost)
{
	struct lost *lost = calloc(1, sizeof(*lost));

	if (!lost)
		return ERR_NOMEM;
	lost->known = known;
	lost->arg = arg;
	lost->listing = true;
	lost->send.target = CLIENT_ORDERS;
	*ret_lost = lost;
	return ERR_OK;
}

void
lost_free(struct lost *lost)
{
	if (!lost)
		return;
	for (size_t i = 0; i < lost->seek_count; i++) {
		free(lost->seeks[i].names);
		free(lost->seeks[i].url);
	}
	for (size_t i = 0; i < ORDERS_MAX; i++)
		free(lost->orders[i]);
	free(lost->seeks);
	free(lost);
}

enum err
lost_seek(struct lost *lost, const struct hostname *names, size_t count)
{
	struct hostname *copy;
	struct seek *seeks;

	seeks = reallocarray(lost->seeks, lost->seek_count + 1, sizeof(*seeks));
	if (!seeks)
		return ERR_NOMEM;
	lost->seeks = seeks;
	copy = calloc(count, sizeof(*copy));
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, names, count * sizeof(*copy));
	seeks[lost->seek_count++] = (struct seek){.names = copy, .name_count = count};
	lost->missing++;
	return ERR_OK;
}

static bool
is_done(const struct lost *lost)
{
	return lost->done || lost->missing == 0;
}

const struct engine_send *
lost_send(const struct lost *lost)
{
	return is_done(lost) ? NULL : &lost->send;
}

static void
give_up(struct lost *lost)
{
	lost->done = true;
	lost->failed = true;
}

/* Newest first, which a list in order of birth has last. */
static void
look_at_next(struct lost *lost)
{
	size_t oldest = lost->heard > ORDERS_MAX ? lost->heard - ORDERS_MAX : 0;

	if (lost->at == oldest) {
		lost->done = true;
		return;
	}
	lost->at--;
	lost->send = (struct engine_send){.target = CLIENT_URL,
	                                  .url = lost->orders[lost->at % ORDERS_MAX]};
}

static enum err
keep_orders(struct lost *lost, const cJSON *list)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, list)
	{
		const char *url = cJSON_GetStringValue(one);
		char **slot = &lost->orders[lost->heard % ORDERS_MAX];

		if (!url || !url_is_sane(url) || lost->known(lost->arg, url))
			continue;
		free(*slot);
		*slot = strdup(url);
		if (!*slot)
			return ERR_NOMEM;
		lost->heard++;
	}
	return ERR_OK;
}

static const char *
next_page(const struct transport_reply *reply)
{
	for (size_t i = 0; i < reply->link_count; i++)
		if (strcmp(reply->links[i].rel, "next") == 0 && url_is_sane(reply->links[i].url))
			return reply->links[i].url;
	return NULL;
}

/* {"orders":[...]} as RFC 8555 7.1.2.1 has it, or the array alone as some CAs do. */
static void
read_page(struct lost *lost, const struct transport_reply *reply)
{
	const char *next = next_page(reply);
	const cJSON *list = NULL;
	cJSON *json = NULL;

	if (!json_parse(reply->body.data, reply->body.len, &json))
		list = cJSON_IsArray(json) ? json : json_array(json, "orders");
	if (!json || keep_orders(lost, list)) {
		give_up(lost);
	} else if (next && ++lost->pages < PAGES_MAX) {
		strcpy(lost->page, next);
		lost->send = (struct engine_send){.target = CLIENT_URL, .url = lost->page};
	} else {
		lost->listing = false;
		lost->at = lost->heard;
		look_at_next(lost);
	}
	cJSON_Delete(json);
}

static void
read_single(struct lost *lost, const struct transport_reply *reply)
{
	struct problem why;
	struct order_object order;

	if (order_object_read(reply, &order, &why))
		return;
	for (size_t i = 0; order.status < ORDER_VALID && i < lost->seek_count; i++) {
		struct seek *seek = &lost->seeks[i];

		if (seek->url || !order_object_is_for(&order, seek->names, seek->name_count))
			continue;
		seek->url = strdup(lost->send.url);
		if (seek->url)
			lost->missing--;
		else
			give_up(lost);
	}
	order_object_done(&order);
}

void
lost_feed(struct lost *lost, const struct client_answer *answer)
{
	const struct problem *problem = &answer->problem;
	bool passing = problem->kind != PROBLEM_NONE && problem_is_passing(problem);

	if (is_done(lost))
		return;
	if (passing && !problem->retry_at && lost->retries < RETRIES_MAX) {
		lost->retries++;
		return; /* the same once more */
	}
	lost->retries = 0;
	if (passing || (lost->listing && problem->kind != PROBLEM_NONE)) {
		give_up(lost);
		return;
	}
	if (lost->listing) {
		read_page(lost, answer->reply);
		return;
	}
	if (problem->kind == PROBLEM_NONE)
		read_single(lost, answer->reply);
	look_at_next(lost);
}

void
lost_none(struct lost *lost)
{
	lost->done = true;
}

const char *
lost_url(const struct lost *lost, const struct hostname *name)
{
	for (size_t i = 0; i < lost->seek_count; i++)
		if (hostname_equal(&lost->seeks[i].names[0], name))
			return lost->seeks[i].url;
	return NULL;
}

bool
lost_failed(const struct lost *lost)
{
	return lost->failed;
}
