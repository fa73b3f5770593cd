/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of the parent. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/inherit.h"
#include "daemon/master.h"
#include "daemon/notify.h"
#include "daemon/probe.h"
#include "daemon/role_inside.h"
#include "store/store.h"

enum { HANDOVER_TRIES = 15 }; /* of 100 ms */

static enum err
open_signals(struct parent *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_IO;
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signal_fd < 0 ? ERR_IO : ERR_OK;
}

/* The store's lock and the ports: what another certd may hold. */
static enum err
take_what_is_ours(struct parent *p, struct problem *why)
{
	const struct inherited *in = p->config->inherited;
	char error[CONF_ERROR_MAX + 1];
	enum err err = ERR_OK;

	if (p->lock_fd < 0 && !p->readonly && !p->elder.held)
		err = role_claim_store(p, why);
	if (err)
		return err;
	err = sockets_open(p->conf, in->fds, in->count, &p->sockets, error, sizeof(error));
	if (err)
		problem_set(why, PROBLEM_INTERNAL, "%s", error);
	return err;
}

/* The key that fits now, and whether the store can be lived with. */
static enum err
look_at_store(struct parent *p, struct problem *why)
{
	enum err err = secret_copy(&p->master, p->config->master);

	if (!err && p->elder.held)
		return takeover_look_at_store(p, why);
	if (err)
		return err;
	role_refresh_master(p);
	return probe_store(p->conf, &p->master, &p->careful, why);
}

/* Everything that may be refused before the first role starts. Roles of a parent that was killed
 * are given a moment to be gone. */
static enum err
prepare(struct parent *p, struct problem *why)
{
	const struct timespec moment = {.tv_nsec = 100 * 1000000L};
	enum err err = take_what_is_ours(p, why);

	for (int i = 0; i < HANDOVER_TRIES && (err == ERR_BUSY || err == ERR_EXISTS); i++) {
		nanosleep(&moment, NULL);
		err = take_what_is_ours(p, why);
	}
	if (!err)
		err = look_at_store(p, why);
	if (!err)
		err = status_new(&p->status);
	if (!err)
		err = servers_new(&p->servers);
	if (!err)
		err = role_claim_servers(p);
	if (!err) {
		atomic_store(&p->status->pid, getpid());
		err = open_signals(p);
	}
	if (!err && p->config->single)
		err = store_open(p->conf->state_directory,
		                 p->careful ? STORE_CAREFUL : STORE_KEEPER, &p->master, &p->store,
		                 why);
	if (!err && p->config->single && !p->careful &&
	    master_change_settle(p->conf, p->store, &p->master))
		role_refresh_master(p);
	return err;
}

static void
begin(struct parent *p)
{
	struct inherited *in = p->config->inherited;

	if (p->elder.held) {
		takeover_begin(p);
		return;
	}
	notify_store(&p->sockets, in->fds, in->count);
	inherit_done(in); /* what is used is duplicated */
	role_start(p, role_take(p, SPAWN_KEEPER, p->conf));
	if (p->readonly)
		role_serve(p);
}

static void
end(struct parent *p)
{
	const int fds[] = {p->signal_fd, p->lock_fd, p->control_fd, p->heir.channel,
	                   p->elder.channel};

	sockets_close(&p->sockets);
	store_close(p->store);
	secret_done(&p->master);
	status_free(p->status);
	servers_free(p->servers);
	conf_unref(p->conf);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int
role_parent(const struct role_config *config)
{
	static struct parent parent; /* too large for a stack; there is one */
	struct parent *p = &parent;
	struct problem why = {0};
	enum err err;

	*p = (struct parent){.config = config,
	                     .conf = conf_ref(config->conf),
	                     .lock_fd = -1,
	                     .signal_fd = -1,
	                     .control_fd = -1,
	                     .heir.channel = -1,
	                     .elder.channel = config->inherited->channel,
	                     .elder.held = inherit_is_upgrade(config->inherited)};
	err = prepare(p, &why);
	if (err) {
		log_err("cannot start: %s", why.kind ? why.detail : err_text(err));
		inherit_refuse(config->inherited, why.kind ? why.detail : err_text(err));
		p->exit_code = EXIT_FAILURE;
	} else {
		begin(p);
		role_run(p);
		log_notice("stopped");
	}
	end(p);
	return p->exit_code;
}
