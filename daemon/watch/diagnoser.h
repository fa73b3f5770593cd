/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/diagnoser.h - the keeper's thread that finds out why names fail
 * (daemon/dns/diagnose.h)
 *
 * After an attempt has failed it looks at the name, and again after 1, 2, 4, ... minutes, at most 6
 * hours, as long as it fails. What it finds is kept (store/diagnosis.h) and told when it changes.
 * When a fault that was there has gone, the name's next try is now: once in DIAGNOSER_WAKE_S, since
 * each try that fails counts at the CA. A name whose orders fail and that has led to none of our
 * addresses for `moved-after` has moved: no orders, a look a day at last, until it leads here
 * again. Healthy names are never looked at: only an order that fails begins it. DIAGNOSER_THREADS
 * names are looked at at once. Before that comes a glance (daemon/dns/glance.h), 256 names at once:
 * of those whose DNS was silent and is, no look is made; a batch takes 7 s at most, unless all of
 * it has been healed, so 50,000 dead names are gone through in 7 minutes if they are silent, in 23
 * at worst. Who asks goes first.
 */
#ifndef DAEMON_WATCH_DIAGNOSER_H
#define DAEMON_WATCH_DIAGNOSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct clockwatch;
struct conf;
struct diagnoser;
struct diagnosis;
struct issuer;
struct notice_queue;
struct store;

enum {
	DIAGNOSER_THREADS = 8,
	DIAGNOSER_WAKE_S = 12 * 60,
	DIAGNOSER_AGAIN_MAX_S = 6 * 3600,
	DIAGNOSER_MOVED_MAX_S = 24 * 3600,
	DIAGNOSER_ASKED_MAX = 64, /* that wait */
};

/* Borrowed until diagnoser_stop(), but for the conf, of which a reference is taken. */
struct diagnoser_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct issuer *issuer;
	struct clockwatch *clock;
};

MUST_CHECK enum err diagnoser_start(const struct diagnoser_config *config,
                                    struct diagnoser **ret_diagnoser);
void diagnoser_stop(struct diagnoser *diagnoser); /* accepts NULL; waits for its threads */

/* From any thread: */
void diagnoser_set_conf(struct diagnoser *diagnoser, const struct conf *conf);
void diagnoser_wake(struct diagnoser *diagnoser); /* there are new events */
/* Looks at NAME, one of ours or not. ERR_FULL: too many ask. The answer, under the asker's ID,
 * comes after a wake-up of the notices' reader. */
MUST_CHECK enum err diagnoser_ask(struct diagnoser *diagnoser, const struct hostname *name,
                                  uint64_t id);
/* False: there is none. RET_ERR: ERR_OK, or why there is no diagnosis. */
bool diagnoser_answer(struct diagnoser *diagnoser, uint64_t *ret_id, enum err *ret_err,
                      struct diagnosis *ret_diagnosis);
/* When a name whose fault has gone at NOW is tried, that was woken at WOKEN_AT (0: never). */
int64_t diagnoser_wake_at(int64_t woken_at, int64_t now);
/* Whether NAME may be ordered by a CA that wants no fault (`diagnose require`): it was looked at in
 * the last hour, and nothing was wrong. Else RET_DIAGNOSIS has what was, its code "" when it is to
 * be looked at first. */
bool diagnoser_allows(struct store *store, const struct hostname *name,
                      struct diagnosis *ret_diagnosis);

#endif
