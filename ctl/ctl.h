/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/ctl.h - one call of certctl: its options, its connection, its output
 *
 * main() calls ctl_main(), which finds the verb's row and calls its function; that one asks certd
 * with ctl_ask() and answers the exit code (base/msg.h).
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "ctl/client.h"
#include "ctl/option.h"
#include "ctl/print.h"

struct ctl_verb;

struct ctl {
	const struct ctl_verb *verb;
	struct options options;
	char **args; /* behind the verb */
	size_t arg_count;
	struct client client;
	struct print print;
	int64_t started_ms; /* mono */
	bool enough;        /* nothing more of this reply is wanted */
};

enum { CTL_REPLY_MS = 60000 }; /* for all but those that wait for something */

typedef enum msg_exit ctl_run(struct ctl *ctl);

struct ctl_verb {
	const char *word;
	const char *args; /* "NAME...": ctl/usage.h */
	const char *help; /* one line */
	uint64_t options; /* bits, besides the global ones */
	ctl_run *run;
	const char *examples; /* lines, two at least */
	bool pages;           /* a person reads it page by page */
};

/* The table of verbs; NULL behind its end. */
const struct ctl_verb *ctl_verb_at(size_t at);

void ctl_help(void);
void ctl_help_verb(const struct ctl_verb *verb);

/* The whole program: the exit code. */
int ctl_main(int argc, char **argv);

/* {"verb": VERB}, to be filled. Never NULL: without memory the program ends. */
cJSON *ctl_request(const char *verb);

/* Called for each line before the last one. */
typedef void ctl_line(struct ctl *ctl, const cJSON *line, void *arg);

/* Sends REQUEST, connecting first if need be, and reads to the line with "end". Quiet: the caller
 * says what an error means. *RET_END is the object in "end", released by the caller with
 * cJSON_Delete(); NULL when ON_LINE had enough before. */
MUST_CHECK enum err ctl_exchange(struct ctl *ctl, const cJSON *request, int64_t deadline,
                                 ctl_line *on_line, void *arg, cJSON **ret_end);
/* The same for most verbs: takes REQUEST over, complains, and answers the exit code. *RET_END (may
 * be NULL) is NULL when there was none. */
enum msg_exit ctl_ask(struct ctl *ctl, cJSON *request, ctl_line *on_line, void *arg,
                      cJSON **ret_end);
/* The same for what takes as long as a CA does: within --timeout. */
enum msg_exit ctl_ask_long(struct ctl *ctl, cJSON *request, ctl_line *on_line, void *arg);
/* Tells a person that WHAT there is, is nothing: a program sees it. */
void ctl_found_nothing(const struct ctl *ctl, const char *what);
/* The exit code in an "end". */
enum msg_exit ctl_code(const cJSON *end);
/* Complains about a failed exchange: its exit code. */
enum msg_exit ctl_fail(struct ctl *ctl, enum err err);
/* --label, as {"key":"value"}; nothing when none is given. */
void ctl_add_labels(cJSON *request, const struct options *options);
/* --ca, as a text or, with commas, a list; nothing when it is not given. */
void ctl_add_cas(cJSON *request, const struct options *options);
/* Now plus --timeout. */
int64_t ctl_deadline(const struct ctl *ctl);

/* cmd_domain.c, cmd_show.c */
ctl_run cmd_retry, cmd_pause, cmd_resume;
ctl_run cmd_add, cmd_renew, cmd_remove, cmd_wait, cmd_list, cmd_show;
/* cmd_diagnose.c */
ctl_run cmd_diagnose;
ctl_run cmd_order, cmd_limits; /* cmd_order.c, cmd_limits.c */
ctl_run cmd_faults, cmd_ack;   /* cmd_faults.c */
/* cmd_import.c, cmd_export.c */
ctl_run cmd_import, cmd_apply, cmd_export;
/* cmd_ca.c */
ctl_run cmd_ca, cmd_revoke;
/* cmd_backend.c, cmd_db.c, cmd_key.c */
ctl_run cmd_backend, cmd_db, cmd_key;
/* cmd_status.c, cmd_system.c, cmd_config.c, cmd_events.c */
ctl_run cmd_status, cmd_reload, cmd_upgrade, cmd_config, cmd_version, cmd_events;
/* cmd_inspect.c */
ctl_run cmd_inspect;
/* cmd_console.c */
ctl_run cmd_console;
/* cmd_metrics.c, cmd_raw.c */
ctl_run cmd_metrics, cmd_raw;
/* cmd_check.c */
ctl_run cmd_check;
/* cmd_completion.c */
ctl_run cmd_completion;

#endif
