/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/idna.h - from what an operator types to a host name (RFC 5891), by libidn2
 *
 * Never used on the SNI path. libidn2 alone drops or passes characters it should refuse (2.3.3:
 * with USE_STD3_ASCII_RULES "a_b.com" becomes "ab.com", another customer's name), so ASCII input
 * does not go through it at all, and its output must pass hostname_parse() and decode again.
 */
#ifndef BASE_IDNA_H
#define BASE_IDNA_H

#include <stddef.h>

#include "base/err.h"

struct hostname;

/* TEXT is UTF-8. ERR_INVALID with a sentence in WHY (SIZE bytes, always set then). */
MUST_CHECK enum err idna_parse(const char *text, struct hostname *ret_name, char *why, size_t size);
/* The U-label form for people ("bücher.example" for "xn--bcher-kva.example"); the name itself when
 * has no A-label or one that does not decode. */
void idna_display(const struct hostname *name, char *dst, size_t size);

#endif
