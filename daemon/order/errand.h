/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/errand.h - what the control thread asks the issuer's thread to do with a CA
 *
 * An errand is handed over whole, forth and back, so nobody looks at one that another works on.
 * Threads: errand_ask() and errand_ended() from the one side, errand_next() and errand_end() from
 * the other; the mutex is inside.
 */
#ifndef DAEMON_ORDER_ERRAND_H
#define DAEMON_ORDER_ERRAND_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/problem.h"
#include "store/domain.h"

struct authority;
struct errand_queue;

enum errand_kind {
	ERRAND_SHOW,       /* what is known of the CA; asks nobody */
	ERRAND_TEST,       /* the way to the CA, as far as the account */
	ERRAND_ROLLOVER,   /* a new key for the account */
	ERRAND_REGISTER,   /* a new account, in place of one that is over */
	ERRAND_DEACTIVATE, /* the account's end */
	ERRAND_REVOKE,     /* a certificate */
};

struct errand {
	TAILQ_ENTRY(errand) link;
	uint64_t id; /* of who asks */
	enum errand_kind kind;
	char ca[NAME_WORD_MAX + 1];
	uid_t uid; /* who asks */
	/* REVOKE: */
	struct hostname name;
	unsigned reason; /* RFC 5280 5.3.1 */
	bool with_key;   /* signed by the certificate's key */
	bool renew;      /* get a new one */
	bool at_ca;      /* at `ca`, whoever issued it */
	/* The answer: */
	struct problem problem; /* kind NONE: done */
	const char *word;       /* static, in place of the problem's code; NULL: that */
	cJSON *said;            /* what there is to say; NULL: nothing */
	/* The issuer's: */
	struct authority *authority;
	bool second;        /* REVOKE: the name's second certificate */
	unsigned revoked;   /* so many are done */
	int64_t give_up_at; /* mono ms */
};

void errand_free(struct errand *errand);

MUST_CHECK enum err errand_queue_new(void (*wake)(void *arg), void *arg,
                                     struct errand_queue **ret_queue);
void errand_queue_free(struct errand_queue *queue);
/* Both take ERRAND over. The second calls WAKE. */
void errand_ask(struct errand_queue *queue, struct errand *errand);
void errand_end(struct errand_queue *queue, struct errand *errand);
/* The caller's from then on; NULL: none. */
struct errand *errand_next(struct errand_queue *queue);
struct errand *errand_ended(struct errand_queue *queue);

#endif
