/* SPDX-License-Identifier: Apache-2.0 */
/* An upgrade, seen by the certd that takes the place of another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/inherit.h"
#include "daemon/master.h"
#include "daemon/notify.h"
#include "daemon/probe.h"
#include "daemon/role_inside.h"

/* Read only: the other one's keeper writes. */
enum err
takeover_look_at_store(struct parent *p, struct problem *why)
{
	enum err err;

	role_refresh_master(p);
	err = probe_open(p->conf, &p->master, why);
	p->elder.older = err == ERR_NOTFOUND;
	return p->elder.older ? ERR_OK : err;
}

static void
say_ready(struct parent *p)
{
	p->elder.told = true;
	/* It may end after this without us: then its channel's end tells what to do. */
	prctl(PR_SET_PDEATHSIG, 0);
	(void)channel_send(p->elder.channel, ROLE_READY, CERTD_VERSION, -1);
}

void
takeover_begin(struct parent *p)
{
	p->served = !p->elder.older;
	if (p->elder.older)
		say_ready(p);
	else if (role_start_workers(p, p->conf, &p->sockets, true))
		takeover_refuse(p, "too many workers");
}

void
takeover_refuse(struct parent *p, const char *why)
{
	log_err("not taking over: %s", why);
	(void)channel_send(p->elder.channel, ROLE_REFUSED, why, -1);
	close(p->elder.channel); /* our stop is no business of its own */
	p->elder.channel = -1;
	p->elder.held = false;
	p->exit_code = EXIT_FAILURE;
	role_stop(p);
}

void
takeover_on_ready(struct parent *p)
{
	if (p->elder.channel < 0 || p->elder.told)
		return;
	if (p->elder.held) {
		for (size_t i = 0; i < ROLES_MAX; i++)
			if (p->roles[i].state == ROLE_STARTING)
				return;
		say_ready(p);
		return;
	}
	/* A worker that has died since is no matter of the old one's. */
	if (p->roles[KEEPER].state != ROLE_RUNNING || !p->announced)
		return;
	p->elder.told = true;
	(void)channel_send(p->elder.channel, ROLE_WHOLE, NULL, -1);
	log_notice("upgrade: done");
}

/* All is ours from here on, but the store, which is free as soon as its keeper has gone. */
static void
take_over(struct parent *p)
{
	struct role *keeper = role_take(p, SPAWN_KEEPER, p->conf);
	struct inherited *in = p->config->inherited;

	p->elder.held = false;
	p->elder.told = false;
	for (size_t i = KEEPER + 1; i < ROLES_MAX; i++)
		if (p->roles[i].fresh)
			role_let_serve(&p->roles[i]);
	p->news = (struct news){.type = "upgrade.done"};
	snprintf(p->news.detail, sizeof(p->news.detail),
	         "certd %s, process %d, in place of certd %.32s, process %d", CERTD_VERSION,
	         (int)getpid(), in->version ? in->version : "?", in->pid);
	keeper->state = ROLE_WAITING;
	keeper->at = INT64_MAX;
	notify_store(&p->sockets, in->fds, in->count);
	inherit_done(in); /* what is used is duplicated */
	if (p->served)
		role_announce(p);
}

/* Its keeper has gone, or all of it: then its keeper goes too, by and by. */
static void
claim_store(struct parent *p)
{
	struct role *keeper = &p->roles[KEEPER];

	if (keeper->state != ROLE_WAITING || keeper->at != INT64_MAX)
		return;
	keeper->at = clock_mono_ms();
	p->claim_until = keeper->at + CLAIM_FOR_MS;
}

static void
lose_elder(struct parent *p)
{
	bool held = p->elder.held;

	close(p->elder.channel);
	p->elder.channel = -1;
	p->elder.held = false;
	status_forget_gauges(p->status);
	claim_store(p);
	if (!held || p->stopping)
		return;
	log_err("the certd to be replaced has ended before it handed over: so do we");
	p->exit_code = EXIT_FAILURE;
	role_stop(p);
}

void
takeover_on_elder(struct parent *p)
{
	char message[ROLE_MESSAGE_MAX];
	int passed;
	ssize_t n = channel_recv(p->elder.channel, message, sizeof(message), &passed);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		lose_elder(p);
	else if (message[0] == ROLE_SERVE && p->elder.held && !p->stopping)
		take_over(p);
	else if (message[0] == ROLE_RELEASED)
		claim_store(p);
	else if (message[0] == ROLE_COUNTS)
		status_take(p->status, message + 1);
	else if (message[0] == ROLE_CONTROL && p->control_fd < 0) {
		p->control_fd = passed;
		passed = -1;
	}
	if (passed >= 0)
		close(passed);
}
