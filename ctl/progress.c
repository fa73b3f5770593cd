/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "ctl/print.h"
#include "ctl/terminal.h"

enum { FIRST_MS = 500, IN_PLACE_MS = 200, LINE_MS = 1000, TEXT_MAX = 128 };

void
progress_begin(struct progress *p, bool asked, double whole)
{
	int64_t now = clock_mono_ms();

	*p = (struct progress){.asked = asked, .whole = whole, .began_ms = now, .told_ms = now};
}

/* "45000 done, 12300/s, 45%, 4s left" */
static void
tell(const struct progress *p, int64_t now, double part)
{
	char text[TEXT_MAX], left[PRINT_TIME_MAX];
	double seconds = (double)(now - p->began_ms + 1) / 1000;
	int n = snprintf(text, sizeof(text), "%" PRIu64 " done, %.0f/s", p->done,
	                 (double)p->done / seconds);

	if (p->whole > 0 && part > 0 && part <= p->whole)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %.0f%%, %s left",
		         100 * part / p->whole,
		         print_span((int64_t)(seconds * (p->whole - part) / part + 0.5), left));
	if (terminal_rewrites())
		terminal_show(text);
	else
		complain(NULL, "%s", text);
}

void
progress_step(struct progress *p, double part)
{
	int64_t now = clock_mono_ms();
	bool in_place = terminal_rewrites();

	p->done++;
	if ((!in_place && !p->asked) || now - p->began_ms < FIRST_MS ||
	    now - p->told_ms < (in_place ? IN_PLACE_MS : LINE_MS))
		return;
	p->told_ms = now;
	tell(p, now, part);
}

void
progress_end(struct progress *p)
{
	terminal_clear();
	if (p->asked && p->done && !terminal_rewrites())
		tell(p, clock_mono_ms(), p->whole);
}
