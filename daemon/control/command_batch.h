/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/control/command_batch.h - verbs that do one thing to up to MSG_NAMES_MAX names, in one
 * transaction
 *
 * command_domain.c runs them; command_pause.c has some more. Nobody else includes it. Control
 * thread only.
 */
#ifndef DAEMON_CONTROL_COMMAND_BATCH_H
#define DAEMON_CONTROL_COMMAND_BATCH_H

#include "daemon/control/command_inside.h"

struct batch;

/* What became of one name of a request. */
struct outcome {
	const char *given; /* borrowed from the request */
	struct hostname name;
	enum err err;
	const char *word; /* error code, static */
	char detail[256];
	char ca[NAME_WORD_MAX + 1]; /* renew: whose hold ends, "" = none */
};

struct batch {
	struct control_client *cl;
	struct control *control;
	struct store_txn *txn;
	struct ca_choice cas;               /* add; none: external */
	const struct conf_backend *backend; /* add */
	struct domain labels;               /* add: its labels only */
	bool together;                      /* add: one certificate for all, */
	struct hostname lead;               /* which this one leads; len 0: nobody yet */
	const char *why;                    /* remove: NULL: not said */
	const char *event;
	enum err (*before)(struct batch *b); /* of all names, NULL: nothing */
	enum err (*apply)(struct batch *b, struct outcome *o);
	bool wait; /* go on with the steps of the names that are ok */
	struct outcome *outcomes;
	size_t count;
};

/* O fails, with TEXT or (NULL) what is in o->detail; the others go on. Answers ERR_OK. */
enum err batch_refuse(struct outcome *o, enum err err, const char *word, const char *text);
extern const char batch_is_paused[];
/* The domain of O, or who leads it, with a CA that is configured; else O is refused. */
MUST_CHECK enum err batch_get_ordered(struct batch *b, struct outcome *o, struct domain *d);
/* Whether D has moved or is not used: it is to be tried all the same. */
void batch_let_go(struct domain *d);
/* Answers CL. */
void batch_run(struct batch *b, const cJSON *request);

#endif
