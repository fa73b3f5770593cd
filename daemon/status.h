/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/status.h - the shared page of counters: what the workers tell the keeper
 *
 * Mapped by the parent before fork, one slot per worker, written by that worker only, read by the
 * keeper. A slot outlives its worker, so counters keep growing over a restart; gauges are reset
 * when a new worker takes the slot.
 */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/report.h"

/* name, word in the control protocol */
#define STATUS_COUNTERS(X)                                                                         \
	X(ACCEPTED, "accepted")                                                                    \
	X(HANDSHAKES, "handshakes")                                                                \
	X(HANDSHAKES_FAILED, "handshakes_failed")                                                  \
	X(RESUMED, "resumed")                                                                      \
	X(STAPLED, "stapled")                                                                      \
	X(CLIENT_CERT_REFUSED, "client_certificates_refused")                                      \
	X(PASSTHROUGHS, "passthroughs")                                                            \
	X(CHALLENGES_SERVED, "challenges_served")                                                  \
	X(SNI_UNKNOWN, "sni_unknown")                                                              \
	X(SNI_INVALID, "sni_invalid")                                                              \
	X(SNI_ABSENT, "sni_absent")                                                                \
	X(HELLO_MALFORMED, "hello_malformed")                                                      \
	X(NO_CERTIFICATE, "no_certificate")                                                        \
	X(CHALLENGES_REFUSED, "challenges_refused")                                                \
	X(CRED_CACHED, "credentials_cached")                                                       \
	X(CRED_LOADED, "credentials_loaded")                                                       \
	X(CRED_FAILED, "credentials_failed")                                                       \
	X(BACKEND_CONNECTS, "backend_connects")                                                    \
	X(BACKEND_FAILED, "backend_failed")                                                        \
	X(BACKEND_UNKNOWN, "backend_unknown")                                                      \
	X(BYTES_IN, "bytes_in")                                                                    \
	X(BYTES_OUT, "bytes_out")                                                                  \
	X(TIMEOUTS, "timeouts")                                                                    \
	X(REJECTED_LIMIT, "rejected_limit")                                                        \
	X(ACCEPT_PAUSES, "accept_pauses")                                                          \
	X(HTTP_REQUESTS, "http_requests")

/* Gauges: current values. */
#define STATUS_GAUGES(X)                                                                           \
	X(CONNECTIONS, "connections")                                                              \
	X(CRED_ENTRIES, "credential_entries")

enum status_counter {
#define X(name, word) STATUS_##name,
	STATUS_COUNTERS(X) STATUS_GAUGES(X)
#undef X
		STATUS_COUNT
};

enum { STATUS_FIRST_GAUGE = STATUS_CONNECTIONS, STATUS_SLOTS = 128 };

struct status_slot {
	_Alignas(64) _Atomic uint64_t values[STATUS_COUNT];
	struct report_ring reports; /* damaged names it has met */
};

struct status {
	_Atomic int32_t pid; /* of the parent */
	_Atomic uint64_t worker_restarts;
	struct status_slot slot[STATUS_SLOTS];
};

/* A shared anonymous mapping that children inherit. */
MUST_CHECK enum err status_new(struct status **ret_status);
void status_free(struct status *status);

/* Only the slot's worker writes, so plain load and store, no locked instruction. */
static inline void
status_add(struct status_slot *slot, enum status_counter which, int64_t n)
{
	uint64_t v = atomic_load_explicit(&slot->values[which], memory_order_relaxed);

	atomic_store_explicit(&slot->values[which], v + (uint64_t)n, memory_order_relaxed);
}

void status_reset_gauges(struct status_slot *slot);
/* Sum over all slots. */
uint64_t status_sum(const struct status *status, enum status_counter which);
const char *status_word(enum status_counter which);

#endif
