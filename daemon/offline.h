/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/offline.h - what certd does with a store besides running on it: `certd --db-...`,
 * --key-init
 *
 * Each is the whole of a process, prints for a person (or, for the keeper's check, one JSON object
 * a line), and answers the exit code (base/msg.h).
 */
#ifndef DAEMON_OFFLINE_H
#define DAEMON_OFFLINE_H

struct conf;

enum { OFFLINE_KEY_FD = 3 }; /* where the keeper's check gets the master key */

/* FILE: NULL or "" for the master-key of CONF. */
int offline_key_init(const struct conf *conf, const char *file);
int offline_restore(const struct conf *conf, const char *from);
int offline_compact(const struct conf *conf);
int offline_check(const struct conf *conf);
/* For the keeper: DIR, the master key from KEY_FD, no configuration. */
int offline_check_child(const char *dir, int key_fd);

#endif
