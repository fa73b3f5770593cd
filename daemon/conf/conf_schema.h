/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_schema.h - walks statements along a table of words
 *
 * A level is what may stand at one place of the file: the top, or inside one kind of block. The
 * walk checks words, counts of arguments, blocks where they belong, duplicates and forgotten
 * semicolons; a rule's own function takes the values.
 */
#ifndef DAEMON_CONF_CONF_SCHEMA_H
#define DAEMON_CONF_CONF_SCHEMA_H

#include "daemon/conf/conf_tree.h"
#include "daemon/conf/conf_value.h"

struct conf_build;
struct conf_level;
struct conf_rule;

struct conf_walk {
	struct conf_context *cx;
	const struct conf_level *top; /* to tell a misplaced word from an unknown one */
	struct conf_build *build;     /* of the rules' functions */
};

/* Takes the values of S into INTO, the struct that the level fills. */
typedef bool conf_take(const struct conf_walk *w, const struct conf_rule *rule,
                       const struct conf_statement *s, void *into);

struct conf_rule {
	const char *word;
	const char *args; /* as shown to people: "NUMBER" */
	unsigned args_min;
	unsigned args_max;
	conf_take *take;
	size_t offset;           /* of the value in INTO, for the simple ones below */
	struct conf_range range; /* of the value */
	bool has_block;
	bool repeats;
};

/* A rule; what is special about it comes behind, as ".offset = ...". */
#define CONF_RULE(word_, args_, min_, max_, take_, ...)                                            \
	{                                                                                          \
		.word = (word_), .args = (args_), .args_min = (min_), .args_max = (max_),          \
		.take = (take_), __VA_ARGS__                                                       \
	}
#define CONF_RANGE(from, to) .range = {.min = (from), .max = (to)}

struct conf_level {
	const char *name; /* of the block; NULL at the top */
	const struct conf_rule *rules;
	size_t count;
};

#define CONF_LEVEL(block, table)                                                                   \
	{                                                                                          \
		.name = (block), .rules = (table), .count = sizeof(table) / sizeof((table)[0])     \
	}

enum { CONF_RULES_MAX = 32 }; /* of a level */

/* FIRST and its followers, the values into INTO. */
bool conf_walk(const struct conf_walk *w, const struct conf_level *level,
               const struct conf_statement *first, void *into);

/* One argument into the uint32_t, uint32_t of milliseconds, const char * or bool at rule->offset.
 */
conf_take conf_take_number, conf_take_span, conf_take_path, conf_take_flag;

#endif
