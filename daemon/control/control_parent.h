/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/control_parent.h - the part of daemon/control/control_inside.h about what the
 * keeper asks of the parent: reload and upgrade. Control thread only. */
#ifndef DAEMON_CONTROL_CONTROL_PARENT_H
#define DAEMON_CONTROL_CONTROL_PARENT_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct control;
struct control_client;

/* control_upgrade.c */
void upgrade_on_message(struct control *c, char message, const char *text); /* as below */
/* While we go: whether a client is to be told so instead of being served. */
void upgrade_turn_away(struct control_client *cl);
void upgrade_on_timer(struct control *c); /* goes when all is answered */
/* control_reload.c */
/* Begins one unless it is in work; clients that are `reloading` get its answer. */
void reload_ask(struct control *c);
/* Whether one would be begun now; else WHY. */
bool reload_is_possible(struct control *c, char *why, size_t size);
/* Whether what runs can go on with NEW; else WHY. */
bool reload_fits(struct control *c, const struct conf *new, char *why, size_t size);
/* TEXT: a sentence behind the byte, or "". */
void reload_on_message(struct control *c, char message, const char *text);

#endif
