/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/msg.h - what both ends of the control socket must agree on
 *
 * One JSON object per line. A request is one line; its reply is any number of lines, of which the
 * last and only the last has a member "end". docs/control.md has every verb by example.
 * The exit code of a reply is the exit code of certctl.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include "base/err.h"

#define MSG_SCHEMA         "certd/v1"
#define MSG_SOCKET_DEFAULT "/run/certd/control.sock"

enum {
	MSG_LINE_MAX = 1024 * 1024, /* bytes of a line with its newline, either way */
	MSG_NAMES_MAX = 1000,       /* names of one add, renew, remove or wait request */
	MSG_PAGE_MAX = 1000,        /* items of one list or events page */
	MSG_TYPES_MAX = 16,         /* that events may be asked for at once */
};

/* name, exit code, word, sentence */
#define MSG_EXIT_LIST(X)                                                                           \
	X(OK, 0, "ok", "done")                                                                     \
	X(FAILED, 1, "failed", "it failed")                                                        \
	X(USAGE, 2, "usage", "a bad request: unknown word or malformed name")                      \
	X(NOTFOUND, 3, "not-found", "no such name")                                                \
	X(UNREACHABLE, 4, "unreachable", "certd cannot be reached")                                \
	X(PERM, 5, "not-permitted", "not permitted")                                               \
	X(CONFLICT, 6, "conflict", "it exists already, is busy, or in the wrong state")            \
	X(TIMEOUT, 7, "timeout", "waiting took longer than --timeout")                             \
	X(CA, 8, "ca", "the CA refused or its limit is reached")                                   \
	X(PARTLY, 9, "partly", "some of the names are done, some are not")

enum msg_exit {
#define X(name, code, word, text) MSG_EXIT_##name = code,
	MSG_EXIT_LIST(X)
#undef X
		MSG_EXIT_COUNT
};

/* The way of a name through `wait`, in order; every attempt ends with serving or failed. */
#define MSG_STEP_LIST(X)                                                                           \
	X(QUEUED, "queued")                                                                        \
	X(ORDERED, "ordered")                                                                      \
	X(CHALLENGE, "challenge")                                                                  \
	X(FINALIZED, "finalized")                                                                  \
	X(STORED, "stored")                                                                        \
	X(SERVING, "serving")                                                                      \
	X(FAILED, "failed")

enum msg_step {
#define X(name, word) MSG_STEP_##name,
	MSG_STEP_LIST(X)
#undef X
		MSG_STEP_COUNT
};

/* Static strings; accept any value. */
const char *msg_exit_word(enum msg_exit code);
const char *msg_exit_text(enum msg_exit code);
const char *msg_step_word(enum msg_step step);
MUST_CHECK enum err msg_step_parse(const char *word, enum msg_step *ret_step);

/* The exit code for an error's `code`: an err_word(), a problem_code(), or one of the words of
 * docs/control.md ("unknown-ca"). FAILED for a word that has no exit code of its own. */
enum msg_exit msg_exit_of_code(const char *code);
enum msg_exit msg_exit_of_err(enum err err);

/* Of many outcomes, SEEN holding bit 1 << code for each: all the same -> that one; some of them OK
 * or PARTLY -> PARTLY; different failures -> FAILED; none at all -> OK. */
enum msg_exit msg_exit_combine(unsigned seen);

#endif
