/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/parts.h - parts of verbs that others show, too */
#ifndef CTL_PARTS_H
#define CTL_PARTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

struct ctl;

/* The verb show, with that many of the name's latest events. */
enum msg_exit show_name(struct ctl *ctl, size_t events);
/* The latest COUNT events of NAME, oldest first: a list that the caller deletes. */
enum msg_exit events_last(struct ctl *ctl, const char *name, size_t count, cJSON **ret_list);
/* For people; nothing for NULL. */
void events_print(const cJSON *list);
/* There is no NAME: complains with the one that was meant, if one is near. */
void suggest_name(struct ctl *ctl, const char *name);
/* The fields of DIAGNOSIS (NULL: nothing); WHOLE: all that was seen, too. */
void print_diagnosis(const cJSON *diagnosis, int64_t now, bool whole);

#endif
