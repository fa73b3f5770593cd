/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/wheel.h - deadlines of many connections behind one timer
 *
 * A wheel of WHEEL_SLOTS ticks. Moving a deadline further away, which happens with every byte
 * relayed, only writes a number: the entry stays in its slot and is put in a later one when its
 * slot comes round. Deadlines fire up to one tick late, never early. Ownership: entries are
 * embedded in what they belong to. Threads: one.
 */
#ifndef DAEMON_COMMON_WHEEL_H
#define DAEMON_COMMON_WHEEL_H

#include <stdint.h>

enum { WHEEL_TICK_MS = 250, WHEEL_SLOTS = 256 };

struct wheel_entry {
	struct wheel_entry *prev, *next;
	int64_t deadline_ms; /* clock_mono_ms() */
	int64_t tick;        /* the slot it is in; 0 = in none */
};

struct wheel {
	struct wheel_entry *slots[WHEEL_SLOTS];
	int64_t tick; /* the last one swept */
};

typedef void wheel_fn(struct wheel_entry *entry, void *arg);

void wheel_init(struct wheel *wheel, int64_t now_ms);
/* Adds ENTRY (zeroed before its first time) or moves its deadline. */
void wheel_set(struct wheel *wheel, struct wheel_entry *entry, int64_t deadline_ms);
void wheel_del(struct wheel *wheel, struct wheel_entry *entry); /* or nothing, when it is in none */
/* Takes out what is due and hands it to FN, which may set or del any entry. */
void wheel_sweep(struct wheel *wheel, int64_t now_ms, wheel_fn *fn, void *arg);

#endif
