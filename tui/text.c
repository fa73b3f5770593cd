/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/log.h"
#include "ctl/print.h"

enum { ESCAPED_PER_BYTE = 4, ESCAPED_ROOM = 16 };

/* The character at P of well-formed UTF-8, which log_escape() leaves, and its bytes. */
static uint32_t
decode(const char *p, size_t *ret_len)
{
	unsigned char first = (unsigned char)*p;
	size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t c = len == 1 ? first : first & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	*ret_len = len;
	return c;
}

static size_t
cells_of(uint32_t c)
{
	int cells = c < 0x80 ? 1 : wcwidth((wchar_t)c);

	return cells > 0 ? (size_t)cells : 0;
}

char *
text_safe(const char *source, bool ascii)
{
	size_t room = ESCAPED_PER_BYTE * strlen(source) + ESCAPED_ROOM, len;
	char *escaped = malloc(room), *safe = NULL;
	struct buf out = {0};

	if (!escaped)
		return NULL;
	log_escape(source, escaped, room);
	for (const char *p = escaped; *p; p += len) {
		uint32_t c = decode(p, &len);

		if (c >= 0x80 && (ascii || cells_of(c) == 0))
			buf_printf(&out, "<U+%" PRIX32 ">", c);
		else
			buf_add(&out, p, len);
	}
	free(escaped);
	if (buf_str(&out))
		safe = strdup(out.len ? buf_str(&out) : "");
	buf_done(&out);
	return safe;
}

size_t
text_cut(const char *source, size_t width, bool ascii, wchar_t *dst)
{
	size_t used = 0, len = 0, bytes, kept = 0, kept_used = 0;
	char *safe = text_safe(source, ascii);

	for (const char *p = safe ? safe : ""; *p; p += bytes) {
		uint32_t c = decode(p, &bytes);

		if (used + cells_of(c) > width) {
			len = kept;
			used = kept_used;
			if (width) {
				dst[len++] = ascii ? L'~' : L'\u2026';
				used++;
			}
			break;
		}
		dst[len++] = (wchar_t)c;
		used += cells_of(c);
		if (used < width) { /* room for the mark behind it */
			kept = len;
			kept_used = used;
		}
	}
	dst[len] = L'\0';
	free(safe);
	return used;
}

size_t
text_line(const char *safe, size_t width)
{
	size_t used = 0, at = 0, space = 0, bytes;

	for (; safe[at]; at += bytes) {
		uint32_t c = decode(safe + at, &bytes);

		if (used + cells_of(c) > width)
			return space ? space : at ? at : bytes;
		used += cells_of(c);
		if (c == ' ')
			space = at + 1;
	}
	return at;
}

const char *
text_skip(const char *safe, size_t cells)
{
	size_t used = 0, bytes;

	for (; *safe && used < cells; safe += bytes)
		used += cells_of(decode(safe, &bytes));
	return safe;
}

void
text_pad(struct buf *out, const char *source, size_t cells, bool ascii)
{
	char *safe = text_safe(source, ascii);
	size_t used = 0, bytes;

	for (const char *p = safe ? safe : ""; *p; p += bytes)
		used += cells_of(decode(p, &bytes));
	buf_printf(out, "%s%*s", safe ? safe : "", used < cells ? (int)(cells - used) : 0, "");
	free(safe);
}

void
text_fit(struct buf *out, const char *source, size_t cells, bool ascii)
{
	char *safe = text_safe(source, ascii);
	size_t used = 0, at = 0, kept = 0, kept_used = 0, bytes;
	const char *mark = "";

	for (; safe && safe[at]; at += bytes) {
		used += cells_of(decode(safe + at, &bytes));
		if (used > cells) {
			mark = cells == 0 ? "" : ascii ? "~" : "\u2026";
			at = kept;
			used = kept_used + (cells > 0);
			break;
		}
		if (used < cells) { /* room for the mark behind it */
			kept = at + bytes;
			kept_used = used;
		}
	}
	buf_printf(out, "%.*s%s%*s", (int)at, safe ? safe : "", mark, (int)(cells - used), "");
	free(safe);
}

char *
text_count(int64_t n, char dst[TEXT_NUMBER_MAX])
{
	char digits[TEXT_NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, n < 0 ? -n : n), to = 0;

	if (n < 0)
		dst[to++] = '-';
	for (int i = 0; i < len && to < TEXT_NUMBER_MAX - 2; i++) {
		if (i && (len - i) % 3 == 0)
			dst[to++] = ',';
		dst[to++] = digits[i];
	}
	dst[to] = '\0';
	return dst;
}

char *
text_bytes(int64_t n, char dst[TEXT_NUMBER_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)n;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(dst, TEXT_NUMBER_MAX, unit && value < 100 ? "%.1f %s" : "%.0f %s", value,
	         units[unit]);
	return dst;
}

char *
text_seconds(double seconds, char dst[TEXT_NUMBER_MAX])
{
	double value = seconds < 1 ? seconds * 1000 : seconds;

	snprintf(dst, TEXT_NUMBER_MAX, "%.*f %s", value < 10 ? 1 : 0, value,
	         seconds < 1 ? "ms" : "s");
	return dst;
}

char *
text_left(int64_t at, int64_t now, char dst[TEXT_NUMBER_MAX])
{
	char span[PRINT_TIME_MAX];
	int64_t seconds = at - now;

	if (at == 0)
		snprintf(dst, TEXT_NUMBER_MAX, "-");
	else if (seconds == 0)
		snprintf(dst, TEXT_NUMBER_MAX, "now");
	else
		snprintf(dst, TEXT_NUMBER_MAX, "%s%.20s", seconds < 0 ? "-" : "",
		         print_span(seconds < 0 ? -seconds : seconds, span));
	return dst;
}

char *
text_day(int64_t at, int64_t now, char dst[TEXT_NUMBER_MAX])
{
	time_t then = (time_t)at, today = (time_t)now;
	struct tm a, b;

	if (at == 0 || !gmtime_r(&then, &a) || !gmtime_r(&today, &b))
		snprintf(dst, TEXT_NUMBER_MAX, "-");
	else
		strftime(dst, TEXT_NUMBER_MAX, a.tm_year == b.tm_year ? "%m-%d %H:%M" : "%Y-%m-%d",
		         &a);
	return dst;
}
