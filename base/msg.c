/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	const char *text;
} exits[] = {
#define X(name, code, word, text) [code] = {word, text},
	MSG_EXIT_LIST(X)
#undef X
};

static const char *const steps[] = {
#define X(name, word) word,
	MSG_STEP_LIST(X)
#undef X
};

/* Words that are not here exit with FAILED. */
static const struct {
	const char *code;
	enum msg_exit exit;
} codes[] = {
	{"ok", MSG_EXIT_OK},
	{"usage", MSG_EXIT_USAGE},
	{"invalid", MSG_EXIT_USAGE},
	{"too-big", MSG_EXIT_USAGE},
	{"unsupported", MSG_EXIT_USAGE},
	{"unknown-verb", MSG_EXIT_USAGE},
	{"invalid-name", MSG_EXIT_USAGE},
	{"unknown-backend", MSG_EXIT_USAGE},
	{"unknown-ca", MSG_EXIT_USAGE},
	{"not-found", MSG_EXIT_NOTFOUND},
	{"unreachable", MSG_EXIT_UNREACHABLE},
	{"closed", MSG_EXIT_UNREACHABLE},
	{"not-permitted", MSG_EXIT_PERM},
	{"conflict", MSG_EXIT_CONFLICT},
	{"quota", MSG_EXIT_CONFLICT},
	{"busy", MSG_EXIT_CONFLICT},
	{"wrong-state", MSG_EXIT_CONFLICT},
	{"timeout", MSG_EXIT_TIMEOUT},
	{"ca/refused", MSG_EXIT_CA},
	{"ca/rate-limited", MSG_EXIT_CA},
};

const char *
msg_exit_word(enum msg_exit code)
{
	return (size_t)code < MSG_EXIT_COUNT ? exits[code].word : "unknown";
}

const char *
msg_exit_text(enum msg_exit code)
{
	return (size_t)code < MSG_EXIT_COUNT ? exits[code].text : "unknown exit code";
}

const char *
msg_step_word(enum msg_step step)
{
	return (size_t)step < MSG_STEP_COUNT ? steps[step] : "unknown";
}

enum err
msg_step_parse(const char *word, enum msg_step *ret_step)
{
	for (size_t i = 0; i < MSG_STEP_COUNT; i++)
		if (strcmp(word, steps[i]) == 0) {
			*ret_step = (enum msg_step)i;
			return ERR_OK;
		}
	return ERR_INVALID;
}

enum msg_exit
msg_exit_of_code(const char *code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i].code) == 0)
			return codes[i].exit;
	return MSG_EXIT_FAILED;
}

enum msg_exit
msg_exit_of_err(enum err err)
{
	return msg_exit_of_code(err_word(err));
}

enum msg_exit
msg_exit_combine(unsigned seen)
{
	for (unsigned code = 0; code < MSG_EXIT_COUNT; code++)
		if (seen == 1u << code)
			return (enum msg_exit)code;
	if (!seen)
		return MSG_EXIT_OK;
	return seen & (1u << MSG_EXIT_OK | 1u << MSG_EXIT_PARTLY) ? MSG_EXIT_PARTLY
	                                                          : MSG_EXIT_FAILED;
}
