/* SPDX-License-Identifier: Apache-2.0 */
/* The verb frontend, and what status has of it: listeners, counters, backends, names. */
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/common/servers.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_front.h"
#include "daemon/control/control_inside.h"
#include "store/store.h"
#include "store/ticket.h"

enum { TOP_SHOWN = 10 };

static void
add_listening(cJSON *listener, const struct status *status, const char *address)
{
	uint64_t key = listening_key(address);

	for (int i = 0; i < LISTENING_VALUES; i++)
		cJSON_AddNumberToObject(listener, listening_word(i),
		                        (double)status_listening(status, key, i));
}

void
add_listeners(cJSON *object, struct control *c)
{
	cJSON *list = cJSON_AddArrayToObject(object, "listeners");

	for (size_t i = 0; i < c->conf->listen_count; i++) {
		const struct conf_listen *l = &c->conf->listens[i];
		cJSON *listener = cJSON_CreateObject();

		cJSON_AddStringToObject(listener, "address", l->address.text);
		cJSON_AddStringToObject(listener, "kind", l->kind == LISTEN_TLS ? "tls" : "http");
		cJSON_AddNumberToObject(listener, "max_connections",
		                        (double)l->max_connections * c->conf->workers);
		cJSON_AddBoolToObject(listener, "proxy_protocol", l->proxy_count > 0);
		add_listening(listener, c->status, l->address.text);
		cJSON_AddItemToArray(list, listener);
	}
}

void
add_front(cJSON *object, struct control *c)
{
	cJSON *front = cJSON_AddObjectToObject(object, "front");

	for (int i = 0; i < STATUS_COUNT; i++)
		cJSON_AddNumberToObject(front, status_word(i), (double)status_sum(c->status, i));
	add_last_minute(object, c);
}

static void
add_backend(cJSON *list, struct control *c, const struct conf_backend *b)
{
	cJSON *backend = cJSON_CreateObject();
	struct histogram_counts connecting = {.sum_us = 0};
	uint64_t connections = 0, connects = 0, failures = 0;
	int up = 0;

	for (size_t i = 0; i < b->server_count; i++) {
		const struct server_slot *s = servers_find(c->servers, b->name, b->servers[i].text);

		if (!s)
			continue;
		connections += server_active(s);
		connects += atomic_load(&s->connects);
		failures += atomic_load(&s->failures);
		up += atomic_load(&s->health) != HEALTH_DOWN;
		histogram_recent_read(&s->connecting, clock_mono_ms(), &connecting);
	}
	cJSON_AddStringToObject(backend, "name", b->name);
	cJSON_AddNumberToObject(backend, "servers", (double)b->server_count);
	cJSON_AddNumberToObject(backend, "up", up);
	cJSON_AddNumberToObject(backend, "connections", (double)connections);
	cJSON_AddNumberToObject(backend, "connects", (double)connects);
	cJSON_AddNumberToObject(backend, "failures", (double)failures);
	add_durations(backend, "connecting", &connecting);
	cJSON_AddItemToArray(list, backend);
}

static void
add_top_name(cJSON *list, const struct top_name *top)
{
	cJSON *name = cJSON_CreateObject();
	char display[4 * HOSTNAME_MAX + 1];

	idna_display(&top->name, display, sizeof(display));
	cJSON_AddStringToObject(name, "name", top->name.name);
	if (strcmp(display, top->name.name) != 0)
		cJSON_AddStringToObject(name, "display", display);
	cJSON_AddNumberToObject(name, "count", (double)top->count);
	cJSON_AddItemToArray(list, name);
}

static void
add_top(cJSON *object, const struct status *status)
{
	struct top_sum *sum = top_sum_new(clock_mono_ms());
	struct top_name names[TOP_SHOWN];
	cJSON *top, *list;
	size_t count;
	int64_t seconds;

	if (!sum)
		return;
	for (size_t i = 0; i < STATUS_SLOTS; i++)
		top_sum_add(sum, &status->slot[i].top);
	count = top_sum_end(sum, names, TOP_SHOWN, &seconds);
	top = cJSON_AddObjectToObject(object, "top");
	cJSON_AddNumberToObject(top, "seconds", (double)seconds);
	list = cJSON_AddArrayToObject(top, "names");
	for (size_t i = 0; i < count; i++)
		add_top_name(list, &names[i]);
}

/* Without a ring there are no tickets yet. */
static void
add_tickets(cJSON *object, struct store_txn *txn)
{
	struct ticket_ring ring;
	cJSON *tickets;

	if (ticket_ring_get(txn, &ring))
		return;
	if (ring.count) {
		tickets = cJSON_AddObjectToObject(object, "tickets");
		add_time(tickets, "made_at", ring.keys[0].made_at);
		add_time(tickets, "next_at", ring.keys[0].made_at + TICKET_EVERY_S);
	}
	ticket_ring_wipe(&ring);
}

void
command_frontend(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	cJSON *frontend, *list, *line = line_with("frontend", &frontend);
	struct store_txn *txn;

	(void)request;
	add_time(frontend, "at", clock_wall());
	add_listeners(frontend, c);
	add_front(frontend, c);
	add_top(frontend, c->status);
	if (store_begin_read(c->store, STORE_SERVED, &txn) == ERR_OK) {
		add_tickets(frontend, txn);
		store_abort(txn);
	}
	list = cJSON_AddArrayToObject(frontend, "backends");
	for (size_t i = 0; i < c->conf->backend_count; i++)
		add_backend(list, c, &c->conf->backends[i]);
	reply_json(cl, line);
	reply_ok(cl);
}
