/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/role_upgrade.h - the part of daemon/role_inside.h that is about upgrades. Parent only. */
#ifndef DAEMON_ROLE_UPGRADE_H
#define DAEMON_ROLE_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct parent;
struct problem;

enum {
	CLAIM_MS = 50, /* between tries to take the store at an upgrade */
	CLAIM_FOR_MS = 30000,
	UPGRADE_READY_MS = 30000, /* for a new certd to be ready */
	UPGRADE_LEAVE_MS = 15000, /* for the keeper to answer its clients and go */
	COUNTS_MS = 1000,
};

/* The certd that takes our place. */
enum heir_state {
	HEIR_NONE,
	HEIR_STARTING, /* not ready yet: we serve, it can be refused */
	HEIR_TAKING, /* it accepts; our keeper is going. If it dies now, we take everything back */
	HEIR_WHOLE,  /* it has everything: we only drain */
};

struct heir {
	enum heir_state state;
	pid_t pid;   /* 0: none, or dead */
	int channel; /* -1: none */
	int64_t at;  /* mono ms: the end of this state; WHOLE: when it is told our counters */
};

/* The certd whose place we take. */
struct elder {
	int channel; /* -1: none, or gone */
	bool held;   /* it has not handed over yet */
	bool told;   /* held: that we are ready; then: that we are whole */
	bool older;  /* the store's format is: the keeper must be there before workers */
};

/* role_upgrade.c: we are the old one */
void upgrade_begin(struct parent *p);
void upgrade_refuse(struct parent *p, const char *why); /* the new one goes, all stays */
void upgrade_on_heir(struct parent *p);                 /* its channel */
void upgrade_on_child(struct parent *p);                /* has it died? */
void upgrade_on_keeper_gone(struct parent *p);
/* The keeper's control socket, on its way to the new one's: taken over. */
int upgrade_pass_control(struct parent *p, int control_fd);
/* What is due; answers when (mono ms) to come again. */
int64_t upgrade_on_time(struct parent *p);

/* role_takeover.c: we are the new one */
MUST_CHECK enum err takeover_look_at_store(struct parent *p, struct problem *why);
void takeover_begin(struct parent *p);
void takeover_refuse(struct parent *p, const char *why); /* we go */
void takeover_on_elder(struct parent *p);                /* its channel */
void takeover_on_ready(struct parent *p);                /* a role is */

#endif
