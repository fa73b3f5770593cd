/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err.h - what went wrong, in the one word the caller acts on
 *
 * An `enum err` tells a program what to do next (retry, refuse, give up); a `struct problem`
 * (base/problem.h) tells a person why. Functions that can fail return `enum err` and carry
 * MUST_CHECK; outputs come last, are named ret_..., and are written on success only.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* name, word (control protocol, stable), sentence */
#define ERR_LIST(X)                                                                                \
	X(OK, "ok", "success")                                                                     \
	X(NOMEM, "no-memory", "out of memory")                                                     \
	X(NOTFOUND, "not-found", "no such thing")                                                  \
	X(EXISTS, "conflict", "exists already")                                                    \
	X(INVALID, "invalid", "malformed input")                                                   \
	X(TOOBIG, "too-big", "larger than the limit")                                              \
	X(UNSUPPORTED, "unsupported", "not supported")                                             \
	X(PERM, "not-permitted", "not permitted")                                                  \
	X(BUSY, "busy", "busy")                                                                    \
	X(WRONGSTATE, "wrong-state", "not possible in this state")                                 \
	X(AGAIN, "again", "would block")                                                           \
	X(TIMEOUT, "timeout", "timed out")                                                         \
	X(CLOSED, "closed", "closed by the other side")                                            \
	X(PROTO, "protocol", "the other side broke the protocol")                                  \
	X(REFUSED, "refused", "refused by the other side")                                         \
	X(UNREACHABLE, "unreachable", "the other side cannot be reached")                          \
	X(IO, "io", "input or output failed")                                                      \
	X(FULL, "full", "no space left")                                                           \
	X(CORRUPT, "corrupt", "stored data is damaged or was tampered with")                       \
	X(VERSION, "version", "stored data has a version this program does not know")              \
	X(CRYPTO, "crypto", "a cryptographic operation failed")                                    \
	X(STOPPED, "stopped", "given up: certd is stopping")

enum err {
#define X(name, word, text) ERR_##name,
	ERR_LIST(X)
#undef X
};

/* Both return static strings and accept any value. */
const char *err_word(enum err err);
const char *err_text(enum err err);

#endif
