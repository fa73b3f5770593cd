/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_lex.h - the configuration's bytes as tokens, and what all its readers share:
 * memory that lives as long as the conf, and the first error with its place
 *
 * A word ends at a blank, ';', '{' or '}'; "#" at the start of a word begins a comment. A text in
 * double quotes is a word, too, where \" and \\ stand for themselves and a newline is refused.
 */
#ifndef DAEMON_CONF_CONF_LEX_H
#define DAEMON_CONF_CONF_LEX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { CONF_WORD_MAX = 2047, CONF_SHOWN_MAX = 72 };

struct conf_block; /* one piece of memory */

struct conf_context {
	struct conf_block *memory;
	char *error;  /* CONF_ERROR_MAX + 1 bytes, the caller's */
	enum err err; /* of the first failure; later ones do not count */
	struct conf_source *first_source, *last_source;
};

/* Lines and columns count from 1; a column is a character. */
struct conf_place {
	const char *file;
	unsigned line;
	unsigned col;
};

/* Zeroed; NULL and the context has failed when there is no memory. */
void *conf_alloc(struct conf_context *cx, size_t size);
char *conf_strdup(struct conf_context *cx, const char *text);
/* WORD for an error text: escaped, and cut when it is long. Never NULL. */
const char *conf_show(struct conf_context *cx, const char *word);
void conf_release(struct conf_context *cx);
/* Notes "file:line:col: sentence" as the error, unless there is one already. Always false. */
bool conf_fail(struct conf_context *cx, const struct conf_place *at, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum conf_token_kind { CONF_WORD, CONF_QUOTED, CONF_OPEN, CONF_CLOSE, CONF_SEMICOLON, CONF_EOF };

struct conf_token {
	enum conf_token_kind kind;
	struct conf_place at;
	struct conf_place end; /* just behind it */
	const char *text;      /* of a word, in the context's memory */
};

struct conf_lex {
	struct conf_context *cx;
	const char *p;
	const char *stop;
	struct conf_place at;
};

void conf_lex_init(struct conf_lex *lex, struct conf_context *cx, const char *file,
                   const char *text, size_t len);
/* False when the bytes are refused; the context has the error. */
bool conf_lex_next(struct conf_lex *lex, struct conf_token *ret_token);

#endif
