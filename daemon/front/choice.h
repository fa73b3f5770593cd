/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/choice.h - what a ClientHello comes to: a certificate, a challenge's answer, or no
 *
 * The choice falls before there is any OpenSSL object, on the raw hello:
 *   a name of ours          its credential (daemon/front/credcache.h) and its backend
 *   acme-tls/1 is offered   a live challenge for exactly that name: its certificate; the connection
 *                           ends after the handshake. None: no_application_protocol.
 *   a name whose backend passes TLS through: nothing of ours; a live challenge of ours goes first
 *   no name                 the name bound to the local address, else that address where it is a
 *                           name of ours, else the default certificate's
 *   invalid or unknown      as the listener's `unknown-sni` says: unrecognized_name, the same as
 *                           without a name, or a silent close. One lookup, and nothing is kept.
 *   without a certificate   unrecognized_name, or a silent close
 *   on demand               an unknown name that may come so, or one that came so and has its first
 *                           attempt still: to be asked again. Not, or no more: as unknown.
 * Each of the last three is counted by its reason. Threads: one per struct chooser.
 */
#ifndef DAEMON_FRONT_CHOICE_H
#define DAEMON_FRONT_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "daemon/common/status.h"

struct chooser;
struct conf;
struct conf_backend;
struct conf_listen;
struct cred;
struct credcache;
struct hello;
struct sockaddr;
struct store;

struct chooser_config {
	const struct conf *conf; /* all borrowed */
	struct store *store;
	struct status_slot *status;
	struct credcache *creds;
};

enum choice_kind {
	CHOICE_REFUSE = 1,
	CHOICE_TERMINATE,   /* TLS ends here */
	CHOICE_CHALLENGE,   /* the same with a tls-alpn-01 certificate; no data follows */
	CHOICE_PASSTHROUGH, /* TLS ends at the backend */
	CHOICE_AWAIT, /* a certificate may come: to be asked again, see daemon/watch/demander.h */
};

/* What is asked. LOCAL, the address that was connected to, may be NULL when there is a name and the
 * configuration binds no address. */
struct choice_ask {
	const struct conf_listen *listen;
	const struct hello *hello;
	const struct sockaddr *local;
	bool may_wait; /* for what comes on demand */
};

/* Embedded in a connection; zeroed before, choice_done() after. */
struct choice {
	enum choice_kind kind;
	uint8_t alert;                      /* CHOICE_REFUSE: 0 = a silent close */
	enum status_counter why;            /* to be noted: STATUS_SNI_...; else 0 */
	bool coming;                        /* CHOICE_AWAIT: the name is here already */
	bool fallback;                      /* the name is ours, the client gave none of ours */
	struct hostname name;               /* the one that was looked up */
	struct cred *cred;                  /* owned; NULL when refused or passed through */
	const struct conf_backend *backend; /* NULL: conf has none of that name */
};

MUST_CHECK enum err chooser_new(const struct chooser_config *config, struct chooser **ret_chooser);
void chooser_free(struct chooser *chooser); /* accepts NULL */

/* RET_CHOICE was zeroed, or choice_done(). */
void choice_make(struct chooser *chooser, const struct choice_ask *ask, struct choice *ret_choice);
/* Whether HELLO, a second one, names what CHOICE was made for; where the name did not matter, none
 * does. */
bool choice_is_for(const struct choice *choice, const struct hello *hello);
void choice_done(struct choice *choice);

#endif
