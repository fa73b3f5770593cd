/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/attempt.h - what happened when we asked CAs for a name's certificate (environment private/)
 *
 * One record a name, with its last attempts, oldest first: the CA, the order, and why it came to
 * nothing. Of those that went well only the last ATTEMPTS_GOOD are kept. Steps and the CA's
 * document are kept of the one in work, of those cut short, and of the last failure at each CA. It
 * is written with commits that happen anyway, so the newest may lack its last steps, or after a
 * kill its end.
 */
#ifndef STORE_ATTEMPT_H
#define STORE_ATTEMPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/problem.h"
#include "store/domain.h"

struct hostname;
struct store_txn;

enum {
	ATTEMPTS_MAX = 8,
	ATTEMPTS_GOOD = 1,
	ATTEMPT_STEPS_MAX = 24, /* the first ones and the newest */
	ATTEMPT_WORD_MAX = 15,
	ATTEMPT_URL_MAX = 511,
	ATTEMPT_DOCUMENT_MAX = 4095,
};

/* A request and its answer; a repeat of the same counts up. */
struct attempt_step {
	char word[ATTEMPT_WORD_MAX + 1]; /* the order engine's state */
	uint16_t status;                 /* HTTP; 0: nothing was heard */
	uint16_t count;
	int64_t at_ms; /* unix milliseconds of the last answer */
};

struct attempt {
	int64_t began_ms; /* unix milliseconds */
	int64_t ended_at; /* 0: it goes on, or was cut short when it is not the newest */
	int64_t next_at;  /* a failed one's next try */
	char ca[NAME_WORD_MAX + 1];
	char order[ATTEMPT_URL_MAX + 1]; /* URL, "" = none, or too long to be kept */
	struct attempt_step steps[ATTEMPT_STEPS_MAX];
	size_t step_count;
	struct problem problem;                  /* kind NONE: none */
	char document[ATTEMPT_DOCUMENT_MAX + 1]; /* the CA's problem document, JSON; "" = none */
};

struct attempts {
	struct attempt list[ATTEMPTS_MAX];
	size_t count;
};

/* Notes an answer AT_MS. */
void attempt_step(struct attempt *attempt, const char *word, uint16_t status, int64_t at_ms);

/* ERR_NOTFOUND: there never was one. */
MUST_CHECK enum err attempts_get(struct store_txn *txn, const struct hostname *name,
                                 struct attempts *ret_attempts);
/* Adds ATTEMPT as the newest, in place of what was written of it before (the same began_ms and ca).
 * A record that does not open is replaced. */
MUST_CHECK enum err attempt_put(struct store_txn *txn, const struct hostname *name,
                                const struct attempt *attempt);
/* ERR_OK also when there is none. */
MUST_CHECK enum err attempts_del(struct store_txn *txn, const struct hostname *name);

#endif
