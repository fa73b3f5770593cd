/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/certd.h - what certd does by itself, without one that runs: certctl becomes it
 */
#ifndef CTL_CERTD_H
#define CTL_CERTD_H

#include "base/msg.h"

struct ctl;

/* Runs PROGRAM, which is beside certctl or in PATH, with ARGV. Returns only when there is none,
 * errno saying why. */
void program_become(const char *program, char *const *argv);
/* Runs the certd beside certctl, else the one in PATH, with -c of --config and WORDS (NULL-ended, a
 * few). Returns only when there is none, having complained that it cannot be found to do WHAT. */
enum msg_exit certd_become(const struct ctl *ctl, const char *what, const char *const *words);

#endif
