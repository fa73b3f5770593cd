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

#include <stdbool.h>

#include "base/err.h"

struct conf;
struct problem;
struct secret;
struct store;

/* RET_MASTER: one key, or, when a change of it was interrupted, the old one with the new one behind
 * it (STORE_MASTER_PAIR_LEN): store_open() takes both. RET_WHY has the sentence for the operator
 * when any of these fails. */
MUST_CHECK enum err master_load(const struct conf *conf, struct secret *ret_master,
                                struct problem *ret_why);
/* The same, but never makes one: ERR_NOTFOUND. */
MUST_CHECK enum err master_find(const struct conf *conf, struct secret *ret_master,
                                struct problem *ret_why);
/* Writes a new key to PATH, 0400 and durable; ERR_EXISTS when something is there. */
MUST_CHECK enum err master_make(const char *path, struct secret *ret_master,
                                struct problem *ret_why);

/* A change of the key, which a kill may interrupt at any instant:
 *   1. the new key is written beside the old one, as FILE.next;
 *   2. the store is sealed under it (store_master_change());
 *   3. FILE.next becomes FILE, by rename().
 * master_change_begin() does 1, or finds what an interrupted change has left; master_change_end()
 * does 3. ERR_UNSUPPORTED: the key is a systemd credential, which is not ours to write. */
MUST_CHECK enum err master_change_begin(const struct conf *conf, struct secret *ret_old,
                                        struct secret *ret_new, struct problem *ret_why);
MUST_CHECK enum err master_change_end(const struct conf *conf, struct problem *ret_why);
/* Does 2 and 3 of an interrupted change: STORE is open for writing with MASTER, of master_find().
 * Whether there was one and it is done; logs. */
bool master_change_settle(const struct conf *conf, struct store *store,
                          const struct secret *master);

#endif
