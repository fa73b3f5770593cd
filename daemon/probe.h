/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/probe.h - the parent looks at the store before any role opens it, in a child
 *
 * LMDB answers damaged pages with SIGBUS or SIGSEGV: better in a child that lives for some
 * milliseconds than in a role, where it would be a crash loop. Quick on purpose: the whole store is
 * read later, in the background (daemon/control/command_check.c).
 */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include <stdbool.h>

#include "base/err.h"

struct conf;
struct problem;
struct secret;

/* ERR_CORRUPT with the sentence for the operator when the store cannot be lived with; whatever else
 * may be wrong is the keeper's to say. RET_CAREFUL: served/ can be read, and must not be written
 * (STORE_CAREFUL). */
MUST_CHECK enum err probe_store(const struct conf *conf, const struct secret *master,
                                bool *ret_careful, struct problem *ret_why);
/* Whether it can be opened and read at all, with the error of that; ERR_NOTFOUND: it is of an older
 * format, which a keeper must bring up to date first. */
MUST_CHECK enum err probe_open(const struct conf *conf, const struct secret *master,
                               struct problem *ret_why);

#endif
