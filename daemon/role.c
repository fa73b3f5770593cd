/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/role.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/notify.h"
#include "daemon/role_inside.h"

enum { STOP_GRACE_MS = 5000 }; /* for open connections when we stop */

void
role_serve(struct parent *p)
{
	p->served = true;
	if (role_start_workers(p, p->conf, &p->sockets, false))
		log_err("too many workers");
}

void
role_announce(struct parent *p)
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
	notify_say("READY=1\nMAINPID=%d", (int)getpid());
}

/* A keeper that was killed when it had changed the master key could not ask for new workers. */
static void
replace_stale(struct parent *p, struct role *keeper)
{
	bool any = false;

	for (size_t i = 0; i < ROLES_MAX; i++)
		any = any || role_is_stale(p, &p->roles[i]);
	if (any)
		role_say(keeper, ROLE_RELOAD, NULL);
}

static void
on_keeper_ready(struct parent *p, struct role *keeper)
{
	p->news = (struct news){0}; /* it has written them */
	if (p->control_fd >= 0)
		close(p->control_fd);
	p->control_fd = -1;
	if (!p->served)
		role_serve(p);
	if (!p->readonly) {
		replace_stale(p, keeper);
		return;
	}
	log_notice("the store can be written again");
	p->readonly = false;
	/* Workers that opened it without its reader slots must go. By way of the keeper, which has
	 * to take the same configuration as they. */
	role_say(keeper, ROLE_RELOAD, NULL);
}

static void
on_ready(struct parent *p, struct role *r)
{
	if (r->state != ROLE_STARTING)
		return;
	r->state = ROLE_RUNNING;
	r->silent = 0;
	if (r->spawn.kind == SPAWN_KEEPER)
		on_keeper_ready(p, r);
	if (r->spawn.kind == SPAWN_WORKER && !p->announced && !p->elder.held)
		role_announce(p);
	reload_check(p);
	takeover_on_ready(p);
}

/* Whatever is in work that can be taken back. */
static void
undo(struct parent *p, const char *why)
{
	if (p->next)
		reload_undo(p, why);
	if (p->heir.state == HEIR_STARTING)
		upgrade_refuse(p, why);
	if (p->elder.held)
		takeover_refuse(p, why);
}

/* A role is gone: restart it, unless it was told to go, or the daemon could not even start. */
static void
on_gone(struct parent *p, struct role *r, const char *how)
{
	bool never_ran = r->state == ROLE_STARTING;

	if (r->spawn.channel >= 0)
		close(r->spawn.channel);
	r->spawn.channel = -1;
	r->spawn.pid = 0;
	servers_forget_role(p->servers, (size_t)(r - p->roles));
	if (r->state == ROLE_LEAVING || p->stopping) {
		role_release(r);
		if (r == &p->roles[KEEPER])
			upgrade_on_keeper_gone(p);
		return;
	}
	if (r->fresh) {
		role_release(r); /* first: it is not to be told to leave */
		undo(p, "a new worker did not start; see the log");
		return;
	}
	if (r->spawn.kind == SPAWN_KEEPER)
		undo(p, "the keeper has ended meanwhile");
	log_err("%s %s%s", role_name(r), how, p->served ? "; starting it again" : "");
	if (never_ran && !p->served && !role_has_crashed(r)) {
		p->exit_code = EXIT_FAILURE;
		p->stopping = true;
		role_release(r);
		return;
	}
	role_plan_restart(p, r, never_ran);
	if (!p->served)
		role_serve(p); /* the keeper may never live: workers only read */
}

void
role_stop(struct parent *p)
{
	int64_t now = clock_mono_ms();

	if (!p->stopping)
		undo(p, "certd is stopping");
	if (p->elder.channel >= 0)
		(void)channel_send(p->elder.channel, ROLE_QUIT, NULL, -1);
	if (p->announced && p->heir.state == HEIR_NONE)
		notify_say("STOPPING=1"); /* the main process alone may say so */
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

/* A worker meets records that its master key does not open. If ours is another it is started again
 * with that, unless it is being replaced; if not, it is the data key that is damaged. */
static void
on_locked_out(struct parent *p, struct role *r)
{
	role_refresh_master(p);
	if (p->next)
		return;
	if (!role_is_stale(p, r)) {
		log_err("the store has a data key that the master key does not open: names under "
		        "it "
		        "are not served; restore a backup");
		return;
	}
	log_err("front worker %u has an older master key than the store: it ends, to start again "
	        "with the new one",
	        r->spawn.slot);
	role_say(r, ROLE_QUIT, NULL);
}

/* Who has taken over a worker can say what he likes: from there nothing else is listened to. */
static void
take_from_worker(struct parent *p, struct role *r, char message)
{
	if (message == ROLE_READY)
		on_ready(p, r);
	else if (message == ROLE_MASTER)
		on_locked_out(p, r);
	else if (r->spawn.pid > 0 && r->state != ROLE_LEAVING) {
		log_err("front worker %u says what no worker says: killing it", r->spawn.slot);
		kill(r->spawn.pid, SIGKILL);
	}
}

static void
take_message(struct parent *p, struct role *r, const char *message, int passed)
{
	if (r->spawn.kind == SPAWN_WORKER)
		take_from_worker(p, r, message[0]);
	else if (message[0] == ROLE_READY)
		on_ready(p, r);
	else if (message[0] == ROLE_RELOAD)
		reload_begin(p);
	else if (message[0] == ROLE_RELOADED)
		notify_refused(message + 1);
	else if (message[0] == ROLE_MASTER)
		role_refresh_master(p);
	else if (message[0] == ROLE_UPGRADE)
		upgrade_begin(p);
	else if (message[0] == ROLE_CONTROL)
		passed = upgrade_pass_control(p, passed);
	if (passed >= 0)
		close(passed);
}

/* False when nothing has come, or nothing ever will. */
static bool
read_channel(struct parent *p, struct role *r)
{
	char message[ROLE_MESSAGE_MAX];
	int passed;
	ssize_t n = channel_recv(r->spawn.channel, message, sizeof(message), &passed);

	if (n > 0) {
		take_message(p, r, message, passed);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (p->config->single) {
		spawn_join(&r->spawn);
		on_gone(p, r, "ended");
		return false;
	}
	close(r->spawn.channel); /* SIGCHLD tells the rest */
	r->spawn.channel = -1;
	return false;
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
		/* What it has said before its end counts: the control socket may be in there. */
		while (r->spawn.channel >= 0 && read_channel(p, r))
			;
		r->killed_by = WIFSIGNALED(st) ? WTERMSIG(st) : 0;
		if (WIFSIGNALED(st))
			snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(st));
		else
			snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(st));
		on_gone(p, r, how);
	}
}

static void
on_signal(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			on_child(p);
			upgrade_on_child(p);
		} else if (si.ssi_signo == SIGHUP)
			role_say(&p->roles[KEEPER], ROLE_RELOAD, NULL);
		else
			role_stop(p);
	}
}

/* What is due by the clock: restarts, the end of a grace, kills. Answers ms until the next such. */
static int
on_time(struct parent *p)
{
	int64_t now = clock_mono_ms(), next = upgrade_on_time(p), look_at = watch_on_time(p);

	for (size_t i = 0; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		role_retry_writing(p, r, now);
		if (r->state == ROLE_WAITING && r->at <= now)
			role_start(p, r);
		else if (r->state == ROLE_LEAVING && p->stopping && p->stop_at <= now)
			role_say(r, ROLE_QUIT, NULL);
		if (r->state == ROLE_LEAVING && r->at <= now && r->spawn.pid > 0) {
			log_warn("a %s does not end: killing it", role_name(r));
			kill(r->spawn.pid, SIGKILL);
			r->at = INT64_MAX; /* once is enough */
		}
		if ((r->state == ROLE_WAITING || r->state == ROLE_LEAVING) && r->at < next)
			next = r->at;
	}
	if (p->stopping && p->stop_at > now && p->stop_at < next)
		next = p->stop_at;
	if (look_at < next)
		next = look_at;
	return next > now ? (int)(next - now) : 0;
}

bool
role_any_alive(const struct parent *p)
{
	for (size_t i = 0; i < ROLES_MAX; i++)
		if (role_is_alive(&p->roles[i]))
			return true;
	return false;
}

/* The parent's own descriptors; those behind them belong to roles. */
enum { SIGNALS, HEIR, ELDER, FIRST_ROLE };

void
role_run(struct parent *p)
{
	struct pollfd fds[FIRST_ROLE + ROLES_MAX];
	struct role *of[FIRST_ROLE + ROLES_MAX];

	while (!p->stopping || role_any_alive(p)) {
		int timeout = on_time(p), n = FIRST_ROLE;

		fds[SIGNALS] = (struct pollfd){.fd = p->signal_fd, .events = POLLIN};
		fds[HEIR] = (struct pollfd){.fd = p->heir.channel, .events = POLLIN};
		fds[ELDER] = (struct pollfd){.fd = p->elder.channel, .events = POLLIN};
		for (size_t i = 0; i < ROLES_MAX; i++) {
			if (!role_is_alive(&p->roles[i]) || p->roles[i].spawn.channel < 0)
				continue;
			fds[n] = (struct pollfd){.fd = p->roles[i].spawn.channel, .events = POLLIN};
			of[n++] = &p->roles[i];
		}
		if (poll(fds, (nfds_t)n, timeout) < 0 && errno != EINTR)
			return;
		for (int i = FIRST_ROLE; i < n; i++)
			if (fds[i].revents && role_is_alive(of[i]) &&
			    of[i]->spawn.channel == fds[i].fd)
				(void)read_channel(p, of[i]);
		if (fds[HEIR].revents && p->heir.channel == fds[HEIR].fd)
			upgrade_on_heir(p);
		if (fds[ELDER].revents && p->elder.channel == fds[ELDER].fd)
			takeover_on_elder(p);
		if (fds[SIGNALS].revents)
			on_signal(p);
	}
}
