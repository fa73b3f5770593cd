/* SPDX-License-Identifier: Apache-2.0 */
/* base/base64.h - reading base64 as PEM and JSON files have it (RFC 4648, 4; RFC 7468) */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends what TEXT stands for; blanks and line ends do not count, padding is required. OUT is
 * undefined on ERR_INVALID. */
MUST_CHECK enum err base64_decode(const char *text, size_t len, struct buf *out);

#endif
