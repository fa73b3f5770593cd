/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/common/status_list.h - the counters and gauges of daemon/common/status.h */
#ifndef DAEMON_COMMON_STATUS_LIST_H
#define DAEMON_COMMON_STATUS_LIST_H

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
	X(RECORDS_CUT, "records_cut")                                                              \
	X(RECORDS_SLOWED, "records_slowed")                                                        \
	X(REJECTED_LIMIT, "rejected_limit")                                                        \
	X(REJECTED_ADDRESS, "rejected_address")                                                    \
	X(PROXY_REFUSED, "proxy_refused")                                                          \
	X(ACCEPT_PAUSES, "accept_pauses")                                                          \
	X(HTTP_REQUESTS, "http_requests")                                                          \
	X(HANDSHAKES_TLS12, "handshakes_tls12")                                                    \
	X(HANDSHAKES_TLS13, "handshakes_tls13")                                                    \
	X(DEMAND_WAITED, "on_demand_waited")                                                       \
	X(DEMAND_SERVED, "on_demand_served")                                                       \
	X(DEMAND_CROWDED, "on_demand_crowded")                                                     \
	X(DEMAND_QUESTIONS, "on_demand_questions")                                                 \
	X(DEMAND_ADDED, "on_demand_added")                                                         \
	X(DEMAND_REFUSED, "on_demand_refused")                                                     \
	X(DEMAND_OVER_BUDGET, "on_demand_over_budget")                                             \
	X(DEMAND_HOOK_FAILED, "on_demand_hook_failed")

/* Gauges: current values. */
#define STATUS_GAUGES(X)                                                                           \
	X(CONNECTIONS, "connections")                                                              \
	X(CRED_ENTRIES, "credential_entries")                                                      \
	X(HALF_OPEN, "half_open")

#endif
