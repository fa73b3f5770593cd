/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/conn.h - a client's connection from accept to close, as a state machine
 *
 *   HELLO -> HANDSHAKE -> WAIT -> CONNECT -> RELAY -> DRAIN    tls listeners
 *   HELLO -> HANDSHAKE -> DRAIN                                a tls-alpn-01 handshake
 *   ... HANDSHAKE -> RETRY -> HANDSHAKE ...                    after a HelloRetryRequest
 *   HELLO -> AWAIT -> HANDSHAKE -> ...                         a name that comes on demand
 *   HELLO -> DRAIN                                             refused: no OpenSSL was ever asked
 *   HELLO -> CONNECT -> RELAY -> DRAIN                         passed through
 *   REQUEST -> DRAIN                                           http listeners
 *   PROXY -> HELLO or REQUEST -> ...                           where a PROXY header comes first
 * Between CONNECT and RELAY there is BACKEND_TLS where the backend speaks TLS.
 *
 * One row per state: name, step, time limit. A step does what it can without waiting and leaves in
 * client.want and backend.want what it waits for. conn_run() is the only one that calls steps and
 * the only one that tells the loop what a socket waits for. Memory: struct conn is about 1 KiB, and
 * all there is of a silent connection; one whose hello is not whole yet has its bytes besides,
 * HELLO_KEPT_MAX at most. On OpenSSL 3.0 a handshake peaks at 44 KB, an idle established connection
 * has 14 KB, one that is stuck both ways 2 * END_CHUNK, two TLS records and BIO_ROOM more. Running
 * out of memory ends the connection that asked for it. Ownership: a conn frees itself when it ends.
 * Threads: one, its worker's.
 */
#ifndef DAEMON_FRONT_CONN_H
#define DAEMON_FRONT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "daemon/common/wheel.h"
#include "daemon/front/bio.h"
#include "daemon/front/end.h"

struct backend_tls;
struct balance;
struct conf_on_demand;
struct conn;
struct conn_await;
struct demand;
struct listener;
struct loop;
struct status_slot;
struct store;
struct chooser;
struct tls;

enum { CONN_DRAIN_MS = 10 * 1000, CONN_PROXY_MS = 5 * 1000 };
/* How many connections wait for what comes on demand: of a worker, of a client network. */
enum { CONN_AWAIT_MAX = 512, CONN_AWAIT_NETWORK_MAX = 32 };

/* What the connections of one worker share; the worker owns it. */
struct conn_host {
	struct loop *loop;
	struct tls *tls;
	struct balance *balance;
	struct backend_tls *backend_tls;
	struct chooser *chooser;
	bool binds; /* the choice may depend on the local address */
	struct store *store;
	struct status_slot *status;
	const struct conf_on_demand *on_demand;
	struct demand *demand; /* NULL: nothing comes on demand */
	struct wheel wheel;
	struct conn *all;
	size_t count;
	struct conn_await *awaiting; /* those in AWAIT, which need no event to go on */
	size_t await_count;
	void (*on_end)(void *arg); /* after each connection's end */
	void *arg;
	unsigned char scratch[END_CHUNK]; /* valid within one step */
	struct bio_room room;             /* the same */
};

/* Takes FD, also when there is no memory for it; releases LISTENER at its end. */
void conn_start(struct conn_host *host, struct listener *listener, int fd,
                const struct sockaddr_storage *peer);
/* Ends what is overdue. */
void conn_sweep(struct conn_host *host);
void conn_end_all(struct conn_host *host);
/* Looks whether what connections wait for is there; now and then. */
void conn_await_tick(struct conn_host *host);

#endif
