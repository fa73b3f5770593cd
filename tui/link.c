/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/link.h"

#include "base/clock.h"
#include "base/json.h"

void
link_init(struct link *link, const char *path, int64_t patience_ms)
{
	*link = (struct link){.path = path, .patience_ms = patience_ms};
	client_init(&link->client);
}

/* The first call leaves the queue before its asker is called, who may ask again. */
static void
end_first(struct link *link, const cJSON *end, enum err err)
{
	struct link_call call = link->calls[link->first];

	link->first = (link->first + 1) % LINK_QUEUE_MAX;
	link->count--;
	link->is_out = false;
	if (call.asker && call.asker->end)
		call.asker->end(call.owner, end, err);
	cJSON_Delete(call.request);
}

/* What is asked while the others hear of it is for the next connection. */
static void
lose(struct link *link, enum err err)
{
	client_close(&link->client);
	for (size_t waiting = link->count; waiting; waiting--)
		end_first(link, NULL, err);
}

void
link_done(struct link *link)
{
	for (size_t i = 0; i < LINK_QUEUE_MAX; i++)
		link->calls[i].asker = NULL;
	lose(link, ERR_STOPPED);
}

static bool
send_first(struct link *link)
{
	int64_t now = clock_mono_ms();
	enum err err = ERR_OK;

	if (!client_is_open(&link->client))
		err = client_open(&link->client, link->path, now);
	if (!err)
		err = client_send(&link->client, link->calls[link->first].request, now);
	link->is_out = true;
	link->deadline = now + link->patience_ms;
	if (err)
		lose(link, err);
	return !err;
}

bool
link_ask(struct link *link, cJSON *request, const struct link_asker *asker, void *owner)
{
	size_t at = (link->first + link->count) % LINK_QUEUE_MAX;

	if (!request || link->count == LINK_QUEUE_MAX) {
		cJSON_Delete(request);
		return false;
	}
	link->calls[at] = (struct link_call){request, asker, owner};
	link->count++;
	return true;
}

void
link_forget(struct link *link, const void *owner)
{
	for (size_t i = 0; i < LINK_QUEUE_MAX; i++)
		if (link->calls[i].owner == owner)
			link->calls[i].asker = NULL;
}

bool
link_is_busy(const struct link *link)
{
	return link->count > 0;
}

static void
take_line(struct link *link, const cJSON *line)
{
	struct link_call *call = &link->calls[link->first];
	const cJSON *end = json_object(line, "end");

	link->deadline = clock_mono_ms() + link->patience_ms;
	if (end)
		end_first(link, end, ERR_OK);
	else if (call->asker && call->asker->line)
		call->asker->line(call->owner, line);
}

void
link_step(struct link *link)
{
	cJSON *line;
	enum err err = ERR_OK;

	while (link->count) {
		if (!link->is_out && !send_first(link))
			return;
		err = client_read(&link->client, 0, &line);
		if (err)
			break;
		take_line(link, line);
		cJSON_Delete(line);
	}
	if (err == ERR_TIMEOUT && clock_mono_ms() < link->deadline)
		return; /* nothing more has come */
	if (err)
		lose(link, err);
}
