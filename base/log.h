/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.h - syslog-level lines on stderr
 *
 * err: someone must act; warn: we go on in spite of it; notice: state changed; info: normal work;
 * debug: for us. Lines carry "<N>" in front when stderr is the journal (JOURNAL_STREAM is set), so
 * the journal knows the level. Foreign bytes are escaped here, the one place, so no caller can
 * forget it: control characters, DEL, non-UTF-8 and bidirectional controls become \xNN.
 * Threads: any; a line is one write(2). A line that stderr cannot take at once (full pipe,
 * blocked journal) is dropped and counted, so logging never stops serving.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

#include "base/err.h"

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

struct hostname;

/* Not thread-safe: called when a role starts. TAG ("keeper", "front 0") must stay alive. */
void log_init(enum log_level level, const char *tag);
void log_set_level(enum log_level level);
MUST_CHECK enum err log_level_parse(const char *word, enum log_level *ret_level);

void log_line(enum log_level level, const char *host, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_err(...)    log_line(LOG_LEVEL_ERR, NULL, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, NULL, __VA_ARGS__)
#define log_info(...)   log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)  log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

/* The same, the line starting with the host: "example.org: order ready". */
#define log_host_warn(h, ...)   log_line(LOG_LEVEL_WARN, (h)->name, __VA_ARGS__)
#define log_host_notice(h, ...) log_line(LOG_LEVEL_NOTICE, (h)->name, __VA_ARGS__)
#define log_host_info(h, ...)   log_line(LOG_LEVEL_INFO, (h)->name, __VA_ARGS__)
#define log_host_debug(h, ...)  log_line(LOG_LEVEL_DEBUG, (h)->name, __VA_ARGS__)

/* Writes TEXT to DST with everything that could move a cursor or fake a line escaped; always
 * terminated, cut with "..." when it does not fit. Used for every foreign text shown to people. */
char *log_escape(const char *text, char *dst, size_t size);

#endif
