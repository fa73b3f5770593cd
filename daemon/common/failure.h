/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/common/failure.h - why a server could not be used: one number in shared memory, and its
 * words */
#ifndef DAEMON_COMMON_FAILURE_H
#define DAEMON_COMMON_FAILURE_H

#include <stdint.h>

enum failure_kind {
	FAILURE_NONE,
	FAILURE_CONNECT, /* value: errno */
	FAILURE_TIMEOUT,
	FAILURE_LOOKUP, /* value: -EAI_... */
	FAILURE_TLS,
	FAILURE_CERT, /* value: X509_V_ERR_... */
	/* What only a check finds. */
	FAILURE_LOST,   /* ended before it answered */
	FAILURE_ANSWER, /* what it said is no HTTP */
	FAILURE_STATUS, /* value: an HTTP status that is not expected */
};

enum { FAILURE_TEXT_MAX = 128 };

static inline uint32_t
failure_of(enum failure_kind kind, int value)
{
	return (uint32_t)kind << 24 | ((uint32_t)value & 0xffffff);
}

/* "connection refused"; "" for 0. Returns DST. */
char *failure_text(uint32_t failure, char dst[FAILURE_TEXT_MAX]);

#endif
