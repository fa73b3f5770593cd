/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/control_inside.h - what control.c (clients and framing), control_*.c and
 * command*.c (the verbs) share; nobody else includes it. Control thread only. */
#ifndef DAEMON_CONTROL_CONTROL_INSIDE_H
#define DAEMON_CONTROL_CONTROL_INSIDE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/msg.h"
#include "daemon/control/command.h"
#include "daemon/control/command_events.h"
#include "daemon/control/control.h"
#include "daemon/control/control_parent.h"
#include "daemon/control/control_reply.h"
#include "daemon/control/control_rights.h"
#include "daemon/control/control_wait.h"
#include "daemon/control/shown.h"
#include "store/domain.h"

struct loop;
struct loop_watch;
struct import_job;
struct problem;
struct store_txn;
struct waited;

enum { CLIENTS_MAX = 64 };

struct control_client {
	int fd; /* -1: the place is free */
	struct control *control;
	struct loop_watch *watch;
	enum rights rights; /* as of the request under way */
	uid_t uid;          /* the peer's */
	pid_t pid;
	cJSON *request;            /* under way: a verb may take parts of it over */
	struct import_job *import; /* under way */
	bool busy;                 /* a long reply is under way: no further request is read */
	bool eof;                  /* it sends no more; what it asked is answered */
	int64_t asked_at;          /* mono ms: last request, or the connect */
	bool closing;              /* to be closed once `out` is empty */
	int64_t since;             /* mono ms: start of an unfinished line, 0 = none */
	struct buf in, out;
	struct waited *waited;      /* wait: names still open */
	unsigned outcomes;          /* wait: 1 << exit code of those that are through */
	bool following;             /* events */
	uint64_t event;             /* the last id sent */
	struct event_filter wanted; /* of them */
	bool watching;
	struct watched watched;
	int64_t told_ms;           /* mono ms: the last line of it */
	bool reloading, rotating;  /* the second waits for replaced workers to be through with their
	                              handshakes */
	bool upgrading;            /* waits for the upgrade that is in work */
	bool backing_up, checking; /* waits for the backup, the check that runs */
	uint64_t errand;           /* what the issuer does for it, 0 = nothing */
	uint64_t diagnosis;        /* what is looked at for it, 0 = nothing */
};

struct control {
	struct loop *loop;
	const struct conf *conf;
	const struct conf *next_conf; /* checked, the parent is at it */
	struct store *store;
	struct status *status;
	struct issuer *issuer;
	struct upkeep *upkeep;
	struct renewer *renewer;
	struct stapler *stapler;
	struct metrics *metrics;
	struct teller *teller;
	struct warner *warner;
	struct diagnoser *diagnoser;
	struct demander *demander;
	struct auditor *auditor;
	struct clockwatch *clock;
	struct health *health;
	struct servers *servers;
	struct notice_queue *notices;
	struct import_pool *imports; /* NULL until the first import */
	bool upgrading;              /* a new certd is being started */
	int64_t leave_by;            /* mono ms: it is there, we go; 0: no */
	bool orphaned;               /* our parent has died: another one may serve here now */
	int channel, listen_fd;
	ino_t socket_ino; /* of the socket file: it may be another certd's by the end */
	struct loop_watch *channel_watch, *listen_watch;
	struct loop_timer *timer;
	int64_t started_at;
	struct dbjob *backup; /* what runs, NULL: none */
	struct dbcheck *check;
	uint64_t errands;                /* asked so far; diagnoses too */
	int64_t refused_ms;              /* mono ms: the last event of it, and */
	uid_t refused_uid;               /* whom it names; root is never refused */
	int64_t rotate_at;               /* mono ms: not before, see command_key_rotate() */
	int64_t check_at;                /* mono ms: the next check that nobody asks for */
	cJSON *last_check, *last_backup; /* what came of them, for db.stat; NULL: none yet */
	struct front_recent *recent;     /* what the front counted a minute ago; NULL: not yet */
	struct due_hours *due_hours;     /* the last count of what is due; NULL: none yet */
	struct control_client clients[CLIENTS_MAX];
};
/* control_socket.c */
/* The inherited listen_fd or a new one. Closing removes the file unless it is another certd's. */
MUST_CHECK enum err control_open_socket(struct control *c);
void control_close_socket(struct control *c);
/* A free place for a client with RIGHTS, or that of the one which has sat there longest and asks
 * nothing: to be closed. NULL: there is none; who has no right gets few. */
struct control_client *control_place(struct control *c, enum rights rights);
/* After a reload: who may do nothing any more goes. */
void control_recheck(struct control *c);

void diagnosis_on_done(struct control *c); /* command_diagnose.c */
void import_on_done(struct control *c);    /* command_import.c */
void import_end(struct control *c);        /* gives up what is under way, and says so */
void import_forget(struct control_client *cl);

#endif
