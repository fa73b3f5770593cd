/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/confirm.h - what cannot be undone is asked for twice, where there is somebody to ask
 *
 * Only where stdin and stderr are terminals, and not with --yes: a script is never stopped.
 */
#ifndef CTL_CONFIRM_H
#define CTL_CONFIRM_H

#include <stdbool.h>

#include "base/err.h"
#include "ctl/ctl.h"

/* Says what is to be done (FORMAT), and waits for WORD. False, with a complaint: it is not to be
 * done; then the exit code is MSG_EXIT_CONFLICT. */
bool confirmed(const struct ctl *ctl, const char *word, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
