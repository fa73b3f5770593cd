/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/plan.h - when a name is looked at next
 *
 * Pure arithmetic over unix seconds; the due index (store/domain.h) keeps the result. RANDOM is any
 * number; it spreads what would else come due in the same second.
 */
#ifndef DAEMON_ORDER_PLAN_H
#define DAEMON_ORDER_PLAN_H

#include <stdint.h>

struct hostname;
struct problem;

/* Renewal is due with 1/3 of the life left, 1/2 when the whole life is 10 days or less; up to 1 %
 * of the life earlier. */
int64_t plan_renew_at(int64_t not_before, int64_t not_after, uint32_t random);

/* How much of a certificate's life is left at NOW, permille; 0 when it has expired. */
int64_t plan_life_left(int64_t not_before, int64_t not_after, int64_t now);

/* After the FAILURES-th failure in a row (1 = the first): 1, 10, 100 minutes, then daily, and up to
 * a tenth more; at most 10 minutes when the fault is the CA's own or its configuration's, so that a
 * repair is noticed soon; not before the CA's own retry_at (clamped to 7 days); but never past half
 * of what is left of a certificate that still holds (NOT_AFTER, 0 = none). */
int64_t plan_retry_at(uint32_t failures, int64_t now, int64_t not_after,
                      const struct problem *problem, uint32_t random);

/* A moment of the CA's window [START, END), any with the same chance; none after LATEST, which is
 * the answer when all of the window is. It may be in the past: renew now (RFC 9773 4.2). */
int64_t plan_window_at(int64_t start, int64_t end, int64_t latest, uint32_t random);
/* However late a CA's window, renewal begins with a tenth of the life left. */
int64_t plan_latest_at(int64_t not_before, int64_t not_after);
/* How long a certificate is kept at least, whatever the CA says, when EARLY ones before it lasted
 * less than a day: 0, then 1, 2, 4, ... hours, at most a day. A CA whose windows are always in the
 * past gets no endless orders. */
int64_t plan_early_wait(uint32_t early);
/* When the CA is asked again: at its Retry-After (-1: 6 hours) within 1 minute and 1 day, and up to
 * a tenth more. */
int64_t plan_poll_at(int64_t now, int64_t retry_after_ms, uint32_t random);

/* An OCSP answer is asked for again when half of what is left of it is over, up to a tenth of that
 * earlier; at least a minute from NOW. */
int64_t plan_staple_at(int64_t now, int64_t next_update, uint32_t random);
/* After the FAILURES-th failure in a row (1 = the first): 1, 2, 4, ... minutes, at most 6 hours,
 * and up to a quarter more. */
int64_t plan_ask_again_at(uint32_t failures, int64_t now, uint32_t random);
/* A RANDOM for NAME, always the same: the hour of a million imports must not become the hour of
 * their renewals. */
uint32_t plan_spread_of(const struct hostname *name);

#endif
