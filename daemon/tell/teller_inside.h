/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/tell/teller_inside.h - what teller.c (thread, configuration), teller_target.c (one
 * target), teller_place.c (the store), teller_json.c and teller_send.c (programs, web services)
 * share; nobody else includes it. The teller's thread only, but for what the mutex guards. */
#ifndef DAEMON_TELL_TELLER_INSIDE_H
#define DAEMON_TELL_TELLER_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/problem.h"
#include "daemon/common/mailbox.h"
#include "daemon/common/pool.h"
#include "daemon/conf/conf.h"
#include "daemon/tell/teller.h"
#include "store/event.h"
#include "store/memo.h"

enum { TARGET_LABEL_MAX = 200, TELLER_PAGE = 32 };

struct target {
	TAILQ_ENTRY(target) link;
	struct teller *teller;
	const struct conf_target *conf;   /* NULL: it is gone, and goes when it is not busy */
	char key[MEMO_KEY_MAX + 1];       /* of its place in the store */
	char label[TARGET_LABEL_MAX + 1]; /* "exec /usr/lib/x", "webhook ops.example:443" */
	uint64_t place;                   /* events up to this one are done with */
	uint64_t stored;                  /* the same, as the store has it */
	bool busy;
	struct event event; /* that it is being told */
	uint32_t failures;  /* of that, in a row */
	int64_t since;      /* unix seconds: nothing older is held against it */
	int64_t again_at;   /* mono ms, 0: at once */
	bool anew;          /* a reload came while it was being told: if that fails, at once */
};

struct teller {
	struct store *store;
	struct notice_queue *notices;
	struct transport *transport;
	struct pool *pool;
	pthread_t thread;
	const struct conf *conf;
	TAILQ_HEAD(targets, target) targets;
	struct event page[TELLER_PAGE];
	uint64_t counted;  /* events up to this one are in state.written */
	int64_t stored_at; /* mono ms: the last time that places were */
	bool delivered;    /* since then */

	struct mailbox mail;
	struct teller_state state; /* guarded by its mutex */
};

/* teller_place.c: all false or 0 when the store does not answer now. */
/* Events behind AFTER into T->page. */
size_t teller_read(struct teller *t, uint64_t after);
/* The newest id; the newest that was dropped. */
bool teller_ends(struct teller *t, uint64_t *ret_last, uint64_t *ret_dropped);
/* Where a target has got; a new one begins behind LAST, which is stored at once. */
bool teller_find_place(struct target *target, uint64_t last);
/* Stores the places that have moved; forgets those of targets that are not there any more. */
void teller_store_places(struct teller *t);
void teller_forget_others(struct teller *t);

/* teller_json.c */
/* One line of JSON in valid UTF-8, a newline behind it. */
MUST_CHECK enum err teller_json(const struct event *event, struct buf *out);
/* "v1=" and HMAC-SHA256 of "TIMESTAMP.BODY" in hex. */
enum { TELLER_SIGNATURE_MAX = 80 };
MUST_CHECK enum err teller_sign(const struct secret *secret, int64_t timestamp,
                                const struct buf *body, char ret_text[TELLER_SIGNATURE_MAX]);

/* teller_send.c: begins to tell TARGET its event; target_told() comes later, or at once. */
void target_send(struct target *target);
/* Programs that have ended. */
void teller_take_ended(struct teller *t);

/* teller_target.c */
/* Label and key, from what it is. */
void target_name(struct target *target);
/* To the next event that it wants; the log ends at LAST, and has dropped those up to DROPPED. */
void target_go_on(struct target *target, uint64_t last, uint64_t dropped);
/* ERR_OK, or why not, in words; the other side may ask for a pause. */
void target_told(struct target *target, enum err err, const char *why, int64_t pause_ms);

#endif
