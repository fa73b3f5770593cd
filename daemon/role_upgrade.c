/* SPDX-License-Identifier: Apache-2.0 */
/* An upgrade, seen by the certd that is replaced. docs/architecture.md has the order of things and
 * what a kill at each point leaves. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/front/worker.h"
#include "daemon/inherit.h"
#include "daemon/notify.h"
#include "daemon/role_inside.h"

/* ---- the new program ------------------------------------------------------------------------ */

/* Until it is ready it ends with us, whatever it does; then it sees to that by itself. */
static _Noreturn void
become_heir(const struct parent *p, int channel, pid_t parent)
{
	char *const *argv = p->config->argv;
	char why[ROLE_MESSAGE_MAX];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	errno = ENOMEM;
	if (inherit_leave(p->conf, &p->sockets, channel, (int)parent) == ERR_OK) {
		signal(SIGPIPE, SIG_DFL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (strchr(argv[0], '/'))
			execv(argv[0], argv); /* which runs no script without "#!" */
		else
			execvp(argv[0], argv);
	}
	snprintf(why, sizeof(why), "cannot start %s: %s", argv[0], strerror(errno));
	(void)channel_send(channel, ROLE_REFUSED, why, -1);
	_exit(127);
}

static bool
start_heir(struct parent *p)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		become_heir(p, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return false;
	}
	p->heir = (struct heir){.state = HEIR_STARTING,
	                        .pid = pid,
	                        .channel = pair[0],
	                        .at = clock_mono_ms() + UPGRADE_READY_MS};
	return true;
}

static void
close_heir(struct parent *p)
{
	if (p->heir.channel >= 0)
		close(p->heir.channel);
	p->heir = (struct heir){.channel = -1};
}

void
upgrade_begin(struct parent *p)
{
	const char *why = NULL;

	if (p->heir.state != HEIR_NONE || p->stopping)
		why = "an upgrade or a stop is in work";
	else if (p->next)
		why = "a reload is in work";
	else if (p->elder.channel >= 0 && !p->elder.told)
		why = "the last upgrade is not through yet";
	else if (p->config->single)
		why = "certd --single is for debuggers: stop it and start the new one";
	else if (getpid() == 1)
		why = "certd is process 1 here, and with that everything ends: start a new "
		      "container in its place";
	else if (!start_heir(p))
		why = "no process can be started";
	if (why)
		role_say(&p->roles[KEEPER], ROLE_REFUSED, why);
	else
		log_notice("upgrade: starting %s as process %d", p->config->argv[0],
		           (int)p->heir.pid);
}

void
upgrade_refuse(struct parent *p, const char *why)
{
	if (p->heir.pid > 0) {
		kill(p->heir.pid, SIGKILL);
		while (waitpid(p->heir.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_heir(p);
	log_warn("no upgrade, this certd goes on: %s", why);
	role_say(&p->roles[KEEPER], ROLE_REFUSED, why);
}

/* ---- handing over --------------------------------------------------------------------------- */

/* From here on it is the certd, and lives on whatever becomes of us. */
static void
hand_over(struct parent *p, const char *version)
{
	struct role *keeper = &p->roles[KEEPER];
	int64_t now = clock_mono_ms();
	char text[128];

	if (!channel_send(p->heir.channel, ROLE_SERVE, NULL, -1)) {
		upgrade_refuse(p, "the new certd has ended; see the log");
		return;
	}
	p->heir.state = HEIR_TAKING;
	p->heir.at = now + WORKER_DRAIN_MS;
	notify_say("MAINPID=%d\nSTATUS=", (int)p->heir.pid);
	log_notice("upgrade: process %d, certd %.32s, takes over", (int)p->heir.pid, version);
	for (size_t i = KEEPER + 1; i < ROLES_MAX; i++) {
		struct role *r = &p->roles[i];

		if (r->state == ROLE_STARTING || r->state == ROLE_RUNNING)
			role_drain(r);
		else if (r->state == ROLE_WAITING)
			role_release(r);
	}
	snprintf(text, sizeof(text), "%d %.32s", (int)p->heir.pid, version);
	role_say(keeper, ROLE_UPGRADED, text);
	role_leave(keeper, 0, now + UPGRADE_LEAVE_MS);
}

/* It has all: what we kept for the case that it fails goes. */
static void
be_done(struct parent *p)
{
	p->heir.state = HEIR_WHOLE;
	p->heir.at = clock_mono_ms();
	sockets_close(&p->sockets);
	if (p->control_fd >= 0)
		close(p->control_fd);
	p->control_fd = -1;
	log_notice("upgrade: done; open connections have %d s to end", WORKER_DRAIN_MS / 1000);
}

static void
start_keeper(struct parent *p)
{
	struct role *keeper = role_take(p, SPAWN_KEEPER, p->conf);

	p->claim_until = clock_mono_ms() + CLAIM_FOR_MS;
	role_start(p, keeper);
}

/* The new one has died before it had everything: we still have the sockets and our program. */
static void
take_back(struct parent *p, pid_t heir, const char *how)
{
	log_err("the new certd %s before it had taken over: this one serves again", how);
	p->news = (struct news){.type = "upgrade.failed"};
	snprintf(p->news.detail, sizeof(p->news.detail),
	         "process %d %s before it had taken over: process %d serves again", (int)heir, how,
	         (int)getpid());
	close_heir(p);
	notify_say("MAINPID=%d", (int)getpid());
	if (role_start_workers(p, p->conf, &p->sockets, false))
		log_err("too many workers are draining");
	if (p->roles[KEEPER].state == ROLE_FREE)
		start_keeper(p);
}

void
upgrade_on_keeper_gone(struct parent *p)
{
	if (p->heir.state != HEIR_NONE) {
		if (p->lock_fd >= 0)
			close(p->lock_fd);
		p->lock_fd = -1;
		(void)channel_send(p->heir.channel, ROLE_RELEASED, NULL, -1);
	} else if (!p->stopping) {
		start_keeper(p); /* it was to go for an upgrade that has failed since */
	}
}

int
upgrade_pass_control(struct parent *p, int control_fd)
{
	bool taken_back = p->heir.state == HEIR_NONE && !p->stopping;

	if ((p->heir.state != HEIR_TAKING && !taken_back) || p->control_fd >= 0)
		return control_fd;
	p->control_fd = control_fd; /* our own next keeper's, if it comes to that */
	if (!taken_back)
		(void)channel_send(p->heir.channel, ROLE_CONTROL, NULL, control_fd);
	return -1;
}

/* ---- what happens --------------------------------------------------------------------------- */

/* False when nothing has come. */
static bool
read_heir(struct parent *p)
{
	char message[ROLE_MESSAGE_MAX];
	ssize_t n = channel_recv(p->heir.channel, message, sizeof(message), NULL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(p->heir.channel); /* SIGCHLD tells the rest */
		p->heir.channel = -1;
	} else if (p->heir.state == HEIR_STARTING) {
		if (message[0] == ROLE_READY && p->heir.pid > 0)
			hand_over(p, message + 1);
		else if (message[0] == ROLE_REFUSED)
			upgrade_refuse(p, message + 1);
	} else if (message[0] == ROLE_WHOLE && p->heir.state == HEIR_TAKING) {
		be_done(p);
	} else if (message[0] == ROLE_QUIT && !p->stopping) {
		role_stop(p); /* whoever stops the one means the other too */
	}
	return true;
}

void
upgrade_on_heir(struct parent *p)
{
	(void)read_heir(p);
}

void
upgrade_on_child(struct parent *p)
{
	pid_t heir = p->heir.pid;
	char how[80], why[160];
	int st;

	if (heir <= 0 || waitpid(heir, &st, WNOHANG) != heir)
		return;
	p->heir.pid = 0;
	if (WIFSIGNALED(st))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(st));
	else
		snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(st));
	/* What it has said before its end tells more than the end. */
	while (p->heir.channel >= 0 && read_heir(p))
		;
	if (p->heir.state == HEIR_STARTING) {
		snprintf(why, sizeof(why), "the new certd %s; see the log", how);
		upgrade_refuse(p, why);
	} else if (p->heir.state == HEIR_TAKING && !p->stopping) {
		take_back(p, heir, how);
	}
}

static void
tell_counts(struct parent *p)
{
	char text[ROLE_MESSAGE_MAX - 1];

	for (int at = 0; at < STATUS_PRINT_END && p->heir.channel >= 0;) {
		at = status_print(p->status, at, text, sizeof(text));
		(void)channel_send(p->heir.channel, ROLE_COUNTS, text, -1);
	}
}

int64_t
upgrade_on_time(struct parent *p)
{
	int64_t now = clock_mono_ms(), later = now + 60000;

	if (p->heir.state == HEIR_STARTING && p->heir.at <= now)
		upgrade_refuse(p, "the new certd was not ready within 30 s");
	if (p->heir.state == HEIR_TAKING && p->heir.at <= now)
		be_done(p); /* its keeper may be at it for long; nothing of ours helps it */
	if (p->heir.state == HEIR_WHOLE && p->heir.at <= now) {
		tell_counts(p);
		p->heir.at = now + COUNTS_MS;
	}
	/* One that drains for us tells its counters to us, so we stay to pass them on. */
	if (p->heir.state == HEIR_WHOLE && !role_any_alive(p) && p->elder.channel < 0) {
		tell_counts(p);
		p->stopping = true;
		return now;
	}
	return p->heir.state != HEIR_NONE && p->heir.at < later ? p->heir.at : later;
}
