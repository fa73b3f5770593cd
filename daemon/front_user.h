/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front_user.h - workers as a user of their own, where certd may change users
 *
 * Who takes a worker over then is a user who owns nothing: the kernel keeps private/, the master
 * key and the control socket from it, also where a worker cannot confine itself (confine.h). It
 * takes CAP_SETUID and CAP_SETGID, which certd's unit does not have unless it is given them. Only
 * the parent keeps such rights.
 */
#ifndef DAEMON_FRONT_USER_H
#define DAEMON_FRONT_USER_H

#include <stdbool.h>

#include "base/err.h"

struct conf;
struct problem;

/* Whether CONF's front-user, if it has one, can be had: RET_WHY says what is missing. */
bool front_user_fits(const struct conf *conf, struct problem *ret_why);
/* The parent, before workers start: lets their group read served/. */
void front_user_let_in(const struct conf *conf);
/* This process is a role from now on: a worker becomes CONF's front-user, if it has one, and keeps
 * no capability; the keeper keeps that to bind a port of /metrics, and programs it starts have
 * none. Answers false when that cannot be: the process must end. */
bool front_user_worker(const struct conf *conf);
bool front_user_keeper(void);

#endif
