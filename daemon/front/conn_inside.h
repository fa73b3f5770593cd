/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/front/conn_inside.h - what conn.c (the machine), conn_proxy.c, conn_announce.c,
 * conn_client.c, conn_await.c and conn_backend.c (its steps) share; nobody else includes it. */
#ifndef DAEMON_FRONT_CONN_INSIDE_H
#define DAEMON_FRONT_CONN_INSIDE_H

#include <netinet/in.h>
#include <stdint.h>

#include "daemon/common/loop.h"
#include "daemon/common/status.h"
#include "daemon/front/balance.h"
#include "daemon/front/choice.h"
#include "daemon/front/conn.h"
#include "daemon/front/hello.h"
#include "daemon/front/http01.h"

struct conf_listen;

enum conn_state {
	CONN_PROXY, /* the PROXY header of who connects for the client */
	CONN_HELLO, /* the first bytes, until they are a ClientHello */
	CONN_AWAIT, /* the hello is there, its certificate may come on demand */
	CONN_HANDSHAKE,
	CONN_RETRY,       /* a second ClientHello, after a HelloRetryRequest */
	CONN_REQUEST,     /* port 80: one request and its reply */
	CONN_WAIT,        /* hands are shaken; the backend is not bothered before the first byte */
	CONN_CONNECT,     /* to the backend's servers, one after the other */
	CONN_BACKEND_TLS, /* hands are shaken with the server, in what is left of its time */
	CONN_RELAY,       /* bytes both ways */
	CONN_DRAIN, /* all is said; what the client still sends is read, so that our close() does
	             * not reset what it has not read yet */
};

enum step {
	STEP_AGAIN, /* call me when a want is met */
	STEP_NEXT,  /* the state has changed */
	STEP_END
};

/* A fifth of a struct sockaddr_storage. */
union conn_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct conn {
	struct wheel_entry due; /* first: an entry is its conn */
	enum conn_state state;
	struct conn_host *host;
	struct listener *listener;
	struct end client;
	struct end backend;
	struct balance_pick pick; /* which of the backend's servers */
	int64_t connect_from_ms;  /* mono: the first attempt */
	int64_t attempt_us;       /* mono: with the server that is tried */
	int64_t hello_us;         /* mono: its first bytes, 0: none have come */
	bool settled;             /* as listener_settle() */
	struct hello_walk walk;
	struct choice choice;
	struct http01 http;
	union conn_address peer;  /* the client, as the PROXY header says where there is one */
	union conn_address local; /* where it connected to, the same; see conn_local() */
	struct peer *counted;     /* of the listener; NULL: none */
	unsigned char *proxy;     /* the part of a PROXY header that has come; owned */
	size_t proxy_len;
	struct conn *prev, *next;
	struct conn_await *await; /* AWAIT only; owned */
};

/* conn.c */
const struct conf_listen *conn_listen(const struct conn *c);
/* The address the client has connected to; AF_UNSPEC when there is none. */
const struct sockaddr *conn_local(struct conn *c);
void conn_count(struct conn *c, enum status_counter which, uint64_t n);
/* Counts C with its client's address; ERR_FULL when that has its share. */
MUST_CHECK enum err conn_admit(struct conn *c);
/* The client is known: the first state that reads its own bytes. STEP_END or STEP_NEXT. */
enum step conn_begin(struct conn *c);
void conn_set_deadline(struct conn *c, uint32_t after_ms);
/* Goes over to STATE with its time limit; always STEP_NEXT. */
enum step conn_enter(struct conn *c, enum conn_state state);
/* Steps until the connection waits or ends; C may be gone after it. */
void conn_run(struct conn *c);
loop_watch_fn conn_on_client, conn_on_backend; /* of their ends' sockets */

/* Steps: conn_proxy.c */
enum step conn_step_proxy(struct conn *c);
bool conn_may_send_proxy(struct conn *c); /* false: closed unread */
/* conn_client.c */
enum step conn_step_hello(struct conn *c);
enum step conn_step_handshake(struct conn *c);
enum step conn_step_retry(struct conn *c);
enum step conn_step_request(struct conn *c);
enum step conn_step_wait(struct conn *c);
enum step conn_step_drain(struct conn *c);
/* What C's hello, or what waiting has come to, leads to. */
enum step conn_choose(struct conn *c, const struct hello *hello, bool all_read);
/* conn_await.c */
enum step conn_step_await(struct conn *c);
void conn_await_expired(struct conn *c);
/* Whether C waits on, or from now on, for the choice that it has. */
bool conn_awaits(struct conn *c);
void conn_await_end(struct conn *c); /* if it waits */
/* conn_backend.c */
enum step conn_step_connect(struct conn *c);
enum step conn_step_backend_tls(struct conn *c);
void conn_connect_expired(struct conn *c); /* one server has had its time */
enum step conn_step_relay(struct conn *c);
/* conn_announce.c */
/* What client and we have agreed on; empty: nothing. */
struct span conn_alpn(const struct conn *c);
/* The header that the backend wants, if any, on its connected socket. */
MUST_CHECK enum err conn_send_proxy(struct conn *c);

#endif
