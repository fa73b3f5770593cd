/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/demander.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/flood.h"
#include "daemon/order/suffix.h"
#include "daemon/watch/demander_inside.h"

enum { TICK_MS = 1000, KEEPERS_SLOT = 0 };

/* Memory that nobody has touched stays so. */
bool
demander_is_busy(const struct demander *d, size_t slot)
{
	return atomic_load_explicit(&d->config.status->slot[slot].values[STATUS_ACCEPTED],
	                            memory_order_relaxed) > 0;
}

void
demander_count(struct demander *d, enum status_counter which)
{
	status_add(&d->config.status->slot[KEEPERS_SLOT], which, 1);
}

void
demander_refuse(struct demander *d, const struct hostname *name, int64_t until_ms)
{
	demand_refuse_name(&d->config.status->demand, name, until_ms);
}

void
demander_format_network(uint64_t key, char text[NETWORK_TEXT_MAX + 1])
{
	struct network network;

	flood_key_network(key, &network);
	network_format(&network, text);
}

/* Whoever tries all names is stopped here, whether they are allowed or not. */
static bool
network_may(struct demander *d, const struct hostname *name, uint64_t network)
{
	char key[32], client[NETWORK_TEXT_MAX + 1];
	int64_t now = clock_wall(), next;

	snprintf(key, sizeof(key), "=%" PRIx64, network);
	next = demand_book_take(d->book, key, &d->conf->on_demand.per_address, now);
	if (!next)
		return true;
	demand_refuse_network(&d->config.status->demand, network,
	                      clock_mono_ms() + (next - now) * 1000);
	demander_count(d, STATUS_DEMAND_OVER_BUDGET);
	demander_format_network(network, client);
	demander_tally(&d->denied, "%s: clients of %s have had their names-per-address", name->name,
	               client);
	return false;
}

static void
look_at_new(struct demander *d, const struct hostname *name, uint64_t network)
{
	const struct conf_on_demand *o = &d->conf->on_demand;

	if (!network_may(d, name, network))
		return;
	if (!o->allow_count && suffix_is_public(d->suffix, name)) {
		demander_refuse(d, name, clock_mono_ms() + o->cache_ms);
		return;
	}
	if (o->url) {
		demander_ask(d, name, network);
		return;
	}
	demand_book_set(d->book, name, DEMAND_ALLOWED, clock_mono_ms() + o->cache_ms);
	demander_add(d, name);
}

static void
hear(struct demander *d, const struct hostname *name, uint64_t network)
{
	int64_t now = clock_mono_ms(), until = now + DEMAND_AGAIN_MS;
	enum demand_word word = demand_book_find(d->book, name, now, &until);
	enum demand_place place = demander_place(d, name);

	if (place == PLACE_TAKEN || word == DEMAND_ASKING)
		return;
	/* A worker before a reload asks for what may not come any more. */
	if (word == DEMAND_DENIED || place == PLACE_REMOVED ||
	    !conf_may_come(&d->conf->on_demand, name))
		demander_refuse(d, name, until);
	else if (word == DEMAND_ALLOWED)
		demander_add(d, name);
	else
		look_at_new(d, name, network);
}

static void
hear_all(struct demander *d)
{
	struct hostname name;
	uint64_t network;

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		while (demander_is_busy(d, i) && report_next_with(&d->config.status->slot[i].asks,
		                                                  &d->asks[i], &name, &network))
			hear(d, &name, network);
}

/* The list is loaded when it is first of use: it takes more memory than all the rest here. */
static void
take_conf(struct demander *d, const struct conf *conf)
{
	if (conf) {
		demander_forget_questions(d);
		conf_unref(d->conf);
		d->conf = conf;
	}
	if (d->conf->on_demand.on && !d->suffix && suffix_new(d->conf->public_suffixes, &d->suffix))
		d->suffix = NULL;
}

static void *
demander_main(void *arg)
{
	struct demander *d = arg;
	const struct conf *conf;
	int64_t tick_at = 0;

	while (mailbox_read(&d->mail, &conf)) {
		take_conf(d, conf);
		hear_all(d);
		demander_send_questions(d);
		if (tick_at <= clock_mono_ms()) {
			tick_at = clock_mono_ms() + TICK_MS;
			demander_note_uses(d);
			demander_tell(d);
		}
		mailbox_run(&d->mail, TICK_MS);
	}
	return NULL;
}

/* curl cannot wait for a futex. */
static void *
bell_main(void *arg)
{
	struct demander *d = arg;
	struct demand *demand = &d->config.status->demand;
	uint32_t seen = atomic_load(&demand->bell);

	while (!mailbox_stops(&d->mail)) {
		uint32_t shown = demand_listen(demand, seen, TICK_MS);

		if (shown != seen)
			transport_wake(d->transport);
		seen = shown;
	}
	return NULL;
}

void
demander_set_conf(struct demander *demander, const struct conf *conf)
{
	mailbox_set_conf(&demander->mail, conf);
}

static void
demander_free(struct demander *d)
{
	transport_free(d->transport); /* drops what is on its way, without callbacks */
	d->transport = NULL;
	demander_forget_questions(d);
	demand_book_free(d->book);
	suffix_free(d->suffix);
	conf_unref(d->conf);
	mailbox_done(&d->mail);
	free(d);
}

/* Who still waits asks again; what was asked before we came is nobody's any more. */
static void
skip_old(struct demander *d)
{
	for (size_t i = 0; i < STATUS_SLOTS; i++)
		if (demander_is_busy(d, i))
			d->asks[i].read = atomic_load(&d->config.status->slot[i].asks.written);
}

static enum err
start_threads(struct demander *d)
{
	if (pthread_create(&d->thread, NULL, demander_main, d) != 0)
		return ERR_NOMEM;
	if (pthread_create(&d->bell, NULL, bell_main, d) == 0)
		return ERR_OK;
	mailbox_stop(&d->mail, d->thread);
	return ERR_NOMEM;
}

enum err
demander_start(const struct demander_config *config, struct demander **ret_demander)
{
	struct demander *d = calloc(1, sizeof(*d));
	enum err err;

	if (!d)
		return ERR_NOMEM;
	d->config = *config;
	d->conf = conf_ref(config->conf);
	d->denied.type = "ondemand.denied";
	d->hook_down.type = "ondemand.hook_down";
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->asked);
	mailbox_init(&d->mail, "names on demand");
	skip_old(d);
	err = demand_book_new(DEMAND_BOOK_MAX, &d->book);
	if (!err)
		err = transport_new("certd/" CERTD_VERSION " (on demand)", &d->transport);
	d->mail.transport = d->transport;
	if (!err)
		err = start_threads(d);
	if (err)
		demander_free(d);
	else
		*ret_demander = d;
	return err;
}

void
demander_stop(struct demander *demander)
{
	if (!demander)
		return;
	mailbox_stop(&demander->mail, demander->thread);
	demand_ring(&demander->config.status->demand);
	pthread_join(demander->bell, NULL);
	demander_free(demander);
}
