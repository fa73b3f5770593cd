/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/server.h - what the operator said of a backend's server (environment private/)
 *
 * A record is there only while a server is not to be used as usual; its key is the backend's name
 * and the server as the configuration writes it.
 */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/domain.h"

struct store_txn;

enum { SERVER_TEXT_MAX = 263 }; /* a host name of 253 bytes, a colon, a port; with room */

struct server {
	char backend[NAME_WORD_MAX + 1];
	char server[SERVER_TEXT_MAX + 1];
	uint8_t state; /* of the caller's; 1 to 255 */
	int64_t at;    /* unix seconds: when it was said */
};

MUST_CHECK enum err server_put(struct store_txn *txn, const struct server *server);
/* ERR_OK also when there is none. */
MUST_CHECK enum err server_del(struct store_txn *txn, const char *backend, const char *server);
/* Up to LIMIT records, in the order of their keys. */
MUST_CHECK enum err server_page(struct store_txn *txn, size_t limit, struct server *servers,
                                size_t *ret_count);

#endif
