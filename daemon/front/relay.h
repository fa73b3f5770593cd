/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/relay.h - bytes both ways between two ends
 *
 * Each direction reads into memory the worker's connections share and writes on at once; what is
 * not taken is held by the end it came from (daemon/front/end.h), so an idle connection has no
 * buffer and a stuck one END_CHUNK a direction. The end of one direction is passed on and leaves
 * the other alone (half-close). An end that broke off is never passed on as a clean end.
 */
#ifndef DAEMON_FRONT_RELAY_H
#define DAEMON_FRONT_RELAY_H

#include "base/err.h"

struct end;

/* ERR_AGAIN: both wants say for what. ERR_OK: both directions have ended. ERR_IO: one end broke
 * off; what it had sent before has been passed on. */
MUST_CHECK enum err relay_run(struct end *client, struct end *backend, unsigned char *scratch);

#endif
