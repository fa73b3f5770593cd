/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/check_child.h - the process that checks the store: our own program, `certd
 * --db-check` */
#ifndef DAEMON_CONTROL_CHECK_CHILD_H
#define DAEMON_CONTROL_CHECK_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct conf;
struct problem;

/* RET_OUT: its stdout, to be closed in any case; -1: none. It gets the master key through a pipe.
 */
MUST_CHECK enum err check_child_start(const struct conf *conf, pid_t *ret_pid, int *ret_out,
                                      struct problem *ret_why);
/* Milliseconds it may read the store in DIR for, which is many times what a slow disk needs:
 * damaged pages may send who reads them round in circles. */
int64_t check_child_limit_ms(const char *dir);
/* Kills and reaps it. */
void check_child_end(pid_t pid);

#endif
