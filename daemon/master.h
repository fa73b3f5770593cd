/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/master.h - the master key that seals the store
 *
 * Looked for as the systemd credential "certd.master", then as the file of `master-key`. At the
 * very first start, when there is neither a key nor a store, a new one is written there, mode 0400.
 * A store without its key is never started on: what is sealed would be lost.
 */
#ifndef DAEMON_MASTER_H
#define DAEMON_MASTER_H

#include "base/err.h"

struct conf;
struct problem;
struct secret;

/* RET_WHY has the sentence for the operator when it fails. */
MUST_CHECK enum err master_load(const struct conf *conf, struct secret *ret_master,
                                struct problem *ret_why);

#endif
