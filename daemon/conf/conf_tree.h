/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_tree.h - files and includes as one list of statements, before any word has a
 * meaning
 *
 * The statements of an included file take the place of its `include`. Everything lives in the
 * context's memory.
 */
#ifndef DAEMON_CONF_CONF_TREE_H
#define DAEMON_CONF_CONF_TREE_H

#include "daemon/conf/conf_lex.h"

enum {
	CONF_ARGS_MAX = 64,            /* words of a statement */
	CONF_INCLUDE_DEPTH_MAX = 8,    /* files below each other */
	CONF_INCLUDE_FILES_MAX = 1000, /* in all */
	CONF_FILE_MAX = 1024 * 1024,   /* bytes of a file */
};

struct conf_statement {
	struct conf_statement *next;
	struct conf_token *words; /* the first one is the statement's name */
	size_t word_count;
	bool has_block;
	struct conf_place opened;     /* the block's "{" */
	struct conf_place end;        /* behind the last word, where a ";" would stand */
	struct conf_statement *first; /* inside the block */
};

/* The statements of FILE in order. False: the context has the error; ERR_NOTFOUND when FILE itself
 * cannot be read. */
bool conf_tree_read(struct conf_context *cx, const char *file, struct conf_statement **ret_first);

#endif
