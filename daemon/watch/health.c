/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/health.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/failure.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/front/backend_tls.h"
#include "daemon/watch/health_inside.h"
#include "daemon/watch/resolver.h"

enum { TICK_MS = 250, IDLE_TICK_MS = 5000, EVENTS_PER_TICK = 32, NO_ADDRESS_MS = 5000 };

/* ---- checks -----------------------------------------------------------------------------------
 */

static void
note_failure(struct target *t, uint32_t failure)
{
	t->good = 0;
	t->bad++;
	server_note_failure(t->slot, failure);
	if (t->bad >= t->backend->check.fall)
		server_set_health(t->slot, HEALTH_DOWN);
	if (t->server->host)
		t->lookup_at = 0; /* it may have moved */
}

static void
note_success(struct target *t)
{
	t->bad = 0;
	t->good++;
	if (atomic_load(&t->slot->health) == HEALTH_DOWN && t->good < t->backend->check.rise)
		return;
	atomic_store(&t->slot->failed_in_row, 0);
	server_set_health(t->slot, HEALTH_UP);
}

static void
on_checked(struct target *t, uint32_t failure)
{
	health_check_free(t->check);
	t->check = NULL;
	t->health->checks--;
	if (failure)
		note_failure(t, failure);
	else
		note_success(t);
}

static bool
wants_check(const struct target *t, int64_t now)
{
	return !t->check && now >= t->check_at && atomic_load(&t->slot->admin) != ADMIN_DISABLED &&
	       (t->backend->check.kind != CHECK_FAILED ||
	        atomic_load(&t->slot->health) == HEALTH_DOWN);
}

/* False: a name that has no address. */
static bool
address_of(struct target *t, struct conf_address *ret_address)
{
	struct conf_address all[SERVERS_ADDRESSES];
	size_t count;

	if (!t->server->host) {
		*ret_address = t->server->address;
		return true;
	}
	count = server_addresses(t->slot, t->server->port, all);
	if (count)
		*ret_address = all[t->turn++ % count];
	return count > 0;
}

static void
check(struct target *t, int64_t now)
{
	struct conf_address address;
	enum err err;

	t->check_at = now + t->backend->check.every_ms;
	if (!address_of(t, &address))
		return; /* that is told where it is looked up */
	err = health_check_start(t->health, t, &address, on_checked, &t->check);
	if (!err)
		t->health->checks++;
	else if (err == ERR_UNREACHABLE)
		note_failure(t, failure_of(FAILURE_CONNECT, errno));
	else
		log_debug("no check of %s: %s", t->server->text, err_text(err));
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void
look_up(struct target *t, int64_t now)
{
	struct health *h = t->health;
	uint64_t number = (uint64_t)h->edition << 32 | (uint64_t)(t - h->targets);

	if (t->asked || now < t->lookup_at ||
	    (t->looked_up_at && now - t->looked_up_at < HEALTH_RETRY_MS))
		return;
	t->looked_up_at = now;
	t->lookup_at = now + HEALTH_LOOKUP_MS;
	t->asked = resolver_ask(h->resolver, t->server->host, number) == ERR_OK;
}

static void
take_answer(struct target *t, const struct resolver_answer *answer)
{
	struct conf_address old[SERVERS_ADDRESSES];
	uint32_t kind = atomic_load(&t->slot->failure) >> 24;

	t->asked = false;
	if (!answer->error) {
		server_set_addresses(t->slot, answer->addresses, answer->count);
		if (kind == FAILURE_LOOKUP && atomic_load(&t->slot->health) == HEALTH_DOWN)
			server_set_health(t->slot, HEALTH_UNKNOWN);
		return;
	}
	log_debug("server %s: %s", t->server->text, gai_strerror(answer->error));
	if (server_addresses(t->slot, t->server->port, old) > 0)
		return; /* what was true a while ago is better than nothing */
	t->lookup_at = clock_mono_ms() + NO_ADDRESS_MS;
	atomic_store(&t->slot->failure, failure_of(FAILURE_LOOKUP, -answer->error));
	server_set_health(t->slot, HEALTH_DOWN);
}

static void
take_answers(struct health *h)
{
	struct resolver_answer answer;

	while (resolver_next(h->resolver, &answer)) {
		size_t i = (size_t)(answer.number & 0xffffffff);

		if (answer.number >> 32 == h->edition && i < h->target_count)
			take_answer(&h->targets[i], &answer);
	}
}

/* ---- the thread -------------------------------------------------------------------------------
 */

/* Workers too find out that a server is down, or that it is not. */
static void
look_at_page(struct target *t)
{
	uint64_t failures = atomic_load(&t->slot->failures);
	uint32_t health = atomic_load(&t->slot->health);

	if (t->server->host && failures != t->failures)
		t->lookup_at = 0;
	t->failures = failures;
	if (health != t->seen)
		t->good = t->bad = 0;
	t->seen = health;
}

/* When too many checks are under way, those that have to wait come first next time. */
static void
visit(struct target *t, int64_t now, bool *full)
{
	struct health *h = t->health;

	look_at_page(t);
	if (t->check)
		health_check_expire(t->check, now);
	if (t->server->host)
		look_up(t, now);
	if (!wants_check(t, now))
		return;
	if (h->checks < HEALTH_CHECKS_MAX) {
		check(t, now);
	} else if (!*full) {
		*full = true;
		h->from = (size_t)(t - h->targets);
	}
}

static void
drop_targets(struct health *h)
{
	for (size_t i = 0; i < h->target_count; i++)
		health_check_free(h->targets[i].check);
	free(h->targets);
	h->targets = NULL;
	h->target_count = h->from = 0;
	h->checks = 0;
}

/* First checks are spread over their interval, at most a second. */
static void
add_target(struct health *h, const struct conf_backend *b, const struct conf_server *s)
{
	struct server_slot *slot = servers_find(h->config.servers, b->name, s->text);
	uint32_t spread = b->check.every_ms < 1000 ? b->check.every_ms : 1000;

	if (!slot)
		return; /* the parent has read another file than we: its next reload mends that */
	h->targets[h->target_count] =
		(struct target){.backend = b,
	                        .server = s,
	                        .slot = slot,
	                        .health = h,
	                        .check_at = clock_mono_ms() + h->target_count * 7 % spread,
	                        .seen = atomic_load(&slot->health),
	                        .failures = atomic_load(&slot->failures)};
	h->target_count++;
}

static enum err
take_conf(struct health *h, const struct conf *conf)
{
	size_t count = 0;

	enum err err;

	drop_targets(h);
	backend_tls_free(h->tls);
	h->tls = NULL;
	conf_unref(h->conf);
	h->conf = conf;
	h->edition++;
	err = backend_tls_new(conf, &h->tls);
	if (err)
		return err;
	for (size_t i = 0; i < conf->backend_count; i++)
		count += conf->backends[i].server_count;
	h->targets = calloc(count + 1, sizeof(h->targets[0]));
	if (!h->targets)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->backend_count; i++)
		for (size_t j = 0; j < conf->backends[i].server_count; j++)
			add_target(h, &conf->backends[i], &conf->backends[i].servers[j]);
	health_load_states(h);
	return ERR_OK;
}

static void
try_conf(struct health *h, const struct conf *conf)
{
	enum err err = take_conf(h, conf);

	if (err && !h->wants_again)
		log_err("no server is checked: %s; tried again and again", err_text(err));
	h->wants_again = err != ERR_OK;
}

static void
on_tick(void *arg)
{
	struct health *h = arg;
	int64_t now = clock_mono_ms();
	size_t from = h->from;
	bool full = false;
	int events = 0;

	if (h->wants_again)
		try_conf(h, conf_ref(h->conf));
	atomic_store_explicit(&h->config.servers->looked_at, now, memory_order_relaxed);
	for (size_t n = 0; n < h->target_count; n++) {
		struct target *t = &h->targets[(from + n) % h->target_count];

		visit(t, now, &full);
		if (events < EVENTS_PER_TICK)
			events += health_tell(h, t);
	}
	loop_timer_start(h->timer, h->target_count ? TICK_MS : IDLE_TICK_MS);
}

static void
on_wake(void *arg)
{
	struct health *h = arg;
	const struct conf *next;
	bool goes_on = mailbox_read(&h->mail, &next);

	if (next)
		try_conf(h, next);
	if (next)
		loop_timer_start(h->timer, TICK_MS);
	take_answers(h);
	if (!goes_on)
		loop_stop(h->loop);
}

static void
wake(void *arg)
{
	struct health *h = arg;

	loop_wake(h->loop);
}

static void *
health_main(void *arg)
{
	struct health *h = arg;

	on_tick(h);
	loop_run(h->loop);
	return NULL;
}

static void
health_free(struct health *h)
{
	resolver_free(h->resolver);
	drop_targets(h);
	backend_tls_free(h->tls);
	bio_room_done(&h->room);
	loop_timer_free(h->timer);
	loop_free(h->loop);
	mailbox_done(&h->mail);
	conf_unref(h->conf);
	free(h);
}

enum err
health_start(const struct health_config *config, struct health **ret_health)
{
	struct health *h = calloc(1, sizeof(*h));
	enum err err;

	if (!h)
		return ERR_NOMEM;
	h->config = *config;
	mailbox_init(&h->mail, "health");
	err = loop_new(&h->loop);
	h->mail.loop = h->loop;
	if (!err)
		err = bio_room_init(&h->room);
	if (!err)
		err = loop_timer(h->loop, on_tick, h, &h->timer);
	if (!err)
		err = loop_on_wake(h->loop, on_wake, h);
	if (!err)
		err = resolver_new(wake, h, &h->resolver);
	if (!err)
		err = take_conf(h, conf_ref(config->conf));
	if (!err && pthread_create(&h->thread, NULL, health_main, h) != 0)
		err = ERR_NOMEM;
	if (err)
		health_free(h);
	else
		*ret_health = h;
	return err;
}

void
health_stop(struct health *health)
{
	if (!health)
		return;
	mailbox_stop(&health->mail, health->thread);
	health_free(health);
}

void
health_set_conf(struct health *health, const struct conf *conf)
{
	mailbox_set_conf(&health->mail, conf);
}
