/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/backend_tls.h"
#include "daemon/balance.h"
#include "daemon/choice.h"
#include "daemon/conf.h"
#include "daemon/conn.h"
#include "daemon/credcache.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/role.h"
#include "daemon/sessions.h"
#include "daemon/status.h"
#include "daemon/tls.h"

struct worker {
	const struct worker_config *config;
	struct conn_host host;
	struct credcache *creds;
	struct sessions *sessions;
	struct listener **listeners; /* one per conf->listens */
	struct loop_timer *tick;
	struct loop_watch *channel;
	bool draining;
	int64_t drain_until_ms;
};

static void
on_connection(void *arg, struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
	struct worker *w = arg;

	conn_start(&w->host, listener, fd, peer);
}

static void
on_connection_end(void *arg)
{
	struct worker *w = arg;

	if (w->draining && w->host.count == 0)
		loop_stop(w->host.loop);
}

/* The one timer of a worker. */
static void
on_tick(void *arg)
{
	struct worker *w = arg;

	conn_sweep(&w->host);
	sessions_tick(w->sessions);
	if (w->draining && clock_mono_ms() >= w->drain_until_ms) {
		log_notice("%zu connections outlast the drain time and are cut", w->host.count);
		loop_stop(w->host.loop);
	}
	loop_timer_start(w->tick, WHEEL_TICK_MS);
}

static void
drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	w->drain_until_ms = clock_mono_ms() + WORKER_DRAIN_MS;
	for (size_t i = 0; i < w->config->conf->listen_count; i++)
		listener_stop(w->listeners[i]);
	if (w->host.count == 0)
		loop_stop(w->host.loop);
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
		drain(w);
	else if (n <= 0 || message[0] == ROLE_QUIT)
		loop_stop(w->host.loop);
}

static enum err
open_listeners(struct worker *w)
{
	const struct conf *conf = w->config->conf;

	w->listeners = calloc(conf->listen_count + 1, sizeof(struct listener *));
	if (!w->listeners)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->listen_count; i++) {
		struct listener_config config = {.loop = w->host.loop,
		                                 .conf = &conf->listens[i],
		                                 .status = w->config->status,
		                                 .fd = w->config->listen_fds[i],
		                                 .fn = on_connection,
		                                 .arg = w};
		enum err err = listener_new(&config, &w->listeners[i]);

		if (err)
			return err;
	}
	return ERR_OK;
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
		err = open_listeners(w);
	if (err)
		return err;
	wheel_init(&host->wheel, clock_mono_ms());
	host->binds = w->config->conf->bind_count > 0;
	host->store = w->config->store;
	host->status = w->config->status;
	host->on_end = on_connection_end;
	host->arg = w;
	return ERR_OK;
}

static void
close_worker(struct worker *w)
{
	conn_end_all(&w->host);
	for (size_t i = 0; w->listeners && i < w->config->conf->listen_count; i++)
		listener_free(w->listeners[i]);
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

	loop_want(w->channel, LOOP_READ);
	loop_timer_start(w->tick, WHEEL_TICK_MS);
	if (send(w->config->channel, &ready, 1, MSG_NOSIGNAL) != 1)
		return ERR_CLOSED; /* the parent is gone */
	loop_run(w->host.loop);
	return ERR_OK;
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
	err = open_worker(w);
	if (!err)
		err = serve(w);
	close_worker(w);
	return err;
}
