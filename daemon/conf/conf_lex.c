/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_lex.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/conf/conf.h"

struct conf_block {
	struct conf_block *next;
	alignas(max_align_t) unsigned char data[];
};

void *
conf_alloc(struct conf_context *cx, size_t size)
{
	struct conf_block *b = calloc(1, sizeof(*b) + size);

	if (!b) {
		if (!cx->err)
			snprintf(cx->error, CONF_ERROR_MAX + 1, "out of memory");
		cx->err = cx->err ? cx->err : ERR_NOMEM;
		return NULL;
	}
	b->next = cx->memory;
	cx->memory = b;
	return b->data;
}

char *
conf_strdup(struct conf_context *cx, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = conf_alloc(cx, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

const char *
conf_show(struct conf_context *cx, const char *word)
{
	char *shown = conf_alloc(cx, CONF_SHOWN_MAX);

	return shown ? log_escape(word, shown, CONF_SHOWN_MAX) : "";
}

void
conf_release(struct conf_context *cx)
{
	struct conf_block *next;

	for (struct conf_block *b = cx->memory; b; b = next) {
		next = b->next;
		free(b);
	}
	cx->memory = NULL;
}

bool
conf_fail(struct conf_context *cx, const struct conf_place *at, const char *format, ...)
{
	va_list ap;
	int n;

	if (cx->err)
		return false;
	cx->err = ERR_INVALID;
	n = snprintf(cx->error, CONF_ERROR_MAX + 1, "%s:%u:%u: ", at->file, at->line, at->col);
	if (n < 0 || n > CONF_ERROR_MAX)
		return false;
	va_start(ap, format);
	vsnprintf(cx->error + n, CONF_ERROR_MAX + 1 - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

void
conf_lex_init(struct conf_lex *lex, struct conf_context *cx, const char *file, const char *text,
              size_t len)
{
	*lex = (struct conf_lex){
		.cx = cx, .p = text, .stop = text + len, .at = {.file = file, .line = 1, .col = 1}};
}

static void
step(struct conf_lex *lex)
{
	unsigned char c = (unsigned char)*lex->p++;

	if (c == '\n') {
		lex->at.line++;
		lex->at.col = 1;
	} else if ((c & 0xc0) != 0x80) {
		lex->at.col++;
	}
}

/* Control bytes have no business anywhere, not even in comments. */
static bool
check_byte(struct conf_lex *lex)
{
	unsigned char c = (unsigned char)*lex->p;

	if (c == '\r')
		return conf_fail(lex->cx, &lex->at,
		                 "a carriage return: lines end with a newline only");
	if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
		return conf_fail(lex->cx, &lex->at, "the control byte 0x%02x", c);
	return true;
}

static bool
skip_blanks(struct conf_lex *lex)
{
	bool comment = false;

	for (; lex->p < lex->stop; step(lex)) {
		if (!check_byte(lex))
			return false;
		if (*lex->p == '\n')
			comment = false;
		else if (*lex->p == '#')
			comment = true;
		else if (!comment && *lex->p != ' ' && *lex->p != '\t')
			return true;
	}
	return true;
}

static bool
ends_word(const struct conf_lex *lex)
{
	return lex->p == lex->stop || memchr(" \t\n;{}", *lex->p, 6);
}

/* Bytes up to the end of a plain word into WORD. */
static bool
read_plain(struct conf_lex *lex, char *word, size_t *len)
{
	for (; !ends_word(lex); step(lex)) {
		if (!check_byte(lex))
			return false;
		if (*lex->p == '"')
			return conf_fail(lex->cx, &lex->at, "a quote inside a word");
		if (*len == CONF_WORD_MAX)
			return conf_fail(lex->cx, &lex->at, "a word of more than %d bytes",
			                 CONF_WORD_MAX);
		word[(*len)++] = *lex->p;
	}
	return true;
}

static bool
read_quoted(struct conf_lex *lex, const struct conf_place *from, char *word, size_t *len)
{
	step(lex);
	for (; lex->p < lex->stop && *lex->p != '"'; step(lex)) {
		if (*lex->p == '\n')
			break;
		if (!check_byte(lex))
			return false;
		if (*lex->p == '\\') {
			if (lex->p + 1 == lex->stop || !memchr("\"\\", lex->p[1], 2))
				return conf_fail(lex->cx, &lex->at,
				                 "after \\ only \\ or \" may follow");
			step(lex);
		}
		if (*len == CONF_WORD_MAX)
			return conf_fail(lex->cx, &lex->at, "a text of more than %d bytes",
			                 CONF_WORD_MAX);
		word[(*len)++] = *lex->p;
	}
	if (lex->p == lex->stop || *lex->p != '"')
		return conf_fail(lex->cx, from,
		                 "the quote that opens here is not closed on its line");
	step(lex);
	if (!ends_word(lex))
		return conf_fail(lex->cx, &lex->at, "a blank or \";\" must follow a closing quote");
	return true;
}

static bool
read_word(struct conf_lex *lex, struct conf_token *token)
{
	char word[CONF_WORD_MAX + 1], escaped[CONF_WORD_MAX + 16];
	size_t len = 0;
	bool good;

	token->kind = *lex->p == '"' ? CONF_QUOTED : CONF_WORD;
	good = token->kind == CONF_QUOTED ? read_quoted(lex, &token->at, word, &len)
	                                  : read_plain(lex, word, &len);
	if (!good)
		return false;
	word[len] = '\0';
	if (strcmp(log_escape(word, escaped, sizeof(escaped)), word) != 0)
		return conf_fail(lex->cx, &token->at, "a character that cannot be shown, in \"%s\"",
		                 conf_show(lex->cx, word));
	token->text = conf_strdup(lex->cx, word);
	return token->text != NULL;
}

bool
conf_lex_next(struct conf_lex *lex, struct conf_token *ret_token)
{
	struct conf_token token = {.kind = CONF_EOF};

	if (!skip_blanks(lex))
		return false;
	token.at = lex->at;
	if (lex->p < lex->stop && strchr("{};", *lex->p)) {
		token.kind = *lex->p == '{'   ? CONF_OPEN
		             : *lex->p == '}' ? CONF_CLOSE
		                              : CONF_SEMICOLON;
		step(lex);
	} else if (lex->p < lex->stop && !read_word(lex, &token)) {
		return false;
	}
	token.end = lex->at;
	*ret_token = token;
	return true;
}
