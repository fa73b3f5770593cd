/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrade: the parent starts the new certd; when that is ready we answer whoever is under way, give
 * the control socket away and go. Clients that connect meanwhile wait in that socket's queue. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/common/history.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/control/control_inside.h"
#include "daemon/role.h"

enum {
	LEAVE_MS = 10000, /* for imports under way */
	READ_MS = 2000,   /* for clients to read what we have sent */
	LAST_CALL_MS = 20,
};

static void
refuse(struct control *c, const char *why)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0 || !cl->upgrading)
			continue;
		cl->upgrading = false;
		reply_error(cl, MSG_EXIT_FAILED, "upgrade", "%s", why);
	}
	c->upgrading = false;
	history_add(c->store, c->notices, "upgrade.failed", "", "%s", why);
}

/* Words that the new program knows and we do not are no fault. */
static bool
is_conf_fit(struct control *c, char *why, size_t size)
{
	char ignored[CONF_ERROR_MAX + 1];
	const struct conf *new = NULL;
	bool fit = conf_load(c->conf->file, &new, ignored) || reload_fits(c, new, why, size);

	conf_unref(new);
	return fit;
}

void
command_upgrade(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	char why[CONF_ERROR_MAX + 1];
	bool asked = c->upgrading;

	(void)request;
	if (c->next_conf || c->backup) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy", "a %s is in work: try again after it",
		            c->backup ? "backup" : "reload");
		return;
	}
	cl->busy = true;
	cl->upgrading = true;
	c->upgrading = true;
	if (asked)
		return; /* its answer is for all who asked */
	if (!is_conf_fit(c, why, sizeof(why)))
		refuse(c, why);
	else if (!channel_send(c->channel, ROLE_UPGRADE, NULL, -1))
		refuse(c, strerror(errno));
}

/* ---- going ---------------------------------------------------------------------------------- */

void
upgrade_turn_away(struct control_client *cl)
{
	reply_error(cl, MSG_EXIT_CONFLICT, "busy",
	            "certd is being upgraded and has not done this: send it again");
	cl->closing = true;
}

static void
answer_upgrade(struct control_client *cl, int pid, const char *version)
{
	cJSON *upgrade, *line = line_with("upgrade", &upgrade);

	cl->upgrading = false;
	cJSON_AddNumberToObject(upgrade, "pid", pid);
	cJSON_AddStringToObject(upgrade, "version", version);
	reply_json(cl, line);
	reply_ok(cl);
}

/* Imports are finished. Who waits for names or events comes back to the new keeper, and a check is
 * begun anew there. */
static void
end_client(struct control_client *cl)
{
	if (cl->fd < 0 || cl->import || cl->closing)
		return;
	if (cl->checking) {
		cl->checking = false;
		upgrade_turn_away(cl);
	}
	if (!cl->busy && cl->in.len && memchr(cl->in.data, '\n', cl->in.len))
		upgrade_turn_away(cl);
	cl->closing = true; /* by the next tick, when it has read our answers */
}

static void
leave(struct control *c, const char *text)
{
	const char *version = strchr(text, ' ');

	c->leave_by = clock_mono_ms() + LEAVE_MS;
	log_notice("process %d takes over: no more requests here", atoi(text));
	loop_want(c->listen_watch, 0);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].upgrading)
			answer_upgrade(&c->clients[i], atoi(text), version ? version + 1 : "?");
	loop_timer_start(c->timer, LAST_CALL_MS); /* what is sent already is answered */
}

void
upgrade_on_timer(struct control *c)
{
	int64_t now = clock_mono_ms();
	bool open = false, importing = false;

	if (!c->leave_by)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		end_client(&c->clients[i]);
		open = open || c->clients[i].fd >= 0;
		importing = importing || c->clients[i].import;
	}
	if (now < c->leave_by && (importing || (open && now < c->leave_by - LEAVE_MS + READ_MS)))
		return;
	(void)channel_send(c->channel, ROLE_CONTROL, NULL, c->listen_fd);
	loop_stop(c->loop);
}

void
upgrade_on_message(struct control *c, char message, const char *text)
{
	if (message == ROLE_REFUSED && c->upgrading) {
		log_warn("no upgrade: %s", text);
		refuse(c, text);
	} else if (message == ROLE_UPGRADED && !c->leave_by) {
		leave(c, text);
	}
}
