/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/progress.h - how far bulk work is: how many, how fast, how much is left
 *
 * On a terminal a line in place, after the first half second; with --progress elsewhere a line a
 * second on stderr. Else nothing.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool asked; /* --progress */
	int64_t began_ms;
	int64_t told_ms;
	uint64_t done;
	double whole; /* 0: not known */
};

/* WHOLE in any unit, that of progress_step(); 0: nobody knows. */
void progress_begin(struct progress *p, bool asked, double whole);
/* One more is done, and with it PART of the whole. */
void progress_step(struct progress *p, double part);
/* The last line, when lines were asked for. */
void progress_end(struct progress *p);

#endif
