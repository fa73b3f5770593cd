/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/descriptors.h - what the limit of open files allows
 *
 * A worker promises every connection it accepts two descriptors, the client's and the backend's,
 * and keeps some back for the store, the loop and whatever a library opens. So a flood of clients
 * never costs an accepted one its backend: the flood waits in the kernel's queue.
 */
#ifndef DAEMON_FRONT_DESCRIPTORS_H
#define DAEMON_FRONT_DESCRIPTORS_H

#include <stddef.h>

enum { DESCRIPTORS_KEPT = 64 }; /* or an eighth of the limit, when that is less */

/* Lifts this process's soft limit to its hard one. */
void descriptors_lift(void);
struct descriptors {
	size_t connections; /* of which each has its two; at least 1 */
	size_t kept;        /* not promised to them */
};

/* What fits under the soft LIMIT when USED descriptors are open. */
struct descriptors descriptors_under(size_t limit, size_t used);
/* The same for this process as it is now, taken to have no connections yet; MORE: how many of its
 * descriptors may lie above free ones. */
struct descriptors descriptors_now(size_t more);

#endif
