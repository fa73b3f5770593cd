/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_dns.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dns/dns_message.h"

enum { CLASS_IN = 1, STOP_LOOK_MS = 250, SERVER_TEXT_MAX = 96 };

/* Contexts are apart, but libunbound makes and unmakes them with state that all have in common: the
 * mutexes of its log and of its listeners, which we have none of. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static const char system_anchor[] = "/usr/share/dns/root.key";

/* ---- the context ---------------------------------------------------------------------------- */

/* "192.0.2.1@53", as libunbound wants it. */
static enum err
forward_to(struct ub_ctx *ctx, const struct conf_address *a)
{
	char host[NI_MAXHOST], port[NI_MAXSERV], text[SERVER_TEXT_MAX];

	if (getnameinfo((const struct sockaddr *)&a->sa, a->len, host, sizeof(host), port,
	                sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return ERR_INVALID;
	if (snprintf(text, sizeof(text), "%s@%s", host, port) >= (int)sizeof(text))
		return ERR_INVALID;
	return ub_ctx_set_fwd(ctx, text) ? ERR_IO : ERR_OK;
}

static enum err
set_servers(struct ub_ctx *ctx, const struct lookup_way *way)
{
	const struct conf_dns_resolvers *r = way->call->resolvers;
	enum err err = ERR_OK;

	if (way->from_root)
		return ERR_OK;
	if (!r || r->count == 0)
		return ub_ctx_resolvconf(ctx, NULL) ? ERR_IO : ERR_OK;
	for (size_t i = 0; i < r->count && !err; i++)
		err = forward_to(ctx, &r->addresses[i]);
	return err;
}

static enum err
set_anchor(struct ub_ctx *ctx, const struct lookup_way *way)
{
	if (way->trust_anchor)
		return ub_ctx_add_ta_file(ctx, way->trust_anchor) ? ERR_INVALID : ERR_OK;
	if (way->from_root && access(system_anchor, R_OK) == 0 &&
	    ub_ctx_add_ta_file(ctx, system_anchor))
		return ERR_INVALID;
	return ERR_OK;
}

/* A silent server keeps a socket busy all the while. */
static enum err
set_room(struct ub_ctx *ctx, size_t at_once)
{
	char text[16];

	snprintf(text, sizeof(text), "%zu", at_once);
	return at_once && (ub_ctx_set_option(ctx, "outgoing-range:", text) ||
	                   ub_ctx_set_option(ctx, "num-queries-per-thread:", text))
	               ? ERR_IO
	               : ERR_OK;
}

static enum err
make_context(const struct lookup_way *way, struct ub_ctx **ret_ctx)
{
	/* Private names are asked for like others: whether they are there is the resolvers' to say.
	 */
	static const char *const plain[] = {"test.", "home.arpa.", NULL};
	struct ub_ctx *ctx = ub_ctx_create();
	enum err err = ERR_OK;

	if (!ctx)
		return ERR_NOMEM;
	*ret_ctx = ctx;
	if (ub_ctx_debugout(ctx, NULL) || ub_ctx_async(ctx, 1) ||
	    ub_ctx_set_option(ctx, "do-not-query-localhost:", "no"))
		err = ERR_IO;
	if (!err)
		err = set_room(ctx, way->at_once);
	if (!err)
		err = set_servers(ctx, way);
	if (!err && (!way->trust_anchor || access(way->trust_anchor, R_OK) == 0))
		err = set_anchor(ctx, way);
	else if (!err)
		err = ERR_INVALID;
	for (size_t i = 0; plain[i] && !err; i++)
		if (ub_ctx_zone_add(ctx, plain[i], "transparent"))
			err = ERR_INVALID; /* the anchor is read at the first use */
	return err;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void
take_records(struct lookup *l, const struct ub_result *r)
{
	while (l->count < LOOKUP_RECORDS_MAX && r->data[l->count]) {
		l->records[l->count].data = r->data[l->count];
		l->records[l->count].len = (size_t)r->len[l->count];
		l->count++;
	}
}

static void
take_answer(struct lookup *l, const struct ub_result *r)
{
	if (r->canonname && strcmp(r->canonname, r->qname) != 0) {
		size_t len = strlen(r->canonname);

		snprintf(l->target, sizeof(l->target), "%.*s",
		         (int)(len && r->canonname[len - 1] == '.' ? len - 1 : len), r->canonname);
		if (strcasecmp(l->target, l->name) == 0)
			*l->target = '\0';
	}
	if (r->bogus) {
		l->state = LOOKUP_BOGUS;
		snprintf(l->why, sizeof(l->why), "%s", r->why_bogus ? r->why_bogus : "");
	} else if (r->havedata) {
		l->state = LOOKUP_FOUND;
		take_records(l, r);
	} else if (r->nxdomain) {
		l->state = LOOKUP_NXDOMAIN;
	} else if (r->rcode == 0) {
		l->state = LOOKUP_NODATA;
	} else {
		l->state = LOOKUP_FAILED;
		snprintf(l->why, sizeof(l->why), "%s", dns_rcode_word(r->rcode));
	}
}

static void
on_answer(void *arg, int error, struct ub_result *result)
{
	struct lookup *l = arg;

	l->open = false;
	if (error) {
		l->state = LOOKUP_FAILED;
		snprintf(l->why, sizeof(l->why), "%s", ub_strerror(error));
		ub_resolve_free(result);
		return;
	}
	l->inside = result;
	take_answer(l, result);
}

static bool
any_open(const struct lookup *lookups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (lookups[i].open)
			return true;
	return false;
}

static enum err
wait_for_all(struct ub_ctx *ctx, const struct dns_call *call, struct lookup *lookups, size_t count)
{
	while (any_open(lookups, count)) {
		int64_t left = call->deadline - clock_mono_ms();
		struct pollfd p = {.fd = ub_fd(ctx), .events = POLLIN};
		int n;

		if (call->stop && atomic_load(call->stop))
			return ERR_STOPPED;
		if (left <= 0)
			return ERR_OK;
		n = poll(&p, 1, (int)(left < STOP_LOOK_MS ? left : STOP_LOOK_MS));
		if ((n > 0 && ub_process(ctx)) || (n < 0 && errno != EINTR))
			return ERR_IO;
	}
	return ERR_OK;
}

enum err
lookups_run(const struct lookup_way *way, struct lookup *lookups, size_t count)
{
	struct ub_ctx *ctx = NULL;
	enum err err;

	pthread_mutex_lock(&making);
	err = make_context(way, &ctx);
	pthread_mutex_unlock(&making);
	for (size_t i = 0; i < count; i++)
		lookups[i] = (struct lookup){.name = lookups[i].name, .type = lookups[i].type};
	for (size_t i = 0; i < count && !err; i++) {
		struct lookup *l = &lookups[i];

		if (ub_resolve_async(ctx, *l->name ? l->name : ".", l->type, CLASS_IN, l, on_answer,
		                     &l->id))
			err = ERR_IO;
		l->open = !err;
	}
	if (!err)
		err = wait_for_all(ctx, way->call, lookups, count);
	for (size_t i = 0; i < count; i++)
		if (lookups[i].open)
			ub_cancel(ctx, lookups[i].id);
	pthread_mutex_lock(&making);
	if (ctx)
		ub_ctx_delete(ctx);
	pthread_mutex_unlock(&making);
	return err;
}

void
lookups_done(struct lookup *lookups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ub_resolve_free(lookups[i].inside);
		lookups[i].inside = NULL;
		lookups[i].count = 0;
	}
}
