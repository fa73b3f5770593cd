/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/glance.h - of many names at once: whether DNS answers at all
 *
 * A look at a name (daemon/dns/diagnose.h) whose DNS servers are silent takes half a minute, so
 * 50,000 of them would take days. This asks for the A records of GLANCE_NAMES at once and waits
 * GLANCE_MS, so whose servers answer again is found within minutes. Blocks so long. Threads: any.
 */
#ifndef DAEMON_DNS_GLANCE_H
#define DAEMON_DNS_GLANCE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"

struct conf;
struct hostname;

enum { GLANCE_NAMES = 256, GLANCE_MS = 2000 };

enum glance_word {
	GLANCE_ANSWERS, /* with whatever: a look is worth its time */
	GLANCE_FAILS,   /* SERVFAIL and the like */
	GLANCE_SILENT,  /* not within GLANCE_MS */
};

/* Up to GLANCE_NAMES. ERR_STOPPED; ERR_INVALID, ERR_IO: DNS cannot be asked from here. */
MUST_CHECK enum err glance(const struct conf *conf, const atomic_bool *stop,
                           const struct hostname *const *names, size_t count,
                           enum glance_word *ret_words);

#endif
