/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/term.h"

#define CTRL(c) ((c) - '@')

enum { ESCAPE = 0x1b, RUBOUT = 0x7f };

void
prompt_begin(struct prompt *p, enum prompt_use use, const char *label, const char *text)
{
	p->use = use;
	snprintf(p->label, sizeof(p->label), "%s", label);
	snprintf(p->text, sizeof(p->text), "%s", text);
	p->len = p->at = strlen(p->text);
	p->history_at = p->history_count;
}

static bool
is_inside(const char *text, size_t at) /* in the middle of a character */
{
	return ((unsigned char)text[at] & 0xc0) == 0x80;
}

static size_t
before(const struct prompt *p)
{
	size_t at = p->at;

	while (at && is_inside(p->text, --at))
		;
	return at;
}

static size_t
after(const struct prompt *p)
{
	size_t at = p->at;

	while (at < p->len && is_inside(p->text, ++at))
		;
	return at;
}

static void
erase(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
}

void
prompt_insert(struct prompt *p, const char *text)
{
	size_t more = strlen(text);

	if (p->len + more >= sizeof(p->text))
		return;
	memmove(p->text + p->at + more, p->text + p->at, p->len - p->at + 1);
	memcpy(p->text + p->at, text, more);
	p->len += more;
	p->at += more;
}

static void
insert_character(struct prompt *p, int key)
{
	char utf8[5] = {0};

	if (key < 0x20 || key > 0x10ffff)
		return;
	if (key < 0x80) {
		utf8[0] = (char)key;
	} else if (key < 0x800) {
		utf8[0] = (char)(0xc0 | key >> 6);
		utf8[1] = (char)(0x80 | (key & 0x3f));
	} else if (key < 0x10000) {
		utf8[0] = (char)(0xe0 | key >> 12);
		utf8[1] = (char)(0x80 | (key >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (key & 0x3f));
	} else {
		utf8[0] = (char)(0xf0 | key >> 18);
		utf8[1] = (char)(0x80 | (key >> 12 & 0x3f));
		utf8[2] = (char)(0x80 | (key >> 6 & 0x3f));
		utf8[3] = (char)(0x80 | (key & 0x3f));
	}
	prompt_insert(p, utf8);
}

static void
remember(struct prompt *p)
{
	size_t last = p->history_count;

	if (p->use != PROMPT_COMMAND || p->len == 0 ||
	    (last && strcmp(p->history[last - 1], p->text) == 0))
		return;
	if (last == PROMPT_HISTORY)
		memmove(p->history, p->history + 1, sizeof(p->history[0]) * --last);
	memcpy(p->history[last], p->text, sizeof(p->text));
	p->history_count = last + 1;
}

static void
recall(struct prompt *p, int step)
{
	size_t at = p->history_at + (size_t)step;

	if (p->use != PROMPT_COMMAND || at > p->history_count)
		return;
	p->history_at = at;
	snprintf(p->text, sizeof(p->text), "%s", at < p->history_count ? p->history[at] : "");
	p->len = p->at = strlen(p->text);
}

/* Back to the beginning of the word before the cursor. */
static size_t
word_before(const struct prompt *p)
{
	size_t at = p->at;

	while (at && p->text[at - 1] == ' ')
		at--;
	while (at && p->text[at - 1] != ' ')
		at--;
	return at;
}

static void
edit(struct prompt *p, int key)
{
	switch (key) {
	case TERM_LEFT:
		p->at = before(p);
		break;
	case TERM_RIGHT:
		p->at = after(p);
		break;
	case TERM_HOME:
	case CTRL('A'):
		p->at = 0;
		break;
	case TERM_END:
	case CTRL('E'):
		p->at = p->len;
		break;
	case RUBOUT:
		erase(p, before(p), p->at);
		break;
	case TERM_DELETE:
		erase(p, p->at, after(p));
		break;
	case CTRL('U'):
		erase(p, 0, p->at);
		break;
	case CTRL('W'):
		erase(p, word_before(p), p->at);
		break;
	case TERM_UP:
		recall(p, -1);
		break;
	case TERM_DOWN:
		recall(p, 1);
		break;
	default:
		insert_character(p, key);
	}
}

static enum prompt_step
finish(struct prompt *p, bool is_done)
{
	if (is_done)
		remember(p);
	p->use = PROMPT_OFF;
	return is_done ? PROMPT_DONE : PROMPT_GIVEN_UP;
}

enum prompt_step
prompt_key(struct prompt *p, int key)
{
	if (p->use == PROMPT_CONFIRM)
		return finish(p, key == 'y' || key == 'Y');
	if (key == ESCAPE || (key == RUBOUT && p->len == 0))
		return finish(p, false);
	if (key == '\r')
		return finish(p, p->use != PROMPT_TYPE || strcmp(p->text, p->expected) == 0);
	if (key == '\t')
		return p->use == PROMPT_COMMAND ? PROMPT_COMPLETE : PROMPT_MORE;
	edit(p, key);
	return PROMPT_MORE;
}
