/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/event_file.h - events as lines of a file: id, times, count, severity, type, name, words, with
 * tabs between
 */
#ifndef TUI_EVENT_FILE_H
#define TUI_EVENT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/event_row.h"

/* Writes COUNT events to PATH ("~/" is $HOME), which nobody else may read; text from outside is
 * made safe as on the screen. A file that is there is only REPLACED, by rename(): until then it is
 * as it was. False, with errno: EEXIST when it is there. */
bool event_file_write(const char *path, bool replaced, const struct event_row *rows, size_t count);

#endif
