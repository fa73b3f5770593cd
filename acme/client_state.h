/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/client_state.h - the inside of a client, shared by client.c (requests) and client_ready.c
 * (what is needed before)
 *
 * A call is in exactly one list: waiting (for readiness, a nonce or its turn), sent (the transport
 * has it), finished (failed without a reply, to be called back from the next transport_run()).
 */
#ifndef ACME_CLIENT_STATE_H
#define ACME_CLIENT_STATE_H

#include <sys/queue.h>

#include "acme/client.h"
#include "acme/directory.h"
#include "acme/jose.h"
#include "acme/nonce.h"

enum client_state { CLIENT_NEW, CLIENT_DIRECTORY, CLIENT_ACCOUNT, CLIENT_READY };

struct call {
	TAILQ_ENTRY(call) link;
	struct calls *list;
	struct client *client;
	enum client_target target;
	bool registers; /* newAccount: signed with the JWK, goes out before the client is ready */
	bool again;     /* has met accountDoesNotExist once */
	bool misled;    /* see struct client_answer */
	unsigned bad_nonces;
	unsigned account;          /* which account it was signed for, see struct client */
	char nonce[NONCE_MAX + 1]; /* from a badNonce reply, "" otherwise */
	char *url;
	char *payload; /* NULL: POST-as-GET */
	client_answer_fn *fn;
	void *arg;
	struct problem problem; /* when finished */
};
TAILQ_HEAD(calls, call);

struct client {
	struct transport *transport;
	char *directory_url;
	char *ca_file; /* NULL: the system's roots */
	char **contacts;
	size_t contact_count;
	bool agree_terms;
	EVP_PKEY *key;
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	char account_url[URL_MAX + 1]; /* "" until known */
	char orders_url[URL_MAX + 1];
	unsigned account; /* grows when the CA has lost the account */
	client_account_fn *on_account;
	void *arg;

	enum client_state state;
	struct directory directory;
	int64_t directory_at_ms;
	struct nonce_pool nonces;
	unsigned heads; /* newNonce requests under way */
	unsigned head_failures;
	struct calls waiting;
	struct calls sent;
	struct calls finished;
	size_t sent_count;
	size_t orders_sent; /* newOrder requests among them */
	bool silent;        /* the last thing heard was nothing at all, for too long */
	bool deferred;      /* transport_defer() was asked for client_flush() */
};

/* Sends what can be sent, starts what is missing for it. Never calls anyone back. */
void client_pump(struct client *c);
/* Calls back what has finished; only from within transport_run(). */
void client_flush(struct client *c);
/* Not ready, and it did not work: everything that waits fails with WHY. */
void client_fail_waiting(struct client *c, const struct problem *why);

/* client_ready.c: from CLIENT_NEW towards CLIENT_READY. */
void client_begin(struct client *c);
/* The directory is known: find out who we are there. */
void client_settle(struct client *c);
/* The CA does not know our account any more. */
void client_forget_account(struct client *c);
/* As many newNonce requests under way as WANTED, within bounds. */
void client_fetch_nonces(struct client *c, size_t wanted);

/* Whether it is CALL's turn. */
bool client_may_send(const struct client *c, const struct call *call);
/* Where CALL goes; NULL with the reason in RET_WHY when it must not go out. */
const char *client_url_of(const struct client *c, const struct call *call, struct problem *ret_why);

/* client.c: a call that goes out before all others. */
MUST_CHECK enum err client_register(struct client *c, const char *payload, client_answer_fn *fn);

#endif
