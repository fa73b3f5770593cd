/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json.h - cJSON behind typed accessors, for text that strangers wrote
 *
 * json_parse() refuses what cJSON would let through: depth over 32, duplicate member names, objects
 * of more than 256 members, bytes behind the value, NUL in text. Accessors answer NULL or a default
 * for a missing or mistyped member, so a reader checks the one value it needs and not the shape of
 * the whole. Trees are cJSON's own: release with cJSON_Delete(), build with cJSON_Create..., print
 * with json_print(). All memory of cJSON is wiped when it is freed: keys travel in it.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { JSON_DEPTH_MAX = 32 };

struct buf;

/* ERR_INVALID with nothing kept; LEN is the whole text. */
MUST_CHECK enum err json_parse(const void *text, size_t len, cJSON **ret_json);
/* One line, no newline, appended to OUT: valid UTF-8, whatever is in the texts. */
MUST_CHECK enum err json_print(const cJSON *json, struct buf *out);

const char *json_text(const cJSON *object, const char *member); /* NULL when absent or no string */
int64_t json_int(const cJSON *object, const char *member, int64_t otherwise);
bool json_bool(const cJSON *object, const char *member, bool otherwise);
const cJSON *json_object(const cJSON *object, const char *member);
const cJSON *json_array(const cJSON *object, const char *member);

#endif
