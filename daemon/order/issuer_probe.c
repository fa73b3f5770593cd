/* SPDX-License-Identifier: Apache-2.0 */
/* The look at what is served, after a certificate was stored. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/selfcheck.h"
#include "store/event.h"

enum { PROBES_MAX = 5, PROBE_AGAIN_MS = 200 };

static void
probe_failed(struct issuer *s, struct job *job, const char *why)
{
	struct notice n = {.name = job->name, .step = MSG_STEP_FAILED, .at = clock_wall()};
	struct event event = {.at = n.at, .type = "mismatch.served_differs"};

	problem_set(&n.problem, PROBLEM_INTERNAL, "stored, but not what is served: %s", why);
	log_host_warn(&job->name, "stored, but not what is served: %s", why);
	snprintf(event.name, sizeof(event.name), "%s", job->name.name);
	snprintf(event.detail, sizeof(event.detail), "%s", n.problem.detail);
	if (history_put(s->store, s->notices, &event))
		log_host_warn(&job->name, "the event of that is not written");
	issuer_tell(s, job, &n);
	job->phase = JOB_OVER;
}

static void
probe_succeeded(struct job *job)
{
	struct notice n = {.name = job->name, .step = MSG_STEP_SERVING, .at = clock_wall()};

	job->phase = JOB_OVER;
	issuer_tell(job->ca->issuer, job, &n);
}

static void
on_probe(void *arg, const void *der, size_t len, const char *error)
{
	struct job *job = arg;

	if (der && len == job->chain.leaf.len && memcmp(der, job->chain.leaf.data, len) == 0) {
		probe_succeeded(job);
	} else if (++job->probes < PROBES_MAX) {
		job->phase = JOB_PROBE;
		job->wake_at = clock_mono_ms() + PROBE_AGAIN_MS;
	} else {
		probe_failed(job->ca->issuer, job, der ? "another certificate arrived" : error);
	}
}

static int
own_port(const struct conf_listen *l)
{
	return atoi(strrchr(l->address.text, ':') + 1);
}

/* Its address as a client on this machine reaches it. */
static void
own_address(const struct conf_listen *l, char *host, size_t size)
{
	const char *text = l->address.text, *colon = strrchr(text, ':');
	int bracket = *text == '[';

	snprintf(host, size, "%.*s", (int)(colon - text) - 2 * bracket, text + bracket);
	if (strcmp(host, "0.0.0.0") == 0)
		snprintf(host, size, "127.0.0.1");
	else if (strcmp(host, "::") == 0)
		snprintf(host, size, "::1");
}

/* A certificate for an address is for clients without SNI: only where they would come is it seen.
 */
static const struct conf_listen *
listener_of(const struct conf *conf, const struct hostname *name, char *address, size_t size)
{
	const struct conf_listen *l = selfcheck_listener(conf, LISTEN_TLS);
	bool any;

	for (size_t i = 0; i < conf->listen_count && hostname_is_address(name); i++) {
		if (conf->listens[i].kind != LISTEN_TLS)
			continue;
		own_address(&conf->listens[i], address, size);
		any = strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0;
		if (!any && strcmp(address, name->name) != 0)
			continue;
		snprintf(address, size, "%.*s", INET6_ADDRSTRLEN, name->name);
		return &conf->listens[i];
	}
	if (l)
		own_address(l, address, size);
	return l;
}

/* Where `bind` has the name. */
static void
go_to_bound(const struct conf *conf, const struct hostname *name, char *address, size_t size)
{
	for (size_t i = 0; i < conf->bind_count && hostname_is_address(name); i++) {
		const struct sockaddr_storage *at = &conf->binds[i].address;
		const void *bytes =
			at->ss_family == AF_INET
				? (const void *)&((const struct sockaddr_in *)at)->sin_addr
				: &((const struct sockaddr_in6 *)at)->sin6_addr;

		if (hostname_equal(&conf->binds[i].name, name) &&
		    inet_ntop(at->ss_family, bytes, address, (socklen_t)size))
			return;
	}
}

static void
probe(struct issuer *s, struct job *job)
{
	const struct conf_listen *listen;
	const struct conf_backend *b = conf_backend(s->conf, job->domain.backend);
	bool wildcard = hostname_is_wildcard(&job->name);
	char address[64], host[HOSTNAME_MAX + 8];
	struct transport_target target = {.address = address, .host = host};

	/* What arrives is the backend's own, or either of two. */
	if ((b && b->passthrough) || job->domain.second.generation) {
		probe_succeeded(job);
		return;
	}
	/* any name under a wildcard will do */
	snprintf(host, sizeof(host),
	         wildcard                           ? "probe%s"
	         : strchr(job->name.name, ':') != 0 ? "[%s]"
	                                            : "%s",
	         job->name.name + (wildcard ? 1 : 0));
	listen = listener_of(s->conf, &job->name, address, sizeof(address));
	if (!listen) {
		probe_failed(s, job, "there is no tls listener");
		return;
	}
	target.port = own_port(listen);
	go_to_bound(s->conf, &job->name, address, sizeof(address));
	target.proxy = listen->proxy_count > 0;
	job->phase = JOB_PROBING;
	if (transport_probe(s->transport, &target, on_probe, job))
		probe_failed(s, job, "the look at it cannot start");
}

void
issuer_probe(struct issuer *s)
{
	int64_t now = clock_mono_ms();

	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase == JOB_PROBE && job->wake_at <= now)
			probe(s, job);
}
