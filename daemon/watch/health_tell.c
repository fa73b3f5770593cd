/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/failure.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/health_inside.h"
#include "store/server.h"
#include "store/store.h"

enum { MISMATCH_MS = 60 * 1000, HEALED_MS = 60 * 60 * 1000 };

/* Whether a server of the backend would be used before all are tried. */
static bool
any_left(struct servers *servers, const struct conf_backend *b)
{
	for (size_t i = 0; i < b->server_count; i++) {
		const struct server_slot *slot = servers_find(servers, b->name, b->servers[i].text);

		if (slot && atomic_load(&slot->health) != HEALTH_DOWN &&
		    atomic_load(&slot->admin) == ADMIN_READY)
			return true;
	}
	return false;
}

static void
tell_down(struct health *h, const struct target *t)
{
	const char *rest =
		any_left(h->config.servers, t->backend) ? "" : "; no server of the backend is left";
	char why[FAILURE_TEXT_MAX];

	failure_text(atomic_load(&t->slot->failure), why);
	log_warn("backend %s: server %s is down: %s%s", t->backend->name, t->server->text, why,
	         rest);
	history_add(h->config.store, h->config.notices, "backend.down", "",
	            "backend %s: server %s is down: %s%s", t->backend->name, t->server->text, why,
	            rest);
}

/* At most once a minute a server; the same words fold into one event. */
static bool
tell_mismatch(struct health *h, struct target *t)
{
	uint64_t now = atomic_load_explicit(&t->slot->mismatches, memory_order_acquire);
	char why[FAILURE_TEXT_MAX];

	if (now == atomic_load(&t->slot->mismatches_told) || clock_mono_ms() < t->mismatch_at)
		return false;
	atomic_store(&t->slot->mismatches_told, now);
	t->mismatch_at = clock_mono_ms() + MISMATCH_MS;
	t->mismatched = true;
	failure_text(atomic_load(&t->slot->mismatch), why);
	log_warn("backend %s: server %s is not who it should be: %s", t->backend->name,
	         t->server->text, why);
	history_add(h->config.store, h->config.notices, "mismatch.backend_cert", "",
	            "backend %s: server %s: %s", t->backend->name, t->server->text, why);
	return true;
}

/* Once the server is up again after a refusal, or was not refused for an hour. */
static bool
tell_healed(struct health *h, struct target *t, bool is_up_again)
{
	if (!t->mismatched || (!is_up_again && clock_mono_ms() < t->mismatch_at + HEALED_MS))
		return false;
	t->mismatched = false;
	log_notice("backend %s: server %s is who it should be", t->backend->name, t->server->text);
	history_add(h->config.store, h->config.notices, "mismatch.healed", "",
	            "backend %s: server %s: its certificate is not refused any more",
	            t->backend->name, t->server->text);
	return true;
}

bool
health_tell(struct health *health, struct target *target)
{
	uint32_t now = atomic_load(&target->slot->health);
	uint32_t told;

	if (tell_mismatch(health, target) || tell_healed(health, target, false))
		return true;
	told = atomic_exchange(&target->slot->told, now);
	if (now == HEALTH_DOWN && told != HEALTH_DOWN) {
		tell_down(health, target);
		return true;
	}
	if (now == HEALTH_DOWN || told != HEALTH_DOWN)
		return false;
	log_notice("backend %s: server %s is up again", target->backend->name,
	           target->server->text);
	history_add(health->config.store, health->config.notices, "backend.up", "",
	            "backend %s: server %s is up again", target->backend->name,
	            target->server->text);
	(void)tell_healed(health, target, true);
	return true;
}

/* ---- what the operator said -------------------------------------------------------------------
 */

static bool
is_configured(const struct conf *conf, const struct server *s)
{
	const struct conf_backend *b = conf_backend(conf, s->backend);

	for (size_t i = 0; b && i < b->server_count; i++)
		if (strcmp(b->servers[i].text, s->server) == 0)
			return true;
	return false;
}

/* Of a server that is gone, nothing is kept: one that comes back is a new one. */
static void
forget(struct health *h, const struct server *gone, size_t count)
{
	struct store_txn *txn;
	enum err err = count ? store_begin_write(h->config.store, STORE_PRIVATE, &txn) : ERR_OK;

	if (err || count == 0)
		return;
	for (size_t i = 0; i < count && !err; i++)
		err = server_del(txn, gone[i].backend, gone[i].server);
	if (store_commit(txn) || err)
		log_warn("states of servers that are gone stay in the store");
}

static enum err
read_states(struct health *h, struct server *all, size_t *ret_count)
{
	struct store_txn *txn;
	enum err err = store_begin_read(h->config.store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = server_page(txn, CONF_SERVERS_ALL_MAX, all, ret_count);
	store_abort(txn);
	return err;
}

void
health_load_states(struct health *health)
{
	struct server *all = calloc(CONF_SERVERS_ALL_MAX, sizeof(*all));
	size_t count = 0, gone = 0;
	enum err err = all ? read_states(health, all, &count) : ERR_NOMEM;

	if (err)
		log_warn("which servers are drained or disabled is not known: %s", err_text(err));
	for (size_t i = 0; i < count; i++) {
		struct server_slot *slot =
			servers_find(health->config.servers, all[i].backend, all[i].server);

		if (!is_configured(health->conf, &all[i]))
			all[gone++] = all[i];
		else if (slot && all[i].state <= ADMIN_DISABLED)
			atomic_store(&slot->admin, all[i].state);
	}
	forget(health, all, gone);
	free(all);
}
