/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/msg.h"
#include "ctl/terminal.h"

enum { SHOWN_MAX = 2048, LABEL_WIDTH = 12, ESCAPED_PER_BYTE = 4, ESCAPED_ROOM = 16 };

static const char *const format_words[] = {
	[PRINT_TABLE] = "table",
	[PRINT_JSON] = "json",
	[PRINT_NDJSON] = "ndjson",
	[PRINT_NAMES] = "names",
};

enum err
print_init(struct print *p, const char *word)
{
	*p = (struct print){.wide = strcmp(word, "wide") == 0};
	for (size_t i = 0; !p->wide && i < sizeof(format_words) / sizeof(format_words[0]); i++)
		if (strcmp(word, format_words[i]) == 0) {
			p->format = (enum print_format)i;
			return ERR_OK;
		}
	return p->wide ? ERR_OK : ERR_INVALID;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* The character at P, which is no ASCII, and its bytes; U+FFFD and 1 when it is malformed. */
static uint32_t
decode_utf8(const unsigned char *p, size_t *ret_len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = p[0] & (0xffu >> (len + 1));

	*ret_len = 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0xfffd;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0xfffd;
	*ret_len = len;
	return c;
}

void
print_ascii(const char *json, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)json;

	while (*p) {
		size_t len = 1;
		uint32_t c = *p < 0x80 ? *p : decode_utf8(p, &len);

		if (c < 0x7f)
			buf_add(out, p, 1);
		else if (c < 0x10000)
			buf_printf(out, "\\u%04" PRIx32, c);
		else
			buf_printf(out, "\\u%04" PRIx32 "\\u%04" PRIx32,
			           0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
		p += len;
	}
}

static void
put_json(const char *before, const cJSON *json, const char *after)
{
	struct buf raw = {.secret = true}, ascii = {.secret = true}; /* an export's key */

	terminal_clear();
	if (!json_print(json, &raw) && buf_str(&raw))
		print_ascii(buf_str(&raw), &ascii);
	if (!ascii.len || !buf_str(&ascii))
		complain(NULL, "out of memory");
	else if (fputs(before, stdout) >= 0 && fputs(buf_str(&ascii), stdout) >= 0)
		fputs(after, stdout);
	buf_done(&raw);
	buf_done(&ascii);
}

static void
put_name(const cJSON *item)
{
	const char *name = json_text(item, "name");

	if (name)
		print_line("%s", name);
}

void
print_item(struct print *p, const cJSON *item)
{
	if (p->format == PRINT_NDJSON)
		put_json("", item, "\n");
	else if (p->format == PRINT_NAMES)
		put_name(item);
	else if (p->format == PRINT_JSON)
		put_json(p->items ? ",\n" : "{\"schema\":\"" MSG_SCHEMA "\",\"items\":[\n", item,
		         "");
	p->items++;
}

void
print_whole(struct print *p, const cJSON *item, const char *const *members)
{
	cJSON *whole = cJSON_Duplicate(item, true);

	for (size_t i = 0; members[i]; i++)
		if (!cJSON_GetObjectItemCaseSensitive(whole, members[i]))
			cJSON_AddNullToObject(whole, members[i]);
	print_item(p, whole);
	cJSON_Delete(whole);
}

void
print_end(struct print *p, const cJSON *end)
{
	static const char *const members[] = {"after", "before", "matches"};
	char before[32];

	if (p->format != PRINT_JSON)
		return;
	fputs(p->items ? "\n]" : "{\"schema\":\"" MSG_SCHEMA "\",\"items\":[]", stdout);
	for (size_t i = 0; end && i < sizeof(members) / sizeof(members[0]); i++) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(end, members[i]);

		snprintf(before, sizeof(before), ",\"%s\":", members[i]);
		if (member)
			put_json(before, member, "");
	}
	fputs("}\n", stdout);
}

void
print_single(struct print *p, const cJSON *object)
{
	cJSON *whole = cJSON_CreateObject(), *copy;

	if (p->format == PRINT_NAMES) {
		put_name(object);
	} else {
		cJSON_AddStringToObject(whole, "schema", MSG_SCHEMA);
		for (const cJSON *m = object->child; m; m = m->next) {
			copy = cJSON_Duplicate(m, true);
			if (copy)
				cJSON_AddItemToObject(whole, m->string, copy);
		}
		put_json("", whole, "\n");
	}
	p->items++;
	cJSON_Delete(whole);
}

void
print_outcome(struct print *p, const char *done, const cJSON *error)
{
	cJSON *outcome;

	if (p->format == PRINT_TABLE && done && !error)
		print_line("%s", done);
	if (p->format != PRINT_JSON && p->format != PRINT_NDJSON)
		return;
	outcome = cJSON_CreateObject();
	cJSON_AddBoolToObject(outcome, "ok", !error);
	if (error)
		cJSON_AddItemToObject(outcome, "error", cJSON_Duplicate(error, true));
	print_single(p, outcome);
	cJSON_Delete(outcome);
}

/* ---- for people ----------------------------------------------------------------------------- */

/* LEN bytes of TEXT, escaped. */
static void
put_escaped(const char *text, size_t len)
{
	size_t size = ESCAPED_PER_BYTE * len + ESCAPED_ROOM;
	char *copy = strndup(text, len), *shown = malloc(size);

	terminal_clear();
	if (copy && shown)
		fputs(log_escape(copy, shown, size), stdout);
	else
		complain(NULL, "out of memory");
	free(shown);
	free(copy);
}

void
print_line(const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	put_escaped(text ? text : "", text ? strlen(text) : 0);
	putchar('\n');
	free(text);
}

void
print_field(const char *label, const char *value)
{
	if (value && *value)
		print_line("%-*s%s", LABEL_WIDTH, label, value);
}

void
print_lines(const char *text)
{
	char last = '\n';

	for (size_t len; text && *text; text += len) {
		len = strcspn(text, "\n\t");
		put_escaped(text, len);
		last = text[len];
		if (last)
			putchar(text[len++]);
	}
	if (last != '\n')
		putchar('\n');
}

void
print_pem(const char *pem)
{
	static const char text[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "+/= -\n";

	for (size_t n; pem && *pem; pem += n) {
		n = strspn(pem, text);
		if (n > 0)
			fwrite(pem, 1, n, stdout);
		else
			n = 1;
	}
}

void
print_flush(void)
{
	fflush(stdout);
}

bool
print_close(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	complain(NULL, "the output could not be written: %s", strerror(errno));
	return false;
}

char *
print_span(int64_t seconds, char dst[PRINT_TIME_MAX])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	int64_t rest;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	rest = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
	if (rest)
		snprintf(dst, PRINT_TIME_MAX, "%" PRId64 "%c %" PRId64 "%c",
		         seconds / units[i].seconds, units[i].unit, rest, units[i + 1].unit);
	else
		snprintf(dst, PRINT_TIME_MAX, "%" PRId64 "%c", seconds / units[i].seconds,
		         units[i].unit);
	return dst;
}

char *
print_relative(int64_t at, int64_t now, char dst[PRINT_TIME_MAX])
{
	char span[PRINT_TIME_MAX];

	if (at == 0)
		snprintf(dst, PRINT_TIME_MAX, "-");
	else if (at == now)
		snprintf(dst, PRINT_TIME_MAX, "now");
	else if (at > now)
		snprintf(dst, PRINT_TIME_MAX, "in %.40s", print_span(at - now, span));
	else
		snprintf(dst, PRINT_TIME_MAX, "%.40s ago", print_span(now - at, span));
	return dst;
}

int64_t
print_time_of(const cJSON *object, const char *member)
{
	const char *text = json_text(object, member);
	int64_t at;

	return text && clock_parse(text, &at) == ERR_OK ? at : 0;
}

/* ---- complaints ----------------------------------------------------------------------------- */

static void
complain_text(const char *name, const char *text)
{
	char shown[SHOWN_MAX], shown_name[SHOWN_MAX];

	terminal_clear();
	fflush(stdout); /* so that both come in order where they go to one place */
	log_escape(text, shown, sizeof(shown));
	if (name)
		fprintf(stderr, "certctl: %s: %s\n",
		        log_escape(name, shown_name, sizeof(shown_name)), shown);
	else
		fprintf(stderr, "certctl: %s\n", shown);
}

void
complain(const char *name, const char *format, ...)
{
	char text[SHOWN_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	complain_text(name, text);
}

void
complain_json(const char *name, const cJSON *error)
{
	const char *code = json_text(error, "code"), *detail = json_text(error, "detail");
	const char *hint = json_text(error, "hint");
	int64_t next = print_time_of(error, "next");
	char shown[SHOWN_MAX], when[PRINT_TIME_MAX];
	struct buf text = {0};

	buf_add_str(&text, detail && *detail ? detail : code ? code : "it failed");
	if (code && strchr(code, '/') && detail && *detail)
		buf_printf(&text, " (%s)", code);
	if (next)
		buf_printf(&text, ", next try %s", print_relative(next, clock_wall(), when));
	if (buf_str(&text))
		complain_text(name, buf_str(&text));
	if (hint && *hint)
		fprintf(stderr, "  hint: %s\n", log_escape(hint, shown, sizeof(shown)));
	buf_done(&text);
}
