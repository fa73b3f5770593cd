/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/role.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf.h"
#include "daemon/master.h"
#include "daemon/probe.h"
#include "daemon/role_inside.h"
#include "store/store.h"

static void
serve(struct parent *p)
{
	p->served = true;
	if (role_start_workers(p, p->conf, &p->sockets, false))
		log_err("too many workers");
}

static void
announce(struct parent *p)
{
	char where[512];
	size_t at = 0;

	for (size_t i = KEEPER + 1; i < ROLES_MAX; i++)
		if (p->roles[i].state == ROLE_STARTING)
			return;
	for (size_t i = 0; i < p->conf->listen_count && at < sizeof(where); i++)
		at += (size_t)snprintf(where + at, sizeof(where) - at, "%s%s %s", i ? ", " : "",
		                       p->conf->listens[i].kind == LISTEN_TLS ? "tls" : "http",
		                       p->conf->listens[i].address.text);
	log_notice("certd %s serves with %u workers: %s", CERTD_VERSION, p->conf->workers, where);
	p->announced = true;
}

static void
on_ready(struct parent *p, struct role *r)
{
	if (r->state != ROLE_STARTING)
		return;
	r->state = ROLE_RUNNING;
	if (r->spawn.kind == SPAWN_KEEPER && !p->served)
		serve(p);
	if (r->spawn.kind == SPAWN_KEEPER && p->readonly) {
		log_notice("the store can be written again");
		p->readonly = false;
		reload_begin(p); /* workers that opened it without its reader slots must go */
	}
	if (r->spawn.kind == SPAWN_WORKER && !p->announced)
		announce(p);
	reload_check(p);
}

/* A role is gone: restart it, unless it was told to go, or the daemon could not even start. */
static void
on_gone(struct parent *p, struct role *r, const char *how)
{
	uint32_t most = r->spawn.kind == SPAWN_KEEPER ? KEEPER_RESTART_MAX_MS : RESTART_MAX_MS;
	bool lived = clock_mono_ms() - r->at >= LIVED_MS, never_ran = r->state == ROLE_STARTING;

	if (r->spawn.channel >= 0)
		close(r->spawn.channel);
	r->spawn.channel = -1;
	r->spawn.pid = 0;
	servers_forget_role(p->servers, (size_t)(r - p->roles));
	if (r->state == ROLE_LEAVING || p->stopping) {
		role_release(r);
		return;
	}
	if (r->fresh) {
		role_release(r); /* first: it is not to be told to leave */
		reload_undo(p, "a new worker did not start; see the log");
		return;
	}
	if (p->next && r->spawn.kind == SPAWN_KEEPER)
		reload_undo(p, "the keeper has ended meanwhile");
	log_err("%s %s%s", role_name(r), how, p->served ? "; starting it again" : "");
	if (never_ran && !p->served) {
		p->exit_code = EXIT_FAILURE;
		p->stopping = true;
		role_release(r);
		return;
	}
	atomic_fetch_add(&p->status->worker_restarts, 1);
	r->delay_ms = lived ? 0 : r->delay_ms ? r->delay_ms * 2 : 50;
	if (never_ran && r->spawn.kind == SPAWN_KEEPER && r->delay_ms < LIVED_MS)
		r->delay_ms = LIVED_MS; /* the store is in its way, and that lasts */
	if (r->delay_ms > most)
		r->delay_ms = most;
	r->state = ROLE_WAITING;
	r->at = clock_mono_ms() + r->delay_ms;
}

static void
on_child(struct parent *p)
{
	char how[64];
	int st;

	for (size_t i = 0; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		/* By pid: with --single other children are not ours to wait for. */
		if (!role_is_alive(r) || r->spawn.pid <= 0 ||
		    waitpid(r->spawn.pid, &st, WNOHANG) != r->spawn.pid)
			continue;
		if (WIFSIGNALED(st))
			snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(st));
		else
			snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(st));
		on_gone(p, r, how);
	}
}

static void
stop(struct parent *p)
{
	int64_t now = clock_mono_ms();

	if (p->next)
		reload_undo(p, "certd is stopping");
	log_notice("stopping%s", p->stopping ? " at once" : "");
	for (size_t i = 0; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];
		bool drain = r->spawn.kind == SPAWN_WORKER && !p->stopping;

		if (role_is_alive(r))
			role_leave(r, drain ? ROLE_DRAIN : ROLE_QUIT,
			           now + QUIT_GRACE_MS + (drain ? STOP_GRACE_MS : 0));
		else if (r->state == ROLE_WAITING)
			role_release(r);
	}
	p->stop_at = now + STOP_GRACE_MS;
	p->stopping = true;
	sockets_close(&p->sockets);
}

static void
on_signal(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			on_child(p);
		else if (si.ssi_signo == SIGHUP)
			role_say(&p->roles[KEEPER], ROLE_RELOAD, NULL);
		else
			stop(p);
	}
}

static void
on_channel(struct parent *p, struct role *r)
{
	char message[ROLE_MESSAGE_MAX];
	ssize_t n = recv(r->spawn.channel, message, sizeof(message), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (p->config->single) {
			spawn_join(&r->spawn);
			on_gone(p, r, "ended");
			return;
		}
		close(r->spawn.channel); /* SIGCHLD tells the rest */
		r->spawn.channel = -1;
		return;
	}
	if (message[0] == ROLE_READY)
		on_ready(p, r);
	else if (message[0] == ROLE_RELOAD)
		reload_begin(p);
	else if (message[0] == ROLE_MASTER)
		role_refresh_master(p, false);
}

/* What is due by the clock: restarts, the end of a grace, kills. Answers ms until the next such. */
static int
on_time(struct parent *p)
{
	int64_t now = clock_mono_ms(), next = now + 60000;

	for (size_t i = 0; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		if (r->state == ROLE_WAITING && r->at <= now)
			role_start(p, r);
		else if (r->state == ROLE_LEAVING && p->stopping && p->stop_at <= now)
			role_say(r, ROLE_QUIT, NULL);
		if (r->state == ROLE_LEAVING && r->at <= now && r->spawn.pid > 0) {
			log_warn("a %s does not end: killing it", role_name(r));
			kill(r->spawn.pid, SIGKILL);
			r->at = INT64_MAX - 1;
		}
		if ((r->state == ROLE_WAITING || r->state == ROLE_LEAVING) && r->at < next)
			next = r->at;
	}
	if (p->stopping && p->stop_at > now && p->stop_at < next)
		next = p->stop_at;
	return next > now ? (int)(next - now) : 0;
}

static bool
any_alive(const struct parent *p)
{
	for (size_t i = 0; i < ROLES_MAX; i++)
		if (role_is_alive(&p->roles[i]))
			return true;
	return false;
}

static void
run(struct parent *p)
{
	struct pollfd fds[ROLES_MAX + 1];
	struct role *of[ROLES_MAX + 1];

	while (!p->stopping || any_alive(p)) {
		int timeout = on_time(p), n = 1;

		fds[0] = (struct pollfd){.fd = p->signal_fd, .events = POLLIN};
		for (size_t i = 0; i < ROLES_MAX; i++) {
			if (!role_is_alive(&p->roles[i]) || p->roles[i].spawn.channel < 0)
				continue;
			fds[n] = (struct pollfd){.fd = p->roles[i].spawn.channel, .events = POLLIN};
			of[n++] = &p->roles[i];
		}
		if (poll(fds, (nfds_t)n, timeout) < 0 && errno != EINTR)
			return;
		for (int i = 1; i < n; i++)
			if (fds[i].revents && role_is_alive(of[i]) &&
			    of[i]->spawn.channel == fds[i].fd)
				on_channel(p, of[i]);
		if (fds[0].revents)
			on_signal(p);
	}
}

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
	char error[CONF_ERROR_MAX + 1];
	enum err err = p->lock_fd < 0 && !p->readonly ? role_claim_store(p, why) : ERR_OK;

	if (err)
		return err;
	err = sockets_open(p->conf, NULL, NULL, &p->sockets, error, sizeof(error));
	if (err)
		problem_set(why, PROBLEM_INTERNAL, "%s", error);
	return err;
}

/* The key that fits now, and whether the store can be lived with. */
static enum err
look_at_store(struct parent *p, struct problem *why)
{
	enum err err = secret_copy(&p->master, p->config->master);

	if (!err && !p->readonly && master_change_is_open(p->conf))
		err = probe_settle_master(p->conf, why);
	if (err)
		return err;
	role_refresh_master(p, false);
	return probe_store(p->conf, &p->master, why);
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
		err = store_open(p->conf->state_directory, STORE_KEEPER, &p->master, &p->store,
		                 why);
	return err;
}

int
role_parent(const struct role_config *config)
{
	static struct parent parent; /* too large for a stack; there is one */
	struct parent *p = &parent;
	struct problem why = {0};
	struct role *keeper;
	enum err err;

	*p = (struct parent){
		.config = config, .conf = conf_ref(config->conf), .lock_fd = -1, .signal_fd = -1};
	err = prepare(p, &why);
	if (err) {
		log_err("cannot start: %s", why.kind ? why.detail : err_text(err));
		p->exit_code = EXIT_FAILURE;
	} else {
		keeper = role_take(p, SPAWN_KEEPER, p->conf);
		role_start(p, keeper);
		if (p->readonly)
			serve(p);
		run(p);
		log_notice("stopped");
	}
	sockets_close(&p->sockets);
	store_close(p->store);
	secret_done(&p->master);
	status_free(p->status);
	servers_free(p->servers);
	conf_unref(p->conf);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	return p->exit_code;
}
