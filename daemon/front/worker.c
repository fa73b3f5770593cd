/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/worker.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/confine.h"
#include "daemon/front/backend_tls.h"
#include "daemon/front/balance.h"
#include "daemon/front/choice.h"
#include "daemon/front/conn.h"
#include "daemon/front/credcache.h"
#include "daemon/front/descriptors.h"
#include "daemon/front/listener.h"
#include "daemon/front/sessions.h"
#include "daemon/front/tls.h"
#include "daemon/role.h"
#include "store/store.h"

struct worker {
	const struct worker_config *config;
	struct conn_host host;
	struct credcache *creds;
	struct sessions *sessions;
	struct listener **listeners; /* as config->listen_fds; NULL where there is none */
	size_t given;                /* how many of those have become listeners */
	struct loop_timer *tick;
	struct loop_watch *channel;
	struct descriptors descriptors;
	bool draining;
	bool told;    /* the parent, that our master key is too old */
	enum err err; /* why it could not accept */
	int64_t drain_until_ms;
};

static void
on_connection(void *arg, struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
	struct worker *w = arg;

	conn_start(&w->host, listener, fd, peer);
}

/* A challenge or a redirect on port 80 needs one descriptor for a moment, no backend's, and orders
 * shall not fail because TLS clients have taken all there is: it may have of what is kept back. */
static bool
has_room(void *arg, const struct conf_listen *listen)
{
	const struct worker *w = arg;
	size_t more = listen->kind == LISTEN_HTTP ? w->descriptors.kept / 2 : 0;

	return w->host.count < w->descriptors.connections + more;
}

static void
on_connection_end(void *arg)
{
	struct worker *w = arg;

	if (w->draining && w->host.count == 0)
		loop_stop(w->host.loop);
}

/* Our data keys are as old as our master key: the parent knows whether there is a newer one. */
static void
tell_locked_out(struct worker *w)
{
	const char message = ROLE_MASTER;

	if (w->told || w->draining || !store_is_locked_out(w->config->store))
		return;
	w->told = send(w->config->channel, &message, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

/* The one timer of a worker. */
static void
on_tick(void *arg)
{
	struct worker *w = arg;

	status_beat(w->config->status);
	conn_sweep(&w->host);
	conn_await_tick(&w->host);
	tell_locked_out(w);
	sessions_tick(w->sessions);
	if (w->draining && clock_mono_ms() >= w->drain_until_ms) {
		log_notice("%zu connections outlast the drain time and are cut", w->host.count);
		loop_stop(w->host.loop);
	}
	loop_timer_start(w->tick, WHEEL_TICK_MS);
}

static void
drain(struct worker *w, int64_t for_ms)
{
	int64_t until_ms = clock_mono_ms() + for_ms;

	if (!w->draining || until_ms < w->drain_until_ms)
		w->drain_until_ms = until_ms;
	if (w->draining)
		return;
	w->draining = true;
	for (size_t i = 0; i < w->given; i++)
		if (w->listeners[i])
			listener_stop(w->listeners[i]);
	if (w->host.count == 0)
		loop_stop(w->host.loop);
}

static struct listening *
listening_of(const struct worker_config *c, size_t listen)
{
	return listening_take(&c->status->listening,
	                      listening_key(c->conf->listens[listen].address.text));
}

/* Those of addresses that the configuration does not have any more make room. */
static void
keep_listening(const struct worker_config *c)
{
	uint64_t keys[CONF_LISTENS_MAX];

	for (size_t i = 0; i < c->conf->listen_count; i++)
		keys[i] = listening_key(c->conf->listens[i].address.text);
	listening_keep(&c->status->listening, keys, c->conf->listen_count);
}

/* Those that it fails for stay the caller's. */
static enum err
open_listeners(struct worker *w)
{
	const struct worker_config *c = w->config;

	for (; w->given < c->listen_count; w->given++) {
		size_t i = w->given, which = i % c->conf->listen_count;
		struct listener_config config = {.loop = w->host.loop,
		                                 .conf = &c->conf->listens[which],
		                                 .status = c->status,
		                                 .listening = listening_of(c, which),
		                                 .fd = c->listen_fds[i],
		                                 .fn = on_connection,
		                                 .has_room = has_room,
		                                 .arg = w};
		enum err err = config.fd < 0 ? ERR_OK : listener_new(&config, &w->listeners[i]);

		if (err)
			return err;
	}
	return ERR_OK;
}

/* It has been held. */
static void
accept_now(struct worker *w)
{
	w->err = w->draining ? ERR_OK : open_listeners(w);
	if (w->err)
		loop_stop(w->host.loop); /* the parent starts another one */
}

static void
on_channel(void *arg, int events)
{
	struct worker *w = arg;
	char message[ROLE_MESSAGE_MAX];
	ssize_t n = recv(w->config->channel, message, sizeof(message), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && message[0] == ROLE_DRAIN)
		drain(w, WORKER_DRAIN_MS);
	else if (n > 0 && message[0] == ROLE_SERVE)
		accept_now(w);
	else if (n > 0 && message[0] == ROLE_QUIT)
		loop_stop(w->host.loop);
	if (n > 0)
		return;
	/* The parent was killed: what is under way has a moment, the next certd waits for us. */
	loop_want(w->channel, 0);
	drain(w, WORKER_ORPHAN_MS);
}

static enum err
open_credentials(struct worker *w)
{
	const struct worker_config *c = w->config;
	struct credcache_config cache = {.conf = c->conf,
	                                 .store = c->store,
	                                 .status = c->status,
	                                 .max_entries = CREDCACHE_MAX,
	                                 .retry_ms = CREDCACHE_RETRY_MS};
	struct chooser_config chooser = {.conf = c->conf, .store = c->store, .status = c->status};
	struct sessions_config sessions = {.conf = c->conf, .store = c->store, .status = c->status};
	enum err err = credcache_new(&cache, &w->creds);

	chooser.creds = w->creds;
	if (!err)
		err = chooser_new(&chooser, &w->host.chooser);
	if (!err)
		err = bio_room_init(&w->host.room);
	if (!err)
		err = sessions_new(&sessions, &w->sessions);
	return err ? err : tls_new(c->conf, w->sessions, &w->host.tls);
}

static enum err
open_worker(struct worker *w)
{
	struct conn_host *host = &w->host;
	enum err err = loop_new(&host->loop);

	if (!err)
		err = loop_timer(host->loop, on_tick, w, &w->tick);
	if (!err)
		err = loop_watch(host->loop, w->config->channel, on_channel, w, &w->channel);
	if (!err)
		err = balance_new(w->config->conf, w->config->servers, w->config->role,
		                  &host->balance);
	if (!err)
		err = backend_tls_new(w->config->conf, &host->backend_tls);
	if (!err)
		err = open_credentials(w);
	if (!err)
		w->listeners = calloc(w->config->listen_count + 1, sizeof(struct listener *));
	if (!err && !w->listeners)
		err = ERR_NOMEM;
	if (!err && !w->config->hold)
		err = open_listeners(w);
	if (err)
		return err;
	w->descriptors = descriptors_now(w->config->listen_count);
	wheel_init(&host->wheel, clock_mono_ms());
	host->binds = w->config->conf->bind_count > 0;
	host->store = w->config->store;
	host->status = w->config->status;
	host->on_demand = &w->config->conf->on_demand;
	host->demand = w->config->demand;
	host->on_end = on_connection_end;
	host->arg = w;
	return ERR_OK;
}

static void
close_worker(struct worker *w)
{
	const struct worker_config *c = w->config;

	conn_end_all(&w->host);
	for (size_t i = 0; i < w->given; i++)
		listener_free(w->listeners[i]);
	for (size_t i = w->given; i < c->listen_count; i++)
		if (c->listen_fds[i] >= 0)
			close(c->listen_fds[i]);
	free(w->listeners);
	tls_free(w->host.tls);
	sessions_free(w->sessions);
	backend_tls_free(w->host.backend_tls);
	balance_free(w->host.balance);
	bio_room_done(&w->host.room);
	chooser_free(w->host.chooser);
	credcache_free(w->creds);
	loop_unwatch(w->channel);
	loop_timer_free(w->tick);
	loop_free(w->host.loop);
	free(w);
}

static enum err
serve(struct worker *w)
{
	const char ready = ROLE_READY;

	if (w->config->confined)
		(void)confine_worker(); /* it serves also where that cannot be had */
	loop_want(w->channel, LOOP_READ);
	loop_timer_start(w->tick, WHEEL_TICK_MS);
	if (send(w->config->channel, &ready, 1, MSG_NOSIGNAL) != 1)
		return ERR_CLOSED; /* the parent is gone */
	loop_run(w->host.loop);
	return w->err;
}

enum err
worker_run(const struct worker_config *config)
{
	struct worker *w = calloc(1, sizeof(*w));
	enum err err;

	if (!w)
		return ERR_NOMEM;
	w->config = config;
	status_reset_gauges(config->status);
	keep_listening(config);
	err = open_worker(w);
	if (!err)
		err = serve(w);
	close_worker(w);
	return err;
}
