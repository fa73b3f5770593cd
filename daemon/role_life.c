/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/front/worker.h"
#include "daemon/front_user.h"
#include "daemon/role_inside.h"

const char *
role_name(const struct role *r)
{
	return r->spawn.kind == SPAWN_KEEPER ? "keeper" : "front worker";
}

bool
role_is_alive(const struct role *r)
{
	return r->state == ROLE_STARTING || r->state == ROLE_RUNNING || r->state == ROLE_LEAVING;
}

void
role_say(struct role *r, enum role_message message, const char *text)
{
	if (role_is_alive(r) && r->spawn.channel >= 0 &&
	    !channel_send(r->spawn.channel, (char)message, text, -1))
		log_debug("a role does not listen: %s", strerror(errno));
}

void
role_start(struct parent *p, struct role *r)
{
	size_t index = (size_t)(r - p->roles);

	r->at = clock_mono_ms();
	if (r->spawn.kind == SPAWN_KEEPER && !role_may_write(p)) {
		r->state = ROLE_WAITING;
		r->at += r->at < p->claim_until ? CLAIM_MS : KEEPER_RESTART_MAX_MS;
		return;
	}
	if (r->spawn.kind == SPAWN_KEEPER && !p->config->single)
		role_refresh_master(p);
	r->state = ROLE_STARTING;
	r->silent = 0;
	r->master_count = p->master_count;
	r->spawn.status_slot = index;
	r->spawn.control_fd = p->control_fd;
	status_reset_gauges(&p->status->slot[index]);
	if (spawn_start(&r->spawn)) {
		log_err("cannot start a %s: %s", role_name(r), strerror(errno));
		r->state = ROLE_WAITING;
		r->at += RESTART_MAX_MS;
	}
}

struct role *
role_take(struct parent *p, enum spawn_kind kind, const struct conf *conf)
{
	size_t i = kind == SPAWN_KEEPER ? KEEPER : KEEPER + 1;

	while (i < ROLES_MAX && p->roles[i].state != ROLE_FREE)
		i++;
	if (i == ROLES_MAX)
		return NULL;
	p->roles[i] = (struct role){.conf = conf_ref(conf)};
	p->roles[i].spawn = (struct spawn){.kind = kind,
	                                   .conf = conf,
	                                   .master = &p->master,
	                                   .store = p->store,
	                                   .status = p->status,
	                                   .servers = p->servers,
	                                   .lock_fd = p->lock_fd,
	                                   .news = &p->news,
	                                   .single = p->config->single,
	                                   .careful = kind == SPAWN_KEEPER && p->careful,
	                                   .channel = -1};
	return &p->roles[i];
}

enum err
role_start_workers(struct parent *p, const struct conf *conf, const struct sockets *sockets,
                   bool fresh)
{
	front_user_let_in(conf);
	for (unsigned slot = 0; slot < conf->workers; slot++) {
		struct role *r = role_take(p, SPAWN_WORKER, conf);

		if (!r)
			return ERR_BUSY;
		r->fresh = fresh;
		r->spawn.slot = slot;
		r->spawn.hold = fresh;
		r->spawn.listen_fds = sockets_of(sockets, slot);
		r->spawn.listen_count = sockets->per_worker;
		role_start(p, r);
	}
	return ERR_OK;
}

void
role_let_serve(struct role *r)
{
	r->fresh = false;
	r->spawn.hold = false; /* nor is the one that may take its place */
	role_say(r, ROLE_SERVE, NULL);
}

void
role_release(struct role *r)
{
	conf_unref(r->conf);
	*r = (struct role){.state = ROLE_FREE};
}

void
role_leave(struct role *r, enum role_message how, int64_t kill_at)
{
	if (how)
		role_say(r, how, NULL);
	if (r->state != ROLE_LEAVING)
		r->left_at = clock_mono_ms();
	r->state = ROLE_LEAVING;
	r->at = kill_at;
}

void
role_drain(struct role *r)
{
	role_leave(r, ROLE_DRAIN, clock_mono_ms() + WORKER_DRAIN_MS + QUIT_GRACE_MS);
}

enum err
role_claim_servers(struct parent *p)
{
	const struct conf *confs[ROLES_MAX + 2];
	size_t count = 0;

	confs[count++] = p->conf;
	if (p->next)
		confs[count++] = p->next;
	for (size_t i = 0; i < ROLES_MAX; i++) {
		const struct conf *conf = p->roles[i].conf;
		bool known = !conf;

		for (size_t j = 0; j < count && !known; j++)
			known = confs[j] == conf;
		if (!known)
			confs[count++] = conf;
	}
	return servers_claim(p->servers, confs, count);
}
