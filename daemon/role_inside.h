/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/role_inside.h - what role.c (the parent's loop) and role_*.c share: beginning and end
 * (prepare), one role's life, restart, store, reload, upgrade and takeover. Parent only. */
#ifndef DAEMON_ROLE_INSIDE_H
#define DAEMON_ROLE_INSIDE_H

#include <stdint.h>

#include "base/secret.h"
#include "daemon/common/history.h"
#include "daemon/common/servers.h"
#include "daemon/common/status.h"
#include "daemon/role.h"
#include "daemon/role_upgrade.h"
#include "daemon/sockets.h"
#include "daemon/spawn.h"

enum {
	ROLES_MAX = STATUS_SLOTS, /* a role's index is its slot of the status page */
	KEEPER = STATUS_KEEPER,   /* index of the keeper */
	QUIT_GRACE_MS = 2000,     /* from ROLE_QUIT to SIGKILL */
	RESTART_MAX_MS = 5000,
	KEEPER_RESTART_MAX_MS = 10000, /* nobody is refused a connection meanwhile */
};

enum role_state { ROLE_FREE, ROLE_STARTING, ROLE_RUNNING, ROLE_LEAVING, ROLE_WAITING };
struct problem;

struct role {
	enum role_state state; /* WAITING: dead, to be started at `at` */
	struct spawn spawn;
	bool fresh;              /* of a reload that is not through yet */
	int64_t at;              /* mono ms: started, or to be started; LEAVING: to be killed */
	int64_t left_at;         /* mono ms: LEAVING since */
	uint32_t master_count;   /* of the master key that it was started with */
	uint32_t delay_ms;       /* before the next restart */
	uint32_t crashes;        /* the keeper: in a row, see role_restart.c */
	uint64_t beats;          /* of its slot, as they were at the last look */
	uint32_t silent;         /* looks since they changed */
	int killed_by;           /* the signal that ended it, 0: none did */
	const struct conf *conf; /* what it runs with: a reference */
};

struct parent {
	const struct role_config *config;
	const struct conf *conf;
	struct sockets sockets;
	struct status *status;
	struct servers *servers;
	struct secret master;  /* for the roles to come; see STORE_MASTER_PAIR_LEN */
	uint32_t master_count; /* grows with each new one */
	struct store *store;   /* single only */
	int lock_fd;
	int signal_fd;
	struct role roles[ROLES_MAX];
	bool served;    /* the keeper has been ready once: workers may start */
	bool announced; /* all workers have been ready once */
	bool readonly;  /* the store's file system is: workers only, until that ends */
	bool careful;   /* the keeper is not to write to served/ from the start */
	bool stopping;
	int64_t look_at;         /* mono ms: when the roles are watched next */
	int64_t stop_at;         /* mono ms: end of the grace */
	const struct conf *next; /* a reload in work: its conf and sockets */
	struct sockets next_sockets;
	struct heir heir;
	struct elder elder;
	int control_fd;      /* the old keeper's control socket, for ours; -1: none */
	int64_t claim_until; /* mono ms: the store is about to be free, try often */
	struct news news;    /* for the next keeper */
	int exit_code;
};

/* role_life.c */
void role_say(struct role *r, enum role_message message, const char *text);
const char *role_name(const struct role *r);
bool role_is_alive(const struct role *r);
/* A free role for CONF, of which it takes a reference; NULL when all are taken. */
struct role *role_take(struct parent *p, enum spawn_kind kind, const struct conf *conf);
void role_start(struct parent *p, struct role *r);
MUST_CHECK enum err role_start_workers(struct parent *p, const struct conf *conf,
                                       const struct sockets *sockets, bool fresh);
/* Tells it to go; it is killed at KILL_AT (mono ms). HOW 0: it has been told. */
void role_leave(struct role *r, enum role_message how, int64_t kill_at);
void role_drain(struct role *r); /* a worker; one that does not end in its time is killed */
void role_release(struct role *r);
void role_let_serve(struct role *r);                      /* a fresh worker, which is held */
MUST_CHECK enum err role_claim_servers(struct parent *p); /* slots, for all confs in use */

/* role_restart.c: when R, dead and not told to go, is started again, and as what */
void role_plan_restart(struct parent *p, struct role *r, bool never_ran);
bool role_has_crashed(const struct role *r); /* by a signal that damaged pages or a bug cause */
/* Whether a careful keeper is to be given another try with writing. */
void role_retry_writing(const struct parent *p, struct role *r, int64_t now);

/* role_watch.c: kills who hangs, tells the service manager; mono ms: when to come again. */
int64_t watch_on_time(struct parent *p);

/* role_store.c: takes the store; p->readonly when it can only be read and served. */
MUST_CHECK enum err role_claim_store(struct parent *p, struct problem *why);
/* Whether the keeper may start: always, but on a read-only file system. */
bool role_may_write(struct parent *p);
/* The master key as it is on disk now; what we have stays when that cannot be read. */
void role_refresh_master(struct parent *p);
/* Whether R is a worker that runs with an older master key than the parent has: it must be replaced
 * before the next rotation of the data keys. */
bool role_is_stale(const struct parent *p, const struct role *r);

/* role.c */
void role_serve(struct parent *p);    /* starts the workers */
void role_announce(struct parent *p); /* when all of them are ready */
void role_stop(struct parent *p);     /* drains; at once when called again */
bool role_any_alive(const struct parent *p);
void role_run(struct parent *p); /* to the end */

/* role_reload.c */
void reload_begin(struct parent *p);
void reload_check(struct parent *p); /* done when all new workers are ready */
void reload_undo(struct parent *p, const char *why);

#endif
