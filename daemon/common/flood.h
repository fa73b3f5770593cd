/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/flood.h - who asks for names we do not serve, from a worker to the keeper
 *
 * In the worker's slot of the status page, so bounded whatever comes: the FLOOD_TOP most frequent
 * pairs of client network (IPv4 /24, IPv6 /48) and reason, by the space-saving algorithm (Metwally,
 * Agrawal, El Abbadi 2005), how many there were for each reason, and the latest few names, escaped.
 * Adding is a scan of a kilobyte; it never waits.
 * Threads: one writer; any number of readers, each with a place of its own.
 */
#ifndef DAEMON_COMMON_FLOOD_H
#define DAEMON_COMMON_FLOOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network;
struct sockaddr;

enum flood_reason { FLOOD_UNKNOWN, FLOOD_INVALID, FLOOD_ABSENT, FLOOD_REASONS };
enum { FLOOD_TOP = 32, FLOOD_NAMES = 8, FLOOD_NAME_WORDS = 8, FLOOD_NAME_MAX = 63 };

struct flood_entry {
	_Atomic uint64_t key;   /* 0: unused, or being replaced */
	_Atomic uint64_t base;  /* what the count began with, taken over from another key */
	_Atomic uint64_t count; /* at least count - base of them were this key's */
};

struct flood {
	_Alignas(64) struct flood_entry top[FLOOD_TOP];
	_Atomic uint64_t total[FLOOD_REASONS];
	_Atomic uint64_t written; /* names, ever; number N is in names[N % FLOOD_NAMES] */
	_Atomic uint64_t names[FLOOD_NAMES][FLOOD_NAME_WORDS];
};

/* What a reader has seen; zeroed: nothing. */
struct flood_reader {
	struct {
		uint64_t key, count;
	} top[FLOOD_TOP];
	uint64_t read; /* names */
};

/* NAME: as the client sent it, NULL when it sent none. */
void flood_add(struct flood *flood, enum flood_reason reason, const struct sockaddr *client,
               const void *name, size_t len);

/* FN gets how many of KEY have come since the last time, at least. */
typedef void flood_fn(void *arg, uint64_t key, uint64_t count);
void flood_read(const struct flood *flood, struct flood_reader *reader, flood_fn *fn, void *arg);
/* The next name; false when there is none that is new. What comes faster than it is read is lost.
 */
bool flood_next_name(const struct flood *flood, struct flood_reader *reader,
                     char ret_name[FLOOD_NAME_MAX + 1]);
/* A client's network and why; and back. */
uint64_t flood_key(enum flood_reason reason, const struct sockaddr *client);
enum flood_reason flood_key_reason(uint64_t key);
void flood_key_network(uint64_t key, struct network *ret_network);

#endif
