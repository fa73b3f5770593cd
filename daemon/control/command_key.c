/* SPDX-License-Identifier: Apache-2.0 */
/* key.status, key.rotate, key.master: the keys that the store is sealed with. key.tickets: those of
 * session tickets. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/master.h"
#include "daemon/role.h"
#include "daemon/watch/upkeep.h"
#include "store/rotate.h"
#include "store/store.h"

enum { ROTATE_WAIT_MS = 30 * 1000 }; /* less than any client's patience */

void
add_keys(cJSON *object, struct control *c)
{
	cJSON *keys = cJSON_AddObjectToObject(object, "keys");
	struct store_rotation rotation = {0};

	if (store_rotation(c->store, &rotation))
		return;
	cJSON_AddNumberToObject(keys, "key_id", rotation.key_id);
	cJSON_AddBoolToObject(keys, "rotating", rotation.running);
	if (rotation.running)
		cJSON_AddNumberToObject(keys, "left", (double)rotation.left);
}

void
command_key_status(struct control_client *cl, const cJSON *request)
{
	cJSON *line = cJSON_CreateObject();

	(void)request;
	add_keys(line, cl->control);
	reply_json(cl, line);
	reply_ok(cl);
}

/* Both change private/ first, and served/ could not follow. True: answered. */
static bool
refuse_careful(struct control_client *cl)
{
	if (upkeep_writes(cl->control->upkeep))
		return false;
	reply_error(cl, MSG_EXIT_CONFLICT, "damaged",
	            "nothing was changed: pages of served/data.mdb are damaged, so nothing is "
	            "written there; stop certd and run certctl db compact, or restore a backup, "
	            "first");
	return true;
}

static void
rotate(struct control_client *cl)
{
	struct control *c = cl->control;
	enum err err = store_key_rotate_begin(c->store);

	if (err == ERR_BUSY) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "a rotation is running: certctl key status tells how far it is");
		return;
	}
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	log_notice("new data keys: older records are moved under them in the background");
	history_add(c->store, c->notices, "key.rotating", "",
	            "new records are under new data keys, older ones are being moved");
	upkeep_wake(c->upkeep);
	command_key_status(cl, NULL);
}

void
keys_on_timer(struct control *c)
{
	if (c->next_conf || clock_mono_ms() < c->rotate_at)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0 || !cl->rotating)
			continue;
		cl->rotating = false;
		rotate(cl);
	}
}

/* Workers that a reload has replaced end their handshakes with the master key they have, which may
 * not open a data key to come: it comes when no handshake of theirs can be left. */
void
command_key_rotate(struct control_client *cl, const cJSON *request)
{
	int64_t left_ms = cl->control->rotate_at - clock_mono_ms();

	(void)request;
	if (refuse_careful(cl))
		return;
	if (cl->control->upgrading) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "an upgrade is in work: try again when it is done");
		return;
	}
	if (left_ms > ROTATE_WAIT_MS) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "workers that were replaced end their handshakes first: try again in "
		            "%" PRId64 " s",
		            left_ms / 1000 + 1);
		return;
	}
	cl->busy = true;
	cl->rotating = true;
	keys_on_timer(cl->control);
}

void
command_key_tickets(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	enum err err = upkeep_turn_tickets(c->store, true);

	(void)request;
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	log_notice("new keys for session tickets: those out there resume nothing any more");
	history_add(c->store, c->notices, "key.tickets", "",
	            "session tickets from before resume nothing any more");
	reply_ok(cl);
}

/* ---- the master key ------------------------------------------------------------------------- */

/* daemon/master.h says why a kill between any two of these lines does no harm. */
static enum err
change_master(struct control *c, struct problem *why)
{
	struct secret old = {0}, new = {0};
	enum err err = master_change_begin(c->conf, &old, &new, why);

	if (!err)
		err = store_master_change(c->store, &old, &new);
	if (!err)
		err = master_change_end(c->conf, why);
	secret_done(&old);
	secret_done(&new);
	return err;
}

/* The parent reads the new key for the roles it starts from now on; new workers, which have it,
 * take the place of the old ones as in a reload. */
void
command_key_master(struct control_client *cl, const cJSON *request)
{
	const char message = ROLE_MASTER;
	struct control *c = cl->control;
	struct problem why = {0};
	char text[CONF_ERROR_MAX + 1];
	enum err err;

	(void)request;
	if (refuse_careful(cl))
		return;
	/* Workers keep the old key until they are replaced: if that cannot be, nothing is changed.
	 */
	if (!reload_is_possible(c, text, sizeof(text))) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "nothing was changed; the workers must be replaced, and that is not "
		            "possible now: %s",
		            text);
		return;
	}
	err = change_master(c, &why);
	/* Also when it has failed: both keys may be in use then, and the next role needs both. */
	if (send(c->channel, &message, 1, MSG_NOSIGNAL) != 1)
		log_warn("the parent does not hear of the new master key");
	if (err) {
		reply_error(cl, msg_exit_of_err(err), err_word(err), "%s",
		            why.kind ? why.detail : err_text(err));
		return;
	}
	log_notice("the master key is changed: the old one opens nothing any more");
	history_add(c->store, c->notices, "key.master", "",
	            "the master key is a new one; backups made before need the old one");
	cl->busy = true;
	cl->reloading = true;
	reload_ask(c);
}
