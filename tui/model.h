/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/model.h - what all screens know of certd: its last status, and rates made of it
 *
 * Asked for once a second. Times are mono milliseconds unless they end in _at (unix seconds).
 */
#ifndef TUI_MODEL_H
#define TUI_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/link.h"

enum { MODEL_SAMPLES = 120, MODEL_STALE_MS = 3000 };

/* name, counter of "front" in the status */
#define MODEL_RATES(X)                                                                             \
	X(ACCEPTED, "accepted")                                                                    \
	X(HANDSHAKES, "handshakes")                                                                \
	X(FAILED, "handshakes_failed")                                                             \
	X(RESUMED, "resumed")                                                                      \
	X(UNKNOWN, "sni_unknown")                                                                  \
	X(CACHED, "credentials_cached")                                                            \
	X(LOADED, "credentials_loaded")                                                            \
	X(CONNECTS, "backend_connects")                                                            \
	X(BACKEND_FAILED, "backend_failed")                                                        \
	X(BYTES_IN, "bytes_in")                                                                    \
	X(BYTES_OUT, "bytes_out")

enum model_rate {
#define X(name, word) MODEL_##name,
	MODEL_RATES(X)
#undef X
		MODEL_RATE_COUNT
};

struct model {
	struct link *link;
	struct link *watch; /* on which certd says that something has changed */
	void (*on_change)(void *owner, bool is_new); /* after each status; IS_NEW: certd was away */
	void *owner;
	cJSON *status; /* the last one, NULL: none yet */
	int64_t got_ms;
	bool is_here;      /* certd answered the last request */
	char trouble[256]; /* why it did not */
	bool is_asked, is_watching;
	bool is_watched_enough; /* certd will not have one more: the events' ids will do */
	int64_t events_last, names_revision;
	bool has_news;   /* something has happened since model_take_news() */
	bool may_change; /* the rights of who runs the console; true until certd says otherwise */
	double last[MODEL_RATE_COUNT];
	double rates[MODEL_RATE_COUNT][MODEL_SAMPLES]; /* a second, oldest first */
	double connections[MODEL_SAMPLES];
	size_t samples;
};

void model_init(struct model *m, struct link *link, struct link *watch);
void model_done(struct model *m);
/* Asks, unless an answer is waited for. */
void model_tick(struct model *m);
bool model_take_news(struct model *m);
/* No answer for MODEL_STALE_MS. */
bool model_is_stale(const struct model *m);
/* The last value of a rate. */
double model_rate(const struct model *m, enum model_rate rate);
/* A member of an object of the status ("names", "valid"; NULL: of itself), 0 without. */
int64_t model_number(const struct model *m, const char *object, const char *member);

#endif
