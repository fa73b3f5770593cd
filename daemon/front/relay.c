/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/relay.h"

#include "daemon/front/end.h"

/* One chunk from FROM to TO. ERR_OK: go on; ERR_AGAIN: one of them must become ready. */
static enum err
move_chunk(struct end *from, struct end *to, unsigned char *scratch)
{
	size_t len, taken = 0;
	enum err err = end_read(from, scratch, END_CHUNK, &len);

	if (err)
		return err;
	while (taken < len) {
		size_t n;

		err = end_write(to, scratch + taken, len - taken, &n);
		if (err == ERR_AGAIN)
			return end_hold(from, scratch + taken, len - taken) ? ERR_NOMEM : ERR_AGAIN;
		if (err)
			return ERR_OK; /* deaf: seen by the caller */
		taken += n;
	}
	return ERR_OK;
}

static bool
flows(const struct end *from, const struct end *to)
{
	return !from->ended && !from->failed && !to->deaf && !to->failed;
}

/* ERR_OK: nothing more will go this way. */
static enum err
move(struct end *from, struct end *to, unsigned char *scratch)
{
	enum err err = ERR_OK;

	if (from->held && !to->deaf && end_flush(from, to) == ERR_AGAIN)
		return ERR_AGAIN;
	/* To the last byte that has come: what OpenSSL has got already, no poll would tell. */
	while (flows(from, to)) {
		err = move_chunk(from, to, scratch);
		if (err == ERR_AGAIN || err == ERR_NOMEM)
			return err;
	}
	if (from->ended && !to->deaf && !to->failed)
		return end_shut(to);
	return ERR_OK;
}

enum err
relay_run(struct end *client, struct end *backend, unsigned char *scratch)
{
	enum err up = move(client, backend, scratch);
	enum err down = move(backend, client, scratch);

	if (up == ERR_NOMEM || down == ERR_NOMEM)
		return ERR_NOMEM;
	if ((client->failed && !client->held) || (backend->failed && !backend->held))
		return ERR_IO;
	if (up == ERR_OK && down == ERR_OK)
		return client->failed || backend->failed ? ERR_IO : ERR_OK;
	return ERR_AGAIN;
}
