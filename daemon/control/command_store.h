/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/command_store.h - the verbs about the store as a whole, and what runs behind them:
 * a backup (a thread), a check (a process). Control thread only. */
#ifndef DAEMON_CONTROL_COMMAND_STORE_H
#define DAEMON_CONTROL_COMMAND_STORE_H

#include <cjson/cJSON.h>

struct control;

/* command_db.c */
/* Room, trouble, damage and keys, for status and db.stat. */
void add_store_state(cJSON *store, struct control *c);
/* For control.c: a backup may have ended, names may be due; a check may be due, the store lost; the
 * end: what runs is given up, and who waits for it is told. */
void store_on_wake(struct control *c);
void store_on_timer(struct control *c);
void store_end(struct control *c);

/* command_last.c: what came of the last backup and check. The keep functions take JSON over. */
void last_recall(struct control *c);
void last_keep_backup(struct control *c, cJSON *json);
void last_keep_check(struct control *c, cJSON *json);
void add_last(cJSON *object, struct control *c);

/* command_check.c */
void dbcheck_on_timer(struct control *c);
void dbcheck_end(struct control *c);

/* command_key.c */
/* {"key_id", "rotating", "left"} */
void add_keys(cJSON *object, struct control *c);
/* Begins the rotation that clients wait for, as soon as it may begin. */
void keys_on_timer(struct control *c);

#endif
