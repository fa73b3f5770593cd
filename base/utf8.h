/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/utf8.h - characters of foreign text (RFC 3629)
 *
 * Pure. Threads: any.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 }; /* bytes of a character */

/* How many of the LEFT bytes at P are the first character, 1 to UTF8_MAX; 0: it is none, as what is
 * cut off, overlong, a surrogate, or beyond U+10FFFF. A NUL is one. */
size_t utf8_char(const void *p, size_t left, uint32_t *ret_char);
/* Each byte of TEXT that is part of none becomes '?'. */
void utf8_mend(void *text, size_t len);

#endif
