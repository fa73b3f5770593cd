/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/client_account.h - a client's account: what its keeper hears of it, and may want of it
 *
 * Threads: the one that runs the transport. Events come from transport_run() only; they may not
 * free the client, and ask nothing of it but client_set_key() later.
 */
#ifndef ACME_CLIENT_ACCOUNT_H
#define ACME_CLIENT_ACCOUNT_H

#include "acme/client.h"
#include "acme/key.h"

struct binding;
struct secret;

/* What the CA says of the account; borrowed. */
struct client_account {
	const char *url;
	const char *orders; /* "": it keeps no list */
	const char *status; /* "valid" and others */
	bool is_new;        /* it was made just now */
};

enum client_key_end {
	CLIENT_KEY_TAKEN,   /* the account has next_key */
	CLIENT_KEY_REFUSED, /* it has the old one, and the CA will not see next_key again */
	CLIENT_KEY_OPEN,    /* it has the old one, as far as the CA says; keep both */
};

/* What the client tells whoever keeps the account, from transport_run(). All are there. */
struct client_events {
	void (*directory)(void *arg, const struct directory *directory); /* was fetched */
	/* The CA named the account, new or found again: to be stored. */
	void (*account)(void *arg, const struct client_account *account);
	/* To be stored; WHY is NULL with TAKEN. */
	void (*key)(void *arg, enum client_key_end end, const struct problem *why);
	/* newAccount takes no key of our kind: true when client_set_key() will follow. */
	bool (*another_key)(void *arg, enum key_kind kind);
	/* The external account binding for a new account; its key goes to RET_KEY. ERR_NOTFOUND:
	 * none, other errors with the reason in RET_WHY. */
	enum err (*binding)(void *arg, struct binding *ret_binding, struct secret *ret_key,
	                    struct problem *ret_why);
};

/* A look at the account as the CA has it (newAccount with onlyReturnExisting, 7.3.1), behind a
 * fresh directory: the whole way that an order would take up to there. */
MUST_CHECK enum err client_look(struct client *client, client_answer_fn *fn, void *arg);
/* Whom the CA may write to from now on: for a new account, and to be sent for the one there is
 * (7.3.2). */
MUST_CHECK enum err client_take_contacts(struct client *client, const char *const *contacts,
                                         size_t count);
MUST_CHECK enum err client_send_contacts(struct client *client, client_answer_fn *fn, void *arg);
/* For ever (7.3.6). */
MUST_CHECK enum err client_deactivate(struct client *client, client_answer_fn *fn, void *arg);
/* NEXT_KEY (a reference is taken) becomes the account's when the client gets ready next, which is
 * before its next request; it is stored already. The client must be idle. What came of it is told
 * by the event. */
void client_roll(struct client *client, EVP_PKEY *next_key);
/* In place of the key that newAccount did not take; NULL: there is none. */
void client_set_key(struct client *client, EVP_PKEY *key);
/* The account may not be used any more, because of WHY. */
void client_bar(struct client *client, const char *why);

struct client_revocation {
	const void *certificate; /* DER */
	size_t len;
	unsigned reason; /* RFC 5280 5.3.1 */
	EVP_PKEY *key; /* the certificate's, to sign with; NULL: the account's. Needs no account */
};
MUST_CHECK enum err client_revoke(struct client *client, const struct client_revocation *what,
                                  client_answer_fn *fn, void *arg);

#endif
