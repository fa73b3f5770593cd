/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_window.h - a window on a list of names, in both directions (environment served/)
 *
 * The lists of store/domain_list.h, and all names. A row costs one domain_get(), whatever the
 * number of names; one whose record does not open is there as FAILING with a problem that says so:
 * do not put it back. Those that belong to no name are passed over.
 */
#ifndef STORE_DOMAIN_WINDOW_H
#define STORE_DOMAIN_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/domain.h"

struct store_txn;

struct domain_window {
	enum window_list {
		WINDOW_NAMES,  /* all, by name */
		WINDOW_EXPIRY, /* with a certificate, by (not_after, name) */
		WINDOW_STATE,  /* in the state `word`, not "valid", by name */
		WINDOW_REASON, /* whose problem has the code `word` */
		WINDOW_LABEL,  /* with the label `word`, "key=value" */
	} list;
	const char *word;
	/* The place: a name, with its time in EXPIRY. FROM, BEHIND and BEFORE take any bytes for a
	 * name, so the first letters of one, and none: in front of all names (of `at`). */
	enum window_place { WINDOW_FROM, WINDOW_BEHIND, WINDOW_BEFORE, WINDOW_LAST } place;
	int64_t at; /* INT64_MIN: in front of all */
	struct hostname name;
};

/* Up to LIMIT rows: from the place on (FROM), behind it, in front of it, or the last ones. The
 * latter two come backwards: the nearest first. */
MUST_CHECK enum err domain_window(struct store_txn *txn, const struct domain_window *window,
                                  size_t limit, struct domain *domains, size_t *ret_count);

#endif
