/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/client.h - one CA: its directory, who we are there, nonces, and signed requests
 *
 * A client fetches the directory and makes or finds the account by itself before the first request
 * goes out (states CLIENT_NEW -> DIRECTORY -> ACCOUNT -> READY); requests wait meanwhile. It signs,
 * answers badNonce with the nonce of that very reply (at most 10 times), takes a nonce from every
 * reply, and asks newNonce when it has none (RFC 8555 6.5). accountDoesNotExist makes it forget the
 * account URL and register the same key anew, once, then repeat the request; a newOrder that is
 * "unauthorized" makes it ask for the account's state first, once.
 * A key rollover (7.3.5) is part of getting ready: with a next_key that the CA may have heard of it
 * asks which of the two keys the account has (newAccount, onlyReturnExisting), and changes the key
 * if it is still the old one.
 * Failures to get ready, and a CA that does not answer, fail all waiting requests; the next request
 * tries again from the start. At most 64 requests are under way, and one newOrder among them; each
 * endpoint has its pace (acme/pace.h). 429 or 503 with a Retry-After of a minute or less holds its
 * endpoint so long, and the request goes again, at most 3 times; but newOrder, which may go to
 * another CA instead.
 * Threads: the one that runs the transport.
 */
#ifndef ACME_CLIENT_H
#define ACME_CLIENT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/transport.h"
#include "base/err.h"
#include "base/problem.h"

struct client;
struct client_events; /* acme/client_account.h */
struct directory;
struct pace;

/* Strings are borrowed for client_new(), which copies them. */
struct client_config {
	const char *directory;
	const char *ca_file;         /* NULL: the system's roots */
	const char *const *contacts; /* "ops@example.com" (mailto: is added), maybe none */
	size_t contact_count;
	bool agree_terms;
	EVP_PKEY *key;           /* of the account; a reference is taken */
	EVP_PKEY *next_key;      /* of a rollover that is not settled, likewise; NULL: none */
	const char *account_url; /* "" when not known yet */
	const char *orders_url;  /* "" when not known */
	const char *barred;      /* why the account may not be used at all; NULL: it may */
	struct pace *pace;       /* outlives the client; NULL: no limits */
};

/* What came back. Either PROBLEM.kind is NONE and status is 2xx (CLIENT_OFFER: REPLY NULL), or
 * PROBLEM says what is wrong (the CA's own problem document when it sent one). REPLY is NULL when
 * nothing was heard. */
struct client_answer {
	struct problem problem;
	bool unsent; /* with a problem: the request certainly never reached the CA */
	bool silent; /* with a problem: the time for an answer was over */
	bool misled; /* with a problem: the URL is none of this CA's, so nothing was sent */
	const struct transport_reply *reply;
	const struct directory *directory; /* what the CA offers; NULL: not known yet */
};
typedef void client_answer_fn(void *arg, const struct client_answer *answer);

enum client_target {
	CLIENT_URL,       /* the URL given with the request */
	CLIENT_NEW_ORDER, /* the directory's newOrder */
	CLIENT_OFFER,     /* nothing is sent: the answer, once the client is ready, has `directory`
	                   */
	CLIENT_ORDERS,    /* the account's orders list; fails with CA_PROTOCOL when there is none */
	CLIENT_OUR_ACCOUNT, /* the account's own URL */
	CLIENT_NEW_ACCOUNT, /* the directory's newAccount, signed with the JWK */
	CLIENT_KEY_CHANGE,
	CLIENT_REVOKE, /* the directory's revokeCert */
};

MUST_CHECK enum err client_new(struct transport *transport, const struct client_config *config,
                               const struct client_events *events, void *arg,
                               struct client **ret_client);
void client_free(struct client *client);

/* PAYLOAD NULL: POST-as-GET. FN is called once, from transport_run(). Copies its arguments. */
MUST_CHECK enum err client_post(struct client *client, enum client_target target, const char *url,
                                const char *payload, client_answer_fn *fn, void *arg);
/* Drops all requests posted with ARG, without callbacks. */
void client_cancel(struct client *client, const void *arg);

/* The same, if one waits for its turn still: true, and it has certainly not been sent. */
bool client_withdraw(struct client *client, const void *arg);

/* Milliseconds until what waits for its pace may go, INT64_MAX when nothing does; sends it. */
int64_t client_tend_ms(const struct client *client);
void client_tend(struct client *client);

/* What the CA offers; NULL: not known yet. */
const struct directory *client_directory(const struct client *client);
/* base64url SHA-256 of the account key (RFC 8555 8.1); lives as long as the client. */
const char *client_thumbprint(const struct client *client);
/* Who we are there, "" until known. */
const char *client_account_url(const struct client *client);
/* Whether the directory is known, and has no renewalInfo (RFC 9773). */
bool client_has_no_renewal_info(const struct client *client);
/* Whether the account has a list of its orders (RFC 8555 7.1.2.1); known once the account is. */
bool client_lists_orders(const struct client *client);
/* Whether directory and account are there, so that client_lists_orders() means what it says. */
bool client_is_ready(const struct client *client);
/* "new", "directory", "account", "ready": for people. */
const char *client_state_word(const struct client *client);

#endif
