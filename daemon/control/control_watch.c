/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the verb watch: told once a second that something has changed, not what. Nobody is
 * told anew who has not read what he was told, so a watcher costs no memory; who does not read at
 * all is closed. */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/common/status.h"
#include "daemon/control/control_inside.h"
#include "store/change.h"
#include "store/event.h"
#include "store/store.h"

enum { WATCHERS_MAX = 16, PATIENCE_MS = 10000 };

/* What cannot be read just now is 0. */
static void
look(struct control *c, struct watched *w)
{
	struct store_txn *txn;

	*w = (struct watched){.names = 0};
	if (store_begin_read(c->store, STORE_SERVED, &txn) == ERR_OK) {
		(void)!change_last(txn, &w->names);
		store_abort(txn);
	}
	if (store_begin_read(c->store, STORE_PRIVATE, &txn) == ERR_OK) {
		(void)!event_last(txn, &w->events);
		store_abort(txn);
	}
	for (int i = 0; i < STATUS_COUNT; i++)
		w->front += (uint64_t)(2 * i + 1) * status_sum(c->status, i);
}

static bool
has_unread(const struct control_client *cl)
{
	int unread = 0;

	return cl->out.len > 0 || (ioctl(cl->fd, SIOCOUTQ, &unread) == 0 && unread > 0);
}

static void
tell(struct control_client *cl, const struct watched *now)
{
	const struct watched *was = &cl->watched;
	cJSON *watch, *line;

	if (was->names == now->names && was->events == now->events && was->front == now->front)
		return;
	line = line_with("watch", &watch);
	add_time(watch, "at", clock_wall());
	cJSON_AddNumberToObject(watch, "names", (double)now->names);
	cJSON_AddNumberToObject(watch, "events", (double)now->events);
	cJSON_AddBoolToObject(watch, "front", was->front != now->front);
	reply_json(cl, line);
	cl->watched = *now;
	cl->told_ms = clock_mono_ms();
}

void
watch_on_timer(struct control *c)
{
	int64_t mono = clock_mono_ms();
	struct watched now;
	bool looked = false;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd < 0 || !cl->watching || cl->closing)
			continue;
		if (!looked)
			look(c, &now);
		looked = true;
		if (cl->eof) {
			cl->watching = false;
			reply_ok(cl);
		} else if (!has_unread(cl)) {
			tell(cl, &now);
		} else if (mono - cl->told_ms > PATIENCE_MS) {
			buf_reset(&cl->out);
			cl->closing = true;
		}
	}
}

void
command_watch(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	struct watched now;
	size_t count = 0;

	(void)request;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		count += c->clients[i].fd >= 0 && c->clients[i].watching;
	if (count >= WATCHERS_MAX) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy", "%d clients watch already",
		            WATCHERS_MAX);
		return;
	}
	look(c, &now);
	cl->busy = true;
	cl->watching = true;
	cl->watched = (struct watched){.names = UINT64_MAX, .front = now.front - 1};
	tell(cl, &now);
}
