/* SPDX-License-Identifier: Apache-2.0 */
/* backend.list, backend.set: the servers that connections go to. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/failure.h"
#include "daemon/common/history.h"
#include "daemon/common/servers.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_front.h"
#include "daemon/control/command_inside.h"
#include "store/domain_list.h"
#include "store/server.h"
#include "store/store.h"

static const char *const admin_words[] = {
	[ADMIN_READY] = "ready", [ADMIN_DRAIN] = "drain", [ADMIN_DISABLED] = "disabled", NULL};
static const char *const health_words[] = {
	[HEALTH_UNKNOWN] = "unknown", [HEALTH_UP] = "up", [HEALTH_DOWN] = "down"};
static const char *const check_words[] = {
	[CHECK_FAILED] = "none", [CHECK_CONNECT] = "connect", [CHECK_HTTP] = "http"};

/* ---- list -------------------------------------------------------------------------------------
 */

/* None: a name that could not be looked up yet. */
static void
add_addresses(cJSON *object, const struct conf_server *s, const struct server_slot *slot)
{
	struct conf_address all[SERVERS_ADDRESSES];
	size_t count = s->host ? server_addresses(slot, s->port, all) : 0;
	cJSON *list = cJSON_AddArrayToObject(object, "addresses");

	if (!s->host)
		cJSON_AddItemToArray(list, cJSON_CreateString(s->text));
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(all[i].text));
}

static cJSON *
server_json(const struct conf_server *s, const struct server_slot *slot)
{
	uint32_t health = atomic_load(&slot->health), admin = atomic_load(&slot->admin);
	struct histogram_counts connecting = {.sum_us = 0};
	cJSON *object = cJSON_CreateObject();
	char why[FAILURE_TEXT_MAX];

	cJSON_AddStringToObject(object, "server", s->text);
	add_addresses(object, s, slot);
	cJSON_AddStringToObject(object, "state", admin_words[admin <= ADMIN_DISABLED ? admin : 0]);
	cJSON_AddStringToObject(object, "health", health_words[health <= HEALTH_DOWN ? health : 0]);
	add_time(object, "since", atomic_load(&slot->since));
	cJSON_AddNumberToObject(object, "connections", server_active(slot));
	cJSON_AddNumberToObject(object, "connects", (double)atomic_load(&slot->connects));
	cJSON_AddNumberToObject(object, "failures", (double)atomic_load(&slot->failures));
	histogram_recent_read(&slot->connecting, clock_mono_ms(), &connecting);
	add_durations(object, "connecting", &connecting);
	if (*failure_text(atomic_load(&slot->failure), why))
		cJSON_AddStringToObject(object, "last_failure", why);
	return object;
}

static void
reply_backend(struct control_client *cl, const struct conf_backend *b, struct store_txn *txn)
{
	cJSON *object, *servers, *line = line_with("backend", &object);
	uint64_t names = 0;

	cJSON_AddStringToObject(object, "name", b->name);
	if (!domain_count_backend(txn, b->name, &names))
		cJSON_AddNumberToObject(object, "names", (double)names);
	cJSON_AddStringToObject(object, "balance",
	                        b->balance == BALANCE_FIRST ? "first" : "least-connections");
	cJSON_AddStringToObject(object, "check", check_words[b->check.kind]);
	servers = cJSON_AddArrayToObject(object, "servers");
	for (size_t i = 0; i < b->server_count; i++) {
		struct server_slot *slot =
			servers_find(cl->control->servers, b->name, b->servers[i].text);

		if (slot)
			cJSON_AddItemToArray(servers, server_json(&b->servers[i], slot));
	}
	reply_json(cl, line);
}

static void
no_backend(struct control_client *cl, const char *name)
{
	reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "the configuration has no backend \"%s\"",
	            name ? name : "");
}

void
command_backend_list(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	const char *name = json_text(request, "backend");
	const struct conf_backend *one = name ? conf_backend(c->conf, name) : NULL;
	struct store_txn *txn;
	enum err err;

	if (name && !one) {
		no_backend(cl, name);
		return;
	}
	err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	for (size_t i = 0; i < c->conf->backend_count; i++)
		if (!one || one == &c->conf->backends[i])
			reply_backend(cl, &c->conf->backends[i], txn);
	store_abort(txn);
	reply_ok(cl);
}

/* ---- set --------------------------------------------------------------------------------------
 */

static enum err
save(struct control *c, const struct server *s)
{
	struct store_txn *txn;
	enum err err = store_begin_write(c->store, STORE_PRIVATE, &txn), end;

	if (err)
		return err;
	err = s->state == ADMIN_READY ? server_del(txn, s->backend, s->server) : server_put(txn, s);
	end = store_commit(txn);
	return err ? err : end;
}

static void
set_state(struct control_client *cl, const struct conf_backend *b, const struct conf_server *s,
          enum server_admin state)
{
	struct control *c = cl->control;
	struct server_slot *slot = servers_find(c->servers, b->name, s->text);
	struct server record = {.state = (uint8_t)state, .at = clock_wall()};
	enum err err;

	snprintf(record.backend, sizeof(record.backend), "%s", b->name);
	snprintf(record.server, sizeof(record.server), "%s", s->text);
	err = slot ? save(c, &record) : ERR_WRONGSTATE;
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	atomic_store(&slot->admin, state);
	log_notice("backend %s: server %s is %s now", b->name, s->text, admin_words[state]);
	history_add(c->store, c->notices, "backend.set", "",
	            "backend %s: server %s is %s, by uid %u", b->name, s->text, admin_words[state],
	            (unsigned)cl->uid);
	reply_ok(cl);
}

void
command_backend_set(struct control_client *cl, const cJSON *request)
{
	const char *name = json_text(request, "backend"), *server = json_text(request, "server");
	const char *word = json_text(request, "state");
	const struct conf_backend *b = name ? conf_backend(cl->control->conf, name) : NULL;
	int state = 0;

	while (word && admin_words[state] && strcmp(admin_words[state], word) != 0)
		state++;
	if (!word || !admin_words[state]) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "state is ready, drain or disabled");
		return;
	}
	if (!b) {
		no_backend(cl, name);
		return;
	}
	for (size_t i = 0; i < b->server_count; i++)
		if (server && strcmp(b->servers[i].text, server) == 0) {
			set_state(cl, b, &b->servers[i], (enum server_admin)state);
			return;
		}
	reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "backend \"%s\" has no server \"%s\"",
	            b->name, server ? server : "");
}
