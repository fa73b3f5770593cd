/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/link.h - a connection to certd that nobody waits for: requests go out one after the other,
 * their lines come when they come
 *
 * A link connects by itself with the first request; when it is lost, all that was asked ends with
 * an error, and the next request connects anew. Requests are small, so that sending never waits.
 */
#ifndef TUI_LINK_H
#define TUI_LINK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ctl/client.h"

enum { LINK_QUEUE_MAX = 32 };

/* Who asked. LINE gets each line but the last one; END the object in "end", or NULL and why there
 * is none. Both may ask again. */
struct link_asker {
	void (*line)(void *owner, const cJSON *line);
	void (*end)(void *owner, const cJSON *end, enum err err);
};

struct link_call {
	cJSON *request;
	const struct link_asker *asker; /* NULL: nobody listens any more */
	void *owner;
};

struct link {
	struct client client;
	const char *path;
	int64_t patience_ms; /* for the next line of a reply */
	int64_t deadline;    /* of the request that is out, mono */
	struct link_call calls[LINK_QUEUE_MAX];
	size_t first, count;
	bool is_out; /* the first call was sent */
};

void link_init(struct link *link, const char *path, int64_t patience_ms);
void link_done(struct link *link);
/* Takes REQUEST over. False: the queue is full, nobody is called. */
bool link_ask(struct link *link, cJSON *request, const struct link_asker *asker, void *owner);
/* OWNER is not called any more. */
void link_forget(struct link *link, const void *owner);
bool link_is_busy(const struct link *link);
/* What has come, and the next request; after ppoll(), and now and then for its deadlines. */
void link_step(struct link *link);

#endif
