/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/confine.h - a worker gives up what it does not need, once it has opened all it needs
 *
 * A worker is the process that strangers speak to. It runs as the same user as the keeper, so
 * without more whoever takes it over would read the master key's file and private/, ask the
 * control socket for private keys, or stop the keeper. Afterwards it cannot open a file but the
 * system's CA certificates and programs' (to read), change rights or cut a file, make or connect a
 * UNIX socket, listen, start a process, or signal, limit or trace another one. What is open stays
 * usable: the store, listening sockets, the channel. Landlock does the first (Linux 5.13), a
 * seccomp filter the rest (x86-64 and AArch64).
 */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include <stdbool.h>

/* The calling thread, for good, and those it starts. Needs PR_SET_NO_NEW_PRIVS. Answers false, and
 * says so in the log, when the kernel, or who started us, does not let us have all of it; the rest
 * is done. */
bool confine_worker(void);

#endif
