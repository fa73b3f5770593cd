/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/check.h - reads everything there is, and names what is damaged
 *
 * LMDB has no checksums: damaged pages may end the process (SIGBUS, SIGSEGV, abort). So run it in a
 * process of its own that has no store open; its findings so far are then all there is to know, and
 * `at` of the last store_check_progress says where it ended. A check reads one instant's state; the
 * store may be in use.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct hostname;
struct problem;
struct secret;
struct store;

struct check_finding {
	enum err err;      /* ERR_CORRUPT, ERR_VERSION; ERR_OK: only progress */
	const char *env;   /* "served", "private" */
	const char *table; /* "domain", "count", ... */
	const char *key;   /* the key, escaped; a host name in most tables; "" for a whole table */
	const char *what;  /* a sentence */
	const struct hostname *lost; /* a name that only a list has; NULL: none */
};
/* Borrowed for the call. */
typedef void check_on_finding(void *arg, const struct check_finding *finding);

struct check_result {
	uint64_t records; /* looked at */
	uint64_t names;
	uint64_t damaged; /* findings other than progress */
};

/* Every record opens; every index, counter and change equals a recount; certificates agree with
 * their domains and have their chain. Calls ON_FINDING with ERR_OK when it begins with a table.
 * ERR_OK also when there were findings: look at RET_RESULT; an error when it could not go on, with
 * the sentence in RET_WHY. */
MUST_CHECK enum err store_check(const char *dir, const struct secret *master,
                                check_on_finding *on_finding, void *arg,
                                struct check_result *ret_result, struct problem *ret_why);

/* Looks at the first and last records of what every handshake needs. ERR_CORRUPT: LMDB does not
 * find its way to them. May end in SIGSEGV or SIGBUS: in a child. */
MUST_CHECK enum err store_check_ends(struct store *store);

#endif
