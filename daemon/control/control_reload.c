/* SPDX-License-Identifier: Apache-2.0 */
/* Reload, all or nothing: the keeper checks the file against what runs and what the store holds,
 * the parent puts new workers in place, and only then does the keeper take the new configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/channel.h"
#include "daemon/conf/conf.h"
#include "daemon/conf/conf_source.h"
#include "daemon/control/control_inside.h"
#include "daemon/order/issuer.h"
#include "daemon/role.h"
#include "daemon/tell/metrics.h"
#include "daemon/tell/teller.h"
#include "daemon/watch/auditor.h"
#include "daemon/watch/demander.h"
#include "daemon/watch/diagnoser.h"
#include "daemon/watch/health.h"
#include "daemon/watch/renewer.h"
#include "daemon/watch/stapler.h"
#include "daemon/watch/upkeep.h"
#include "daemon/watch/warner.h"
#include "store/domain_list.h"
#include "store/store.h"

enum { PIECE_MAX = 64 * 1024 };
enum { DRAIN_BEGIN_MS = 1000 }; /* a worker hears of it, and sweeps every 250 ms */

/* What a running certd cannot change under its own feet. */
static bool
needs_restart(const struct conf *old, const struct conf *new, char *why, size_t size)
{
	const char *what = NULL;

	if (strcmp(old->state_directory, new->state_directory) != 0)
		what = "state-directory";
	else if (strcmp(old->control_socket, new->control_socket) != 0)
		what = "control-socket";
	else if (strcmp(old->master_key, new->master_key) != 0)
		what = "master-key";
	if (what)
		snprintf(why, size, "%s: a change of %s needs a restart, not a reload", new->file,
		         what);
	return what != NULL;
}

/* A ca or backend that names still use must not go. */
static bool
drops_used(struct control *c, const struct conf *new, char *why, size_t size)
{
	struct store_txn *txn;
	uint64_t names = 0;
	bool bad = false;

	if (store_begin_read(c->store, STORE_SERVED, &txn))
		return false;
	for (size_t i = 0; i < c->conf->backend_count && !bad; i++) {
		const char *name = c->conf->backends[i].name;

		bad = !conf_backend(new, name) && !domain_count_backend(txn, name, &names) &&
		      names > 0;
		if (bad)
			snprintf(why, size, "%s: backend %s is gone, but %llu names use it",
			         new->file, name, (unsigned long long)names);
	}
	for (size_t i = 0; i < c->conf->ca_count && !bad; i++) {
		const char *name = c->conf->cas[i].name;

		bad = !conf_ca(new, name) && !domain_count_ca(txn, name, &names) && names > 0;
		if (bad)
			snprintf(why, size, "%s: ca %s is gone, but %llu names use it", new->file,
			         name, (unsigned long long)names);
	}
	store_abort(txn);
	return bad;
}

static void
answer_reload(struct control *c, const char *error)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0 || !cl->reloading)
			continue;
		cl->reloading = false;
		if (error)
			reply_error(cl, MSG_EXIT_FAILED, "config", "%s", error);
		else
			reply_ok(cl);
	}
	history_add(c->store, c->notices, error ? "config.rejected" : "config.reloaded", "", "%s",
	            error ? error : c->conf->file);
}

bool
reload_is_possible(struct control *c, char *why, size_t size)
{
	const struct conf *new = NULL;
	char error[CONF_ERROR_MAX + 1];
	bool refused;

	if (c->next_conf || c->upgrading) {
		snprintf(why, size, "a reload or an upgrade is in work");
		return false;
	}
	refused =
		conf_load(c->conf->file, &new, error) || !reload_fits(c, new, error, sizeof(error));
	if (refused)
		snprintf(why, size, "%s", error);
	conf_unref(new);
	return !refused;
}

bool
reload_fits(struct control *c, const struct conf *new, char *why, size_t size)
{
	return !needs_restart(c->conf, new, why, size) && !drops_used(c, new, why, size);
}

void
reload_ask(struct control *c)
{
	char why[CONF_ERROR_MAX + 1];
	const struct conf *new = NULL;
	const char message = ROLE_RELOAD;

	if (c->next_conf)
		return; /* one is in work: its answer is for all who asked */
	if (c->upgrading) {
		log_warn("reload refused, an upgrade is in work");
		answer_reload(c, "an upgrade is in work");
		return;
	}
	if (conf_load(c->conf->file, &new, why) || !reload_fits(c, new, why, sizeof(why))) {
		log_warn("reload refused, the running configuration stays: %s", why);
		(void)channel_send(c->channel, ROLE_RELOADED, why, -1);
		conf_unref(new);
		answer_reload(c, why);
		return;
	}
	c->next_conf = new;
	if (send(c->channel, &message, 1, MSG_NOSIGNAL) == 1)
		return;
	conf_unref(new);
	c->next_conf = NULL;
	answer_reload(c, strerror(errno));
}

/* How long a replaced worker, which accepts nothing any more, may ask the store. */
static int64_t
longest_handshake_ms(const struct conf *conf)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].handshake_timeout_ms > longest)
			longest = conf->listens[i].handshake_timeout_ms;
	return longest;
}

void
reload_on_message(struct control *c, char message, const char *text)
{
	if (message == ROLE_RELOAD) {
		reload_ask(c);
		return;
	}
	if (message != ROLE_RELOADED || !c->next_conf)
		return;
	if (*text) {
		conf_unref(c->next_conf);
	} else {
		c->rotate_at = clock_mono_ms() + longest_handshake_ms(c->conf) + DRAIN_BEGIN_MS;
		conf_unref(c->conf);
		c->conf = c->next_conf;
		log_set_level(c->conf->log_level);
		control_recheck(c);
		issuer_set_conf(c->issuer, c->conf);
		upkeep_take_conf(c->upkeep, c->conf);
		renewer_set_conf(c->renewer, c->conf);
		stapler_set_conf(c->stapler, c->conf);
		health_set_conf(c->health, c->conf);
		metrics_set_conf(c->metrics, c->conf);
		teller_set_conf(c->teller, c->conf);
		warner_set_conf(c->warner, c->conf);
		diagnoser_set_conf(c->diagnoser, c->conf);
		demander_set_conf(c->demander, c->conf);
		auditor_set_conf(c->auditor, c->conf);
	}
	c->next_conf = NULL;
	answer_reload(c, *text ? text : NULL);
}

void
command_reload(struct control_client *cl, const cJSON *request)
{
	(void)request;
	cl->busy = true;
	cl->reloading = true;
	reload_ask(cl->control);
}

/* Up to 64 KiB of TEXT: whole lines, as far as there are any. */
static size_t
piece_of(const char *text, size_t len)
{
	const char *end;

	if (len <= PIECE_MAX)
		return len;
	end = memrchr(text, '\n', PIECE_MAX);
	return end ? (size_t)(end - text) + 1 : PIECE_MAX;
}

static void
reply_source(struct control_client *cl, const struct conf_source *source)
{
	size_t at = 0, n;

	do {
		cJSON *piece, *line = line_with("config", &piece);
		char text[PIECE_MAX + 1];

		n = piece_of(source->text + at, source->len - at);
		memcpy(text, source->text + at, n);
		text[n] = '\0';
		at += n;
		cJSON_AddStringToObject(piece, "file", source->file);
		cJSON_AddStringToObject(piece, "text", text);
		reply_json(cl, line);
	} while (at < source->len);
}

void
command_config_show(struct control_client *cl, const cJSON *request)
{
	const struct conf *conf = cl->control->conf, *on_disk = NULL;
	char why[CONF_ERROR_MAX + 1];

	if (json_bool(request, "on_disk", false)) {
		if (conf_load(conf->file, &on_disk, why)) {
			reply_error(cl, MSG_EXIT_FAILED, "config", "%s", why);
			return;
		}
		conf = on_disk;
	}
	for (const struct conf_source *s = conf->sources; s; s = s->next)
		reply_source(cl, s);
	reply_ok(cl);
	conf_unref(on_disk);
}

void
command_config_check(struct control_client *cl, const cJSON *request)
{
	const char *file = json_text(request, "file"); /* its words come back in errors */
	char why[CONF_ERROR_MAX + 1];
	const struct conf *conf = NULL;

	if (file && may_not(cl, "a file by its name", RIGHTS_OWNER))
		return;
	if (conf_load(file ? file : cl->control->conf->file, &conf, why))
		reply_error(cl, MSG_EXIT_FAILED, "config", "%s", why);
	else
		reply_ok(cl);
	conf_unref(conf);
}
