/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/servers.h - the page of the backends' servers: what keeper and workers tell each
 * other
 *
 * Mapped by the parent before fork, a slot for each server of a backend, found by backend name and
 * server text, so it outlives every role and stays the same over a reload.
 *   parent  gives slots to the servers of all configurations in use, before a role has them
 *   keeper  addresses of servers that are names, health, the operator's state
 *   worker  its own count of connections; failures to connect, and what they mean for health
 * Threads: any; each field says who writes it.
 */
#ifndef DAEMON_COMMON_SERVERS_H
#define DAEMON_COMMON_SERVERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/common/status.h"

struct conf;
struct conf_address;

enum {
	SERVERS_MAX = 8192, /* two configurations of CONF_SERVERS_ALL_MAX: old workers may drain */
	SERVERS_ADDRESSES = 8,       /* of one name */
	SERVERS_BLIND_MS = 30 * 1000 /* without a look of the keeper: health says nothing */
};

enum server_health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum server_admin { ADMIN_READY, ADMIN_DRAIN, ADMIN_DISABLED };

struct server_slot {
	_Alignas(64) _Atomic uint32_t health; /* enum server_health; keeper and workers */
	_Atomic uint32_t told;                /* of health: what the last event said; keeper */
	_Atomic uint32_t failure; /* the last one, failure_of(); 0: none; keeper and workers */
	_Atomic uint32_t failed_in_row; /* connections; workers */
	_Atomic int64_t since;          /* unix seconds: health has been so */
	_Atomic uint64_t connects;      /* ever; workers */
	_Atomic uint64_t failures;      /* the same */
	_Atomic uint64_t mismatches; /* certificates that did not fit, ever; keeper and workers */
	_Atomic uint32_t mismatch;   /* failure_of() the last one; the same */
	_Atomic uint64_t mismatches_told; /* in an event; keeper */
	_Atomic uint32_t admin;           /* enum server_admin; keeper */
	_Atomic uint32_t edition;         /* of the addresses, in addresses[edition % 2]; keeper */
	struct server_address_list {
		_Atomic uint32_t count;
		_Atomic uint32_t v4; /* bits: which are IPv4 */
		_Atomic uint64_t words[SERVERS_ADDRESSES][2];
	} addresses[2];
	_Atomic uint32_t active[STATUS_SLOTS]; /* connections, by role; that worker */
	struct histogram_recent connecting;    /* how long it took, where it went well; workers */
};

struct servers {
	_Atomic uint32_t top;                 /* slots from here on were never used */
	_Atomic int64_t looked_at;            /* mono ms; keeper */
	_Atomic uint64_t ids[SERVERS_MAX];    /* of backend and server; 0: free; parent */
	struct server_slot slot[SERVERS_MAX]; /* untouched pages cost nothing */
};

MUST_CHECK enum err servers_new(struct servers **ret_servers);
void servers_free(struct servers *servers); /* accepts NULL */

/* Parent: each server of the COUNT confs has a slot, servers of no other have one. ERR_FULL. */
MUST_CHECK enum err servers_claim(struct servers *servers, const struct conf *const *confs,
                                  size_t count);
/* Parent: role ROLE is gone, and so are its connections. */
void servers_forget_role(struct servers *servers, size_t role);
/* NULL when no conf that was claimed has it. */
struct server_slot *servers_find(struct servers *servers, const char *backend, const char *server);

/* Connections of all workers. */
uint32_t server_active(const struct server_slot *slot);
/* Replaces the addresses; COUNT at most SERVERS_ADDRESSES, ports are not kept. */
void server_set_addresses(struct server_slot *slot, const struct conf_address *addresses,
                          size_t count);
/* How many there are, with PORT; ADDRESSES has room for SERVERS_ADDRESSES. */
size_t server_addresses(const struct server_slot *slot, uint16_t port,
                        struct conf_address *addresses);
/* Health is HEALTH from now on, unless it is so already: then false. */
bool server_set_health(struct server_slot *slot, enum server_health health);
/* FAILURE is the last one. */
void server_note_failure(struct server_slot *slot, uint32_t failure);
/* What a worker met. FALL failures in a row: the server is down. */
void server_connected(struct server_slot *slot);
void server_failed(struct server_slot *slot, uint32_t failure, uint32_t fall);

#endif
