/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/wait.h - waiting for names: each step as it happens, over a restart of certd if need be
 *
 * add and renew with "wait" go on with the steps in the same reply; what is open after that, or was
 * when certd went away, is asked for with the verb "wait". On a terminal steps are rewritten in
 * place, and what stays is how it ended.
 */
#ifndef CTL_WAIT_H
#define CTL_WAIT_H

#include "base/buf.h"
#include "ctl/ctl.h"

struct names;
struct waited;

struct waiting {
	struct waited *list; /* sorted by name, its texts borrowed; NULL: not begun */
	size_t count;
	int64_t deadline;
	enum msg_step until; /* with which a name is through */
	bool lost;           /* the connection was */
	struct buf path;     /* on a terminal: what is shown in place */
};

/* NAMES must stay as they are until wait_end(). Until they are served, or where w->until is set to
 * after this. False: no memory. */
bool wait_begin(struct waiting *w, const struct names *names, int64_t deadline);
/* Takes a line with "step". */
void wait_step(struct ctl *ctl, struct waiting *w, const cJSON *line);
/* After a failed exchange: what ERR means for the names that are open. */
void wait_broken(struct ctl *ctl, struct waiting *w, enum err err);
/* Waits until each name is through, and releases W. SEEN: exit codes from before, as bits. */
enum msg_exit wait_end(struct ctl *ctl, struct waiting *w, unsigned seen);

#endif
