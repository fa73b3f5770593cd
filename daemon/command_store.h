/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/command_store.h - the verbs about the store as a whole, and what runs behind them: a
 * backup (a thread), a check (a process). Control thread only. */
#ifndef DAEMON_COMMAND_STORE_H
#define DAEMON_COMMAND_STORE_H

#include <cjson/cJSON.h>

struct control;

/* command_db.c */
/* Room, trouble, damage and keys, for status and db.stat. */
void add_store_state(cJSON *store, struct control *c);
/* For control.c: a backup may have ended, names may be due; a check may be due, the store lost. */
void store_on_wake(struct control *c);
void store_on_timer(struct control *c);
void store_end(struct control *c);

/* command_check.c */
void dbcheck_on_timer(struct control *c);
void dbcheck_end(struct control *c);

/* command_key.c */
/* {"key_id", "rotating", "left"} */
void add_keys(cJSON *object, struct control *c);
/* Begins the rotation that clients wait for, as soon as it may begin. */
void keys_on_timer(struct control *c);

#endif
