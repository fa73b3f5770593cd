/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/demander_inside.h - what demander.c (thread, what is heard), demander_ask.c (the
 * permission hook) and demander_names.c (the store, events) share; nobody else includes it.
 * Demander's thread only, but for what the mutex guards. */
#ifndef DAEMON_WATCH_DEMANDER_INSIDE_H
#define DAEMON_WATCH_DEMANDER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hostname.h"
#include "daemon/common/mailbox.h"
#include "daemon/common/network.h"
#include "daemon/common/report.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/demand_book.h"
#include "daemon/watch/demander.h"

enum {
	DEMAND_BOOK_MAX = 8192,
	DEMAND_ASKING_MAX = 16,   /* questions at a time */
	DEMAND_WAITING_MAX = 256, /* for their turn */
	DEMAND_AGAIN_MS = 10000,  /* after what is no answer, or a full store */
	DEMAND_TELL_MS = 60000,   /* between two events of a kind */
};

struct demand_question;
struct suffix;
struct transport;

/* What is told in sum: the first at once, the rest once in DEMAND_TELL_MS. */
struct demand_tally {
	const char *type; /* of the event */
	uint32_t count;
	char detail[400]; /* of the last one */
	int64_t at_ms;    /* not before */
};

struct demander {
	struct demander_config config;
	const struct conf *conf; /* a reference */
	struct suffix *suffix;   /* NULL: none yet, or there is none */
	struct transport *transport;
	struct demand_book *book;
	struct report_reader asks[STATUS_SLOTS], uses[STATUS_SLOTS];
	TAILQ_HEAD(, demand_question) waiting, asked;
	size_t waiting_count, asking;
	int64_t rest_until_ms; /* mono: of the hook */
	unsigned unanswered;   /* questions in a row */
	struct demand_tally denied, hook_down;
	pthread_t thread, bell;
	atomic_bool stop;

	struct mailbox mail;
};

/* demander.c: all workers hear of it. */
void demander_refuse(struct demander *d, const struct hostname *name, int64_t until_ms);
bool demander_is_busy(const struct demander *d, size_t slot); /* a worker that has been asked */
void demander_format_network(uint64_t key, char text[NETWORK_TEXT_MAX + 1]);
void demander_count(struct demander *d, enum status_counter which);

/* demander_ask.c */
void demander_ask(struct demander *d, const struct hostname *name, uint64_t network);
void demander_send_questions(struct demander *d);
void demander_forget_questions(struct demander *d); /* none is answered any more */

/* demander_names.c */
/* TAKEN: NAME, or the wildcard above it, is in the store, or that cannot be told. REMOVED: somebody
 * wants it no more, and that is remembered (store/tombstone.h). */
enum demand_place { PLACE_FREE, PLACE_TAKEN, PLACE_REMOVED };
enum demand_place demander_place(struct demander *d, const struct hostname *name);
/* It may come: adds it, if its registered domain has some left. */
void demander_add(struct demander *d, const struct hostname *name);
void demander_note_uses(struct demander *d);
void demander_tally(struct demand_tally *tally, const char *format, ...) PRINTF_LIKE(2, 3);
void demander_tell(struct demander *d);

#endif
