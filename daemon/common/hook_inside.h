/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/common/hook_inside.h - what hook.c (our side) and hook_minder.c (the process between us
 * and the program) share; nobody else includes it. */
#ifndef DAEMON_COMMON_HOOK_INSIDE_H
#define DAEMON_COMMON_HOOK_INSIDE_H

#include <stdnoreturn.h>

#include "daemon/common/hook.h"

enum { MINDER_END_MS = 5000 };

/* Each a pipe, [0] to read from. */
struct hook_pipes {
	int in[2], out[2];
	int leash[2]; /* nothing is written: who holds [1] lets go, and it is over */
	int told[2];  /* one struct hook_end */
};

struct hook_end {
	int error;  /* errno: the program did not begin; 0: it did, */
	int status; /* and this is what waitpid() said */
};

/* In a process of its own, after fork(): runs the program until it ends or the leash is let go,
 * then ends it and whatever it has started, wherever that went (setsid(), double forks): all of it
 * comes back to this process (PR_SET_CHILD_SUBREAPER). MINDER_END_MS is for what the kernel does
 * not let go of. */
noreturn void hook_mind(const struct hook_call *call, const struct hook_pipes *pipes);

#endif
