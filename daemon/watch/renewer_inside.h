/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/renewer_inside.h - what renewer.c (thread, commits, sweep), renewer_ca.c (one CA's
 * questions) and renewer_directory.c (how it is doing, its directory) share; nobody else includes
 * it. The thread's only, but for the mailbox. */
#ifndef DAEMON_WATCH_RENEWER_INSIDE_H
#define DAEMON_WATCH_RENEWER_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hostname.h"
#include "base/problem.h"
#include "daemon/common/mailbox.h"
#include "daemon/watch/renewal.h"
#include "daemon/watch/renewer.h"
#include "store/domain.h"

struct conf_ca;
struct pace;
struct transport;
struct transport_reply;

/* A question: on its way, or answered and to be stored. */
struct renewal_ask {
	TAILQ_ENTRY(renewal_ask) link;
	struct renewer_ca *ca;
	struct renewal_ask *same; /* of others that have the certificate: they get its answer */
	struct renewal_subject subject;
	struct renewal_answer answer;
};
TAILQ_HEAD(renewal_asks, renewal_ask);

struct renewer_ca {
	struct renewer *renewer;
	const struct conf_ca *conf; /* of the renewer's conf */
	struct pace *pace;
	char *url;     /* renewalInfo; NULL: not known, or there is none */
	bool has_none; /* the directory names none */
	bool asks_directory;
	int64_t directory_at;  /* mono ms: to be fetched again */
	int64_t hold_until;    /* mono ms */
	int64_t doubt_at;      /* mono ms: of a clock in doubt, the next question */
	int64_t date_at;       /* the same of the directory, for its Date */
	uint32_t failures;     /* of the CA itself, in a row */
	int64_t failing_since; /* mono ms */
	struct renewal_row rows[RENEWER_LOOK];
	size_t row_count, row_at; /* those behind row_at wait for their turn */
	struct renewal_asks asks; /* on their way */
	size_t asking;
};

struct renewer {
	struct renewer_config config; /* but its conf */
	const struct conf *conf;
	struct transport *transport;
	pthread_t thread;
	struct renewer_ca **cas;
	size_t ca_count;
	struct renewal_asks answered;
	int64_t look_at; /* mono ms */
	bool swept;
	struct hostname swept_to; /* len 0: nowhere yet */
	struct domain page[RENEWER_SWEEP];
	int64_t hour_until; /* mono ms: of the counts below */
	unsigned told;      /* events of names */

	struct mailbox mail;
};

/* renewer_directory.c */
bool renewer_ca_is_held(const struct renewer_ca *ca);
/* So long that its certificates go back to the usual plan. */
bool renewer_ca_is_long_down(const struct renewer_ca *ca);
/* WHY of kind NONE: it answers. */
void renewer_ca_note(struct renewer_ca *ca, const struct problem *why);
/* Whether there is one to go by. */
bool renewer_ca_has_directory(struct renewer_ca *ca);
/* While the clock is in doubt: fetches it now and then, for the Date of the answer. */
void renewer_ca_ask_date(struct renewer_ca *ca);

/* renewer_ca.c */
MUST_CHECK enum err renewer_ca_new(struct renewer *r, const struct conf_ca *conf,
                                   struct renewer_ca **ret_ca);
void renewer_ca_free(struct renewer_ca *ca); /* drops what is on its way */
/* Looks who is due and asks. */
void renewer_ca_look(struct renewer_ca *ca);
/* Asks what waits for the pace; in how many milliseconds, at most MOST. */
void renewer_ca_go_on(struct renewer_ca *ca);
int64_t renewer_ca_wait_ms(const struct renewer_ca *ca, int64_t most);

#endif
