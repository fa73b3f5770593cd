/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/diagnoser_glance.h - the batch of names whose DNS is tried before they are looked at
 * (diagnoser_glance.c); a part of diagnoser_inside.h. The diagnoser's thread only. */
#ifndef DAEMON_WATCH_DIAGNOSER_GLANCE_H
#define DAEMON_WATCH_DIAGNOSER_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hostname.h"
#include "daemon/common/pool.h"
#include "daemon/dns/glance.h"

struct conf;
struct diagnoser;

/* A name before its look. */
struct glanced {
	struct hostname name;
	int64_t ends;    /* its certificate; INT64_MAX: it has none that holds */
	bool was_silent; /* what is known of it is that its DNS does not answer */
	enum glance_word word;
};

/* Names are gathered, are in the pool, are back and looked at one by one. */
struct glancing {
	struct pool_task pool; /* first */
	enum { GLANCE_GATHERS, GLANCE_OUT, GLANCE_BACK } phase;
	const struct conf *conf; /* a reference, while it is OUT */
	struct glanced names[GLANCE_NAMES];
	size_t count, at;
	int64_t until;                 /* mono ms */
	uint16_t silent[GLANCE_NAMES]; /* which are to get no look */
	size_t silent_count;
};

/* Whether COUNT more names fit into the batch. */
bool diagnoser_glance_has_room(const struct diagnoser *g, size_t count);
/* One of them, unless it is being looked at. */
void diagnoser_glance_add(struct diagnoser *g, const struct glanced *name);
/* The batch, if there is one, goes; it may be back; looks begin. */
void diagnoser_glance_send(struct diagnoser *g);
void diagnoser_glance_collect(struct diagnoser *g);
void diagnoser_glance_go_on(struct diagnoser *g);

#endif
