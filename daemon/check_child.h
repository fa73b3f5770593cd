/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/check_child.h - the process that checks the store: our own program, `certd --db-check` */
#ifndef DAEMON_CHECK_CHILD_H
#define DAEMON_CHECK_CHILD_H

#include <sys/types.h>

#include "base/err.h"

struct conf;
struct problem;

/* RET_OUT: its stdout, to be closed in any case; -1: none. It gets the master key through a pipe.
 */
MUST_CHECK enum err check_child_start(const struct conf *conf, pid_t *ret_pid, int *ret_out,
                                      struct problem *ret_why);
/* Kills and reaps it. */
void check_child_end(pid_t pid);

#endif
