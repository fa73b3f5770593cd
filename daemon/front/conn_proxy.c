/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/common/network.h"
#include "daemon/conf/conf.h"
#include "daemon/front/conn_inside.h"
#include "daemon/front/listener.h"
#include "daemon/front/proxy_in.h"

static bool
is_listed(struct conn *c)
{
	const struct conf_listen *listen = conn_listen(c);

	for (size_t i = 0; i < listen->proxy_count; i++)
		if (network_has(&listen->proxies[i], &c->peer.any))
			return true;
	return false;
}

/* The keeper looks at what is served through the listeners themselves, so this machine may connect
 * to itself; but then its header must say just that. */
static bool
is_own(struct conn *c)
{
	return network_is_own(&c->peer.any, conn_local(c));
}

static void
refused(struct conn *c)
{
	conn_count(c, STATUS_PROXY_REFUSED, 1);
	listener_reject(c->listener);
}

bool
conn_may_send_proxy(struct conn *c)
{
	if (is_listed(c) || is_own(c))
		return true;
	refused(c);
	return false;
}

static bool
is_believed(struct conn *c, const struct proxy_in *header)
{
	return !header->has_addresses || is_listed(c) ||
	       network_is_own((const struct sockaddr *)&header->client, &c->peer.any);
}

/* The bytes up to the end of what is looked at leave the socket. They are there. */
static enum err
consume(struct conn *c, unsigned char *bytes, size_t len)
{
	return recv(c->client.fd, bytes, len, 0) == (ssize_t)len ? ERR_OK : ERR_IO;
}

static enum err
keep(struct conn *c, const unsigned char *bytes, size_t len)
{
	unsigned char *kept = realloc(c->proxy, len);

	if (!kept)
		return ERR_NOMEM;
	memcpy(kept, bytes, len);
	c->proxy = kept;
	c->proxy_len = len;
	return ERR_AGAIN;
}

/* Takes the header's bytes from the socket and no other ones: what follows is the client's. */
static enum err
read_header(struct conn *c, struct proxy_in *ret_header)
{
	unsigned char *bytes = c->host->scratch;
	size_t len = c->proxy_len;
	ssize_t n;
	enum err err;

	if (len)
		memcpy(bytes, c->proxy, len);
	n = recv(c->client.fd, bytes + len, PROXY_IN_MAX - len, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR_AGAIN;
	if (n <= 0)
		return ERR_CLOSED;
	err = proxy_in_parse(bytes, len + (size_t)n, ret_header);
	if (!err)
		return consume(c, bytes + len, ret_header->len - len);
	if (err != ERR_AGAIN)
		return err;
	err = consume(c, bytes + len, (size_t)n);
	return err ? err : keep(c, bytes, len + (size_t)n);
}

enum step
conn_step_proxy(struct conn *c)
{
	struct proxy_in header;
	enum err err = read_header(c, &header);

	if (err == ERR_AGAIN) {
		c->client.want = LOOP_READ;
		return STEP_AGAIN;
	}
	if (!err && !is_believed(c, &header))
		err = ERR_PERM;
	if (err) {
		if (err == ERR_PROTO || err == ERR_TOOBIG || err == ERR_PERM)
			refused(c);
		log_debug("%s: no PROXY header that is believed: %s", conn_listen(c)->address.text,
		          err_text(err));
		return STEP_END;
	}
	free(c->proxy);
	c->proxy = NULL;
	if (header.has_addresses) {
		memcpy(&c->peer, &header.client, sizeof(c->peer));
		memcpy(&c->local, &header.local, sizeof(c->local));
	}
	return conn_begin(c);
}
