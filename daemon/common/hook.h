/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/hook.h - runs a program of the operator's, with as little between us as possible
 *
 * No shell: execve() of a path and its arguments; INPUT on its stdin; an environment of PATH and
 * LANG; its working directory is "/", its process group its own, every signal as usual, no
 * descriptor of ours open. What it writes to stdout and stderr is read, HOOK_OUTPUT_MAX bytes at
 * most, and its last line is quoted when it fails. It is killed when it takes longer than it may,
 * writes more than it may, or we stop or die; and with its end, whichever it is, all that it has
 * started, in whatever session: a small process of ours between us and it sees to that
 * (daemon/common/hook_minder.c). Threads: any that may wait.
 */
#ifndef DAEMON_COMMON_HOOK_H
#define DAEMON_COMMON_HOOK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

struct problem;

enum { HOOK_OUTPUT_MAX = 64 * 1024, HOOK_INPUT_MAX = 16 * 1024 };

struct hook_call {
	const char *const *argv; /* the path first, NULL behind the last */
	const char *input;
	uint32_t timeout_ms;
	const atomic_bool *stop;
};

/* ERR_OK: it ended with status 0. Else PROBLEM_DNS_HOOK in words: ERR_REFUSED (another status, or a
 * signal), ERR_TIMEOUT, ERR_TOOBIG (its output), ERR_NOTFOUND (it cannot be run), ERR_STOPPED. */
MUST_CHECK enum err hook_run(const struct hook_call *call, struct problem *ret_why);

#endif
