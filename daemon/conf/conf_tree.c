/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "daemon/conf/conf.h"
#include "daemon/conf/conf_source.h"

enum { BLOCK_DEPTH_MAX = 4 };

/* A file being read; the chain of parents is what an include must not close to a ring. */
struct source {
	const struct source *parent;
	const struct conf_place *included; /* where; NULL for the first file */
	const char *file;
	dev_t device;
	ino_t inode;
	unsigned depth;
	struct conf_lex lex;
};

struct reader {
	struct conf_context *cx;
	unsigned files;
};

/* The end of the list that a new statement is hung to. */
struct tail {
	struct conf_statement **at;
};

static bool read_source(struct reader *r, struct source *source, struct tail *tail);

/* What is wrong with the file itself is told at the include that asked for it. */
static bool
fail_source(struct reader *r, const struct source *source, const char *why)
{
	const char *shown = conf_show(r->cx, source->file);

	if (source->included)
		return conf_fail(r->cx, source->included, "cannot include \"%s\": %s", shown, why);
	if (!r->cx->err) {
		r->cx->err = ERR_NOTFOUND;
		snprintf(r->cx->error, CONF_ERROR_MAX + 1, "%s: cannot be read: %s", source->file,
		         why);
	}
	return false;
}

static const char *
load_fd(int fd, struct buf *text)
{
	while (text->len <= CONF_FILE_MAX) {
		ssize_t n;

		if (!buf_reserve(text, CONF_FILE_MAX + 1))
			return "out of memory";
		n = read(fd, text->data + text->len, CONF_FILE_MAX + 1 - text->len);
		if (n < 0 && errno != EINTR)
			return strerror(errno);
		if (n == 0)
			return NULL;
		text->len += n > 0 ? (size_t)n : 0;
	}
	return "larger than 1 MiB";
}

/* NULL, or why not. O_NONBLOCK: a FIFO must not stop us before we see what it is. */
static const char *
load_source(struct source *source, struct buf *text)
{
	int fd = open(source->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	const char *why;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) < 0) {
		why = strerror(errno);
	} else if (!S_ISREG(st.st_mode)) {
		why = "not a regular file";
	} else {
		source->device = st.st_dev;
		source->inode = st.st_ino;
		why = load_fd(fd, text);
	}
	close(fd);
	return why;
}

static bool
include_file(struct reader *r, const struct source *from, const struct conf_place *at,
             const char *path, struct tail *tail)
{
	struct source source = {.parent = from, .included = at, .depth = from->depth + 1};

	source.file = conf_strdup(r->cx, path);
	if (!source.file)
		return false;
	if (source.depth > CONF_INCLUDE_DEPTH_MAX)
		return conf_fail(r->cx, at, "includes go deeper than %d files",
		                 CONF_INCLUDE_DEPTH_MAX);
	if (++r->files > CONF_INCLUDE_FILES_MAX)
		return conf_fail(r->cx, at, "more than %d files are included",
		                 CONF_INCLUDE_FILES_MAX);
	return read_source(r, &source, tail);
}

static int
glob_failed(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* glob() sorts by locale; we do not. */
static bool
include_pattern(struct reader *r, const struct source *from, const struct conf_place *at,
                const char *pattern, struct tail *tail)
{
	glob_t found = {0};
	int rc = glob(pattern, GLOB_NOSORT, glob_failed, &found);
	bool good = rc == 0 || rc == GLOB_NOMATCH;

	if (!good)
		conf_fail(r->cx, at, "cannot list \"%s\": %s", conf_show(r->cx, pattern),
		          rc == GLOB_NOSPACE ? "out of memory" : strerror(errno));
	if (rc == 0)
		qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), compare_paths);
	for (size_t i = 0; rc == 0 && good && i < found.gl_pathc; i++)
		good = include_file(r, from, at, found.gl_pathv[i], tail);
	globfree(&found);
	return good;
}

/* The folder of FROM before PATTERN unless that is a full path; with ESCAPE, glob() takes it as is.
 */
static void
join(const struct source *from, const char *pattern, bool escape, struct buf *out)
{
	const char *slash = strrchr(from->file, '/');

	for (const char *p = from->file; *pattern != '/' && slash && p <= slash; p++) {
		if (escape && strchr("*?[]\\", *p))
			buf_add_str(out, "\\");
		buf_add(out, p, 1);
	}
	buf_add_str(out, pattern);
}

static bool
include(struct reader *r, const struct source *from, const struct conf_statement *s,
        struct tail *tail)
{
	const struct conf_token *word = &s->words[s->word_count - 1];
	struct buf path = {0};
	bool is_pattern, good;

	if (s->has_block)
		return conf_fail(r->cx, &s->opened, "\"include\" takes no block");
	if (s->word_count != 2 || !*word->text)
		return conf_fail(r->cx, &s->words[0].at, "\"include\" takes one file or pattern");
	is_pattern = strpbrk(word->text, "*?[") != NULL;
	join(from, word->text, is_pattern, &path);
	if (!buf_str(&path))
		good = conf_fail(r->cx, &word->at, "out of memory");
	else if (is_pattern)
		good = include_pattern(r, from, &word->at, buf_str(&path), tail);
	else
		good = include_file(r, from, &word->at, buf_str(&path), tail);
	buf_done(&path);
	return good;
}

/* From the first word, which has been read, to the ";" or "{". */
static bool
read_words(struct conf_lex *lex, const struct conf_token *first, struct conf_statement *s)
{
	struct conf_token words[CONF_ARGS_MAX], token = *first;

	while (token.kind == CONF_WORD || token.kind == CONF_QUOTED) {
		if (s->word_count == CONF_ARGS_MAX)
			return conf_fail(lex->cx, &token.at, "a statement of more than %d words",
			                 CONF_ARGS_MAX);
		words[s->word_count++] = token;
		s->end = token.end;
		if (!conf_lex_next(lex, &token))
			return false;
	}
	if (token.kind != CONF_SEMICOLON && token.kind != CONF_OPEN)
		return conf_fail(
			lex->cx, &token.at, "\";\" is missing %s",
			token.kind == CONF_CLOSE ? "before \"}\"" : "at the end of the file");
	s->has_block = token.kind == CONF_OPEN;
	s->opened = token.at;
	s->words = conf_alloc(lex->cx, s->word_count * sizeof(words[0]));
	if (!s->words)
		return false;
	memcpy(s->words, words, s->word_count * sizeof(words[0]));
	return true;
}

static bool
fail_token(struct conf_context *cx, const struct conf_token *token,
           const struct conf_statement *inside)
{
	switch (token->kind) {
	case CONF_EOF:
		return conf_fail(cx, &token->at,
		                 "the file ends inside \"%s\" opened at %s:%u: \"}\" is missing",
		                 inside->words[0].text, inside->opened.file, inside->opened.line);
	case CONF_CLOSE:
		return conf_fail(cx, &token->at, "\"}\" without a block to close");
	case CONF_OPEN:
		return conf_fail(cx, &token->at, "\"{\" without a word before it");
	case CONF_SEMICOLON:
		return conf_fail(cx, &token->at, "\";\" without a statement before it");
	default:
		return conf_fail(cx, &token->at,
		                 "a statement begins with a word, not with a quote");
	}
}

/* Statements to the end of the file or, INSIDE a block, to its "}". */
static bool
read_statements(struct reader *r, struct source *source, const struct conf_statement *inside,
                struct tail *tail, unsigned depth)
{
	struct conf_token token;
	struct conf_statement *s;

	for (;;) {
		if (!conf_lex_next(&source->lex, &token))
			return false;
		if (token.kind == (inside ? CONF_CLOSE : CONF_EOF))
			return true;
		if (token.kind != CONF_WORD)
			return fail_token(r->cx, &token, inside);
		s = conf_alloc(r->cx, sizeof(*s));
		if (!s || !read_words(&source->lex, &token, s))
			return false;
		if (!inside && strcmp(s->words[0].text, "include") == 0) {
			if (!include(r, source, s, tail))
				return false;
			continue;
		}
		if (s->has_block && depth == BLOCK_DEPTH_MAX)
			return conf_fail(r->cx, &s->opened, "blocks inside blocks inside blocks");
		if (s->has_block &&
		    !read_statements(r, source, s, &(struct tail){&s->first}, depth + 1))
			return false;
		*tail->at = s;
		tail->at = &s->next;
	}
}

/* What was read stays with the configuration, for whoever asks what certd runs with. */
static bool
keep(struct conf_context *cx, const char *file, const struct buf *text)
{
	struct conf_source *kept = conf_alloc(cx, sizeof(*kept));
	char *copy = kept ? conf_alloc(cx, text->len + 1) : NULL;

	if (!copy)
		return false;
	if (text->len)
		memcpy(copy, text->data, text->len);
	*kept = (struct conf_source){.file = file, .text = copy, .len = text->len};
	if (cx->last_source)
		cx->last_source->next = kept;
	else
		cx->first_source = kept;
	cx->last_source = kept;
	return true;
}

static bool
read_source(struct reader *r, struct source *source, struct tail *tail)
{
	struct buf text = {0};
	const char *why = load_source(source, &text);
	bool good;

	for (const struct source *up = source->parent; up && !why; up = up->parent)
		if (up->device == source->device && up->inode == source->inode)
			why = "it is being read already, so this would never end";
	if (why) {
		good = fail_source(r, source, why);
	} else {
		conf_lex_init(&source->lex, r->cx, source->file, (const char *)text.data, text.len);
		good = keep(r->cx, source->file, &text) &&
		       read_statements(r, source, NULL, tail, 0);
	}
	buf_done(&text);
	return good;
}

bool
conf_tree_read(struct conf_context *cx, const char *file, struct conf_statement **ret_first)
{
	struct reader r = {.cx = cx};
	struct source source = {.depth = 1};
	struct conf_statement *first = NULL;

	source.file = conf_strdup(cx, file);
	if (!source.file || !read_source(&r, &source, &(struct tail){&first}))
		return false;
	*ret_first = first;
	return true;
}
