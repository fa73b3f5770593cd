/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_state.h - the inside of a client, shared by client*.c
 *
 * A call is in exactly one list: waiting (for readiness, a nonce or its turn), sent (the transport
 * has it), finished (failed without a reply, to be called back from the next transport_run()).
 */
#ifndef ACME_CLIENT_STATE_H
#define ACME_CLIENT_STATE_H

#include <cjson/cJSON.h>
#include <sys/queue.h>

#include "acme/client_account.h"
#include "acme/directory.h"
#include "acme/jose.h"
#include "acme/nonce.h"

enum client_state { CLIENT_NEW, CLIENT_DIRECTORY, CLIENT_ACCOUNT, CLIENT_READY };

struct call {
	TAILQ_ENTRY(call) link;
	struct calls *list;
	struct client *client;
	enum client_target target;
	bool early;    /* goes out before the client is ready, since it is part of that */
	bool again;    /* was sent a second time, because of what the CA said of the account */
	bool misled;   /* see struct client_answer */
	EVP_PKEY *key; /* signed with this one and its JWK; NULL: with the account's */
	unsigned bad_nonces;
	unsigned slowed;           /* so many times it went again because of Retry-After */
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
	char *barred; /* NULL: not */
	EVP_PKEY *key;
	EVP_PKEY *next_key; /* NULL: no rollover, or it is settled */
	bool next_unsure;   /* the CA may have taken next_key already */
	bool next_tried;    /* and has answered to it, this time */
	bool doubt;         /* whether the account is still good must be asked */
	bool kind_tried;    /* another kind of key was asked for */
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	char account_url[URL_MAX + 1], orders_url[URL_MAX + 1]; /* "" until known */
	unsigned account; /* grows when the CA has lost the account */
	struct client_events events;
	void *arg;

	enum client_state state;
	struct directory directory;
	int64_t directory_at_ms;
	struct nonce_pool nonces;
	unsigned heads; /* newNonce requests under way */
	unsigned head_failures;
	struct calls waiting, sent, finished;
	size_t sent_count;
	size_t orders_sent; /* newOrder requests among them */
	struct pace *pace;
	int64_t pump_at; /* mono ms: somebody's pace lets it go on then; 0: nobody waits for it */
	bool silent;     /* the last thing heard was nothing at all, for too long */
	bool deferred;   /* transport_defer() was asked for client_flush() */
};

/* Sends what can be sent, starts what is missing for it. Never calls anyone back. */
void client_pump(struct client *c);
/* Calls back what has finished: from within transport_run(), or at the next one. */
void client_flush(struct client *c);
void client_flush_later(struct client *c);
/* Not ready, and it did not work: everything that waits fails with WHY. */
void client_fail_waiting(struct client *c, const struct problem *why);

void client_begin(struct client *c); /* client_ready.c: from CLIENT_NEW towards CLIENT_READY */
/* As many newNonce requests under way as WANTED, within bounds. */
void client_fetch_nonces(struct client *c, size_t wanted);
/* Whether it is CALL's turn. */
bool client_may_send(const struct client *c, const struct call *call);
/* Where CALL goes; NULL with the reason in RET_WHY when it must not go out. */
const char *client_url_of(const struct client *c, const struct call *call, struct problem *ret_why);
/* client_post.c. Out of its list, whichever; to the end of LIST; it has failed. */
void client_unlink(struct call *call);
void client_enter(struct call *call, struct calls *list);
void client_finish(struct call *call, const struct problem *why);
void client_call_free(struct call *call);
/* Drops the calls of ARG in LIST, or all; the transport forgets them as well. */
void client_drop(struct client *c, struct calls *list, const void *arg, bool all);
/* Goes out before all others; KEY NULL: the account's. */
MUST_CHECK enum err client_post_early(struct client *c, enum client_target target, EVP_PKEY *key,
                                      const char *payload, client_answer_fn *fn);
/* As client_post(), signed with KEY. */
MUST_CHECK enum err client_post_as(struct client *c, enum client_target target, EVP_PKEY *key,
                                   const char *payload, client_answer_fn *fn, void *arg);

/* client_key.c: the next step towards the key that the account is to have. */
MUST_CHECK enum err client_settle_key(struct client *c);

/* client_account.c: the directory is known: find out who we are there. */
void client_settle(struct client *c);
void client_forget_account(struct client *c);
void client_blame_account(struct problem *problem);
/* The payload of newAccount that asks for an account and makes none (7.3.1). */
extern const char client_look_payload[];
MUST_CHECK enum err client_add_contacts(const struct client *c, cJSON *json);
/* Whether the answer to a newOrder is about the account: then its state is asked for. */
bool client_is_doubtful(struct client *c, const struct call *call, const struct problem *problem);
/* Where changed terms of service are to be read, if that is what is wrong (7.3.3). */
void client_add_terms(const struct transport_reply *reply, struct problem *problem);

#endif
