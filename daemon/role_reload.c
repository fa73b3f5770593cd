/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/notify.h"
#include "daemon/role_inside.h"

enum { DRAINING_MAX = 48 }; /* old workers at a time; beyond that the oldest must go */

/* The reload did not work out: its workers go, everything stays as it was. */
void
reload_undo(struct parent *p, const char *why)
{
	for (size_t i = 0; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		if (!r->fresh)
			continue;
		r->fresh = false;
		if (role_is_alive(r))
			role_leave(r, ROLE_QUIT, clock_mono_ms() + QUIT_GRACE_MS);
		else
			role_release(r);
	}
	sockets_close(&p->next_sockets);
	conf_unref(p->next);
	p->next = NULL;
	log_warn("reload refused, the running configuration stays: %s", why);
	notify_refused(why);
	role_say(&p->roles[KEEPER], ROLE_RELOADED, why);
}

/* The keeper takes the conf by itself when it hears of it; this is for its next start. */
static void
keep_conf(struct role *keeper, const struct conf *conf)
{
	conf_unref(keeper->conf);
	keeper->conf = conf_ref(conf);
	keeper->spawn.conf = conf;
}

/* Long connections must not keep so many old workers that there is no place for new ones. */
static void
limit_draining(struct parent *p)
{
	int64_t soon = clock_mono_ms() + QUIT_GRACE_MS;

	for (;;) {
		struct role *oldest = NULL;
		size_t draining = 0;

		for (size_t i = KEEPER + 1; i < ROLES_MAX; i++) {
			struct role *r = &p->roles[i];

			if (r->state != ROLE_LEAVING || r->at <= soon || r->at == INT64_MAX)
				continue; /* others are as good as gone */
			draining++;
			if (!oldest || r->left_at < oldest->left_at)
				oldest = r;
		}
		if (draining <= DRAINING_MAX)
			return;
		log_notice("many workers are draining: the oldest ends its connections");
		role_leave(oldest, ROLE_QUIT, soon);
	}
}

/* The new workers all accept: the old ones drain. */
static void
reload_finish(struct parent *p)
{
	for (size_t i = KEEPER + 1; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		if (r->fresh)
			role_let_serve(r);
		else if (r->state == ROLE_STARTING || r->state == ROLE_RUNNING)
			role_drain(r);
		else if (r->state == ROLE_WAITING)
			role_release(r);
	}
	limit_draining(p);
	notify_store(&p->next_sockets, p->sockets.fds, sockets_count(&p->sockets));
	sockets_close(&p->sockets);
	p->sockets = p->next_sockets;
	p->next_sockets = (struct sockets){0};
	conf_unref(p->conf);
	p->conf = p->next;
	p->next = NULL;
	keep_conf(&p->roles[KEEPER], p->conf);
	log_set_level(p->conf->log_level);
	log_notice("reloaded %s", p->conf->file);
	notify_refused(NULL);
	role_say(&p->roles[KEEPER], ROLE_RELOADED, NULL);
}

void
reload_check(struct parent *p)
{
	for (size_t i = 0; p->next && i < ROLES_MAX; i++)
		if (p->roles[i].fresh && p->roles[i].state != ROLE_RUNNING)
			return;
	if (p->next)
		reload_finish(p);
}

void
reload_begin(struct parent *p)
{
	char error[CONF_ERROR_MAX + 1];

	if (p->next || p->stopping || p->heir.state != HEIR_NONE) {
		role_say(&p->roles[KEEPER], ROLE_RELOADED,
		         "another reload or an upgrade is in work");
		return;
	}
	if (conf_load(p->conf->file, &p->next, error)) {
		p->next = NULL;
		role_say(&p->roles[KEEPER], ROLE_RELOADED, error);
		return;
	}
	if (sockets_open(p->next, p->sockets.fds, sockets_count(&p->sockets), &p->next_sockets,
	                 error, sizeof(error)))
		reload_undo(p, error);
	else if (role_claim_servers(p))
		reload_undo(p, "too many servers, with those of workers that still drain");
	else if (role_start_workers(p, p->next, &p->next_sockets, true))
		reload_undo(p, "too many workers are still draining; try again later");
}
