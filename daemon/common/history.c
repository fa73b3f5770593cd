/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/history.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "store/event.h"
#include "store/store.h"

typedef enum err event_fn(struct store_txn *txn, struct event *event);

static enum err
write_events(struct store *store, struct notice_queue *notices, struct event *events, size_t count,
             event_fn *fn)
{
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++) {
		if (events[i].at == 0)
			events[i].at = clock_wall();
		err = fn(txn, &events[i]); /* a failure sticks: the commit tells */
	}
	if (store_commit(txn) || err)
		return err ? err : ERR_IO;
	notice_nudge(notices);
	return ERR_OK;
}

enum err
history_put(struct store *store, struct notice_queue *notices, struct event *event)
{
	return write_events(store, notices, event, 1, event_put);
}

enum err
history_put_all(struct store *store, struct notice_queue *notices, struct event *events,
                size_t count)
{
	return write_events(store, notices, events, count, event_put);
}

enum err
history_tally(struct store *store, struct notice_queue *notices, struct event *event)
{
	return write_events(store, notices, event, 1, event_tally);
}

void
history_add(struct store *store, struct notice_queue *notices, const char *type, const char *name,
            const char *format, ...)
{
	struct event event = {.at = clock_wall()};
	enum err err;
	va_list ap;

	snprintf(event.type, sizeof(event.type), "%s", type);
	snprintf(event.name, sizeof(event.name), "%s", name);
	va_start(ap, format);
	vsnprintf(event.detail, sizeof(event.detail), format, ap);
	va_end(ap);
	err = history_put(store, notices, &event);
	if (err)
		log_warn("an event is not written (%s): %s %s", err_text(err), type, event.detail);
}
