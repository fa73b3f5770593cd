/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_words[] = {
	[LOG_LEVEL_ERR] = "err",   [LOG_LEVEL_WARN] = "warn",   [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};

static _Atomic int log_max = LOG_LEVEL_NOTICE;
static const char *log_tag = "certd";
static bool log_journal;
static atomic_ulong log_dropped;

void
log_init(enum log_level level, const char *tag)
{
	log_max = level;
	log_tag = tag;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_set_level(enum log_level level)
{
	log_max = level;
}

enum err
log_level_parse(const char *word, enum log_level *ret_level)
{
	for (int i = LOG_LEVEL_ERR; i <= LOG_LEVEL_DEBUG; i++)
		if (strcmp(word, level_words[i]) == 0) {
			*ret_level = i;
			return ERR_OK;
		}
	return ERR_INVALID;
}

/* Bytes of the UTF-8 character at P (RFC 3629), or 0 when it is not one or must not be shown raw:
 * C1 controls, bidirectional controls, zero-width characters, line separators. */
static size_t
printable_utf8(const unsigned char *p)
{
	uint32_t c;
	size_t n = utf8_char(p, UTF8_MAX, &c); /* the NUL at the end is part of no longer one */

	if (n == 0 || c < 0xa0 || c == 0xad || c == 0x61c || c == 0xfeff ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x2069))
		return 0;
	return n;
}

char *
log_escape(const char *text, char *dst, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	while (*p) {
		size_t n = *p >= 0x20 && *p < 0x7f ? 1 : *p >= 0x80 ? printable_utf8(p) : 0;

		if (at + 8 > size) {
			if (size > 3)
				snprintf(dst + (at > size - 4 ? size - 4 : at), 4, "...");
			return dst;
		}
		if (n)
			memcpy(dst + at, p, n);
		else
			snprintf(dst + at, 5, "\\x%02x", *p);
		at += n ? n : 4;
		p += n ? n : 1;
	}
	if (size)
		dst[at] = '\0';
	return dst;
}

/* A pipe that is writable takes PIPE_BUF (4096) bytes whole, so this never waits for a reader. */
static bool
write_now(const char *line, size_t len)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) &&
	       write(STDERR_FILENO, line, len) == (ssize_t)len;
}

void
log_line(enum log_level level, const char *host, const char *format, ...)
{
	char at[CLOCK_TEXT_MAX], raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES],
		line[LINE_MAX_BYTES + 512];
	unsigned long dropped;
	va_list ap;
	int n;

	if ((int)level > log_max)
		return;
	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	log_escape(raw, text, sizeof(text));
	dropped = atomic_exchange(&log_dropped, 0);
	if (log_journal)
		n = snprintf(line, sizeof(line), "<%d>%s%s%s\n", level, host ? host : "",
		             host ? ": " : "", text);
	else
		n = snprintf(line, sizeof(line), "%s certd[%s] %s: %s%s%s\n",
		             clock_format(clock_wall(), at), log_tag, level_words[level],
		             host ? host : "", host ? ": " : "", text);
	if (dropped && n > 0 && (size_t)n < sizeof(line) - 64)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
		              "certd[%s] warn: %lu lines lost\n", log_tag, dropped);
	if (n <= 0 || !write_now(line, (size_t)n))
		atomic_fetch_add(&log_dropped, dropped + 1);
}
