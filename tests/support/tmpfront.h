/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tmpfront.h - a real worker in a thread, on loopback, over a temporary store
 *
 * tmpfront_init() gives a store and a configuration that the test may change; tmpfront_run()
 * starts.
 */
#ifndef TESTS_SUPPORT_TMPFRONT_H
#define TESTS_SUPPORT_TMPFRONT_H

#include <pthread.h>
#include <stdbool.h>

#include "daemon/common/servers.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/worker.h"
#include "tests/support/tmpstore.h"

enum { TMPFRONT_TLS, TMPFRONT_HTTP, TMPFRONT_LISTENS };
enum { TMPFRONT_BACKENDS = 8 };

struct tmpfront {
	struct tmpstore store;
	struct conf conf;
	struct conf_listen listens[TMPFRONT_LISTENS];
	struct conf_backend backends[TMPFRONT_BACKENDS];
	struct status *status;
	struct servers *servers;
	struct worker_config config;
	int listen_fds[TMPFRONT_LISTENS];
	int workers_fds[TMPFRONT_LISTENS]; /* copies, which it closes */
	uint16_t ports[TMPFRONT_LISTENS];
	int channel;
	pthread_t thread;
	bool running;
	enum err result; /* of worker_run() */
};

void tmpfront_init(struct tmpfront *f);
/* Adds backend NAME at PORT of loopback. */
struct conf_backend *tmpfront_backend(struct tmpfront *f, const char *name, uint16_t port);
/* Adds a server at PORT of loopback. */
void tmpfront_server(struct conf_backend *b, uint16_t port);
void tmpfront_run(struct tmpfront *f); /* returns when the worker is ready */
void tmpfront_tell(struct tmpfront *f, char message);
void tmpfront_join(struct tmpfront *f); /* waits for the worker's end */
void tmpfront_done(struct tmpfront *f); /* stops it, when it runs, and removes everything */

uint64_t tmpfront_count(const struct tmpfront *f, enum status_counter which);
/* Waits a while for COUNTER to become VALUE; fails the test when it does not. */
void tmpfront_expect(const struct tmpfront *f, enum status_counter which, uint64_t value);

#endif
