/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

enum { MEMBERS_MAX = 256 };

/* What cJSON frees may have held a private key: a request, half of one, a printed line. */
static void
wipe_and_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* Before main(), so it cannot be forgotten; cJSON does without realloc() from then on. */
__attribute__((constructor)) static void
wipe_what_cjson_frees(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = malloc, .free_fn = wipe_and_free});
}

/* Deepest nesting of TEXT outside strings; cJSON recurses, so this runs before it. */
static size_t
depth_of(const char *text, size_t len)
{
	size_t depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return deepest;
}

/* Comparing pairs is quadratic, so an object of more members than any protocol of ours has counts
 * as bad, too. */
static bool
has_duplicates(const cJSON *json)
{
	if (cJSON_IsObject(json) && cJSON_GetArraySize(json) > MEMBERS_MAX)
		return true;
	for (const cJSON *a = json->child; a; a = a->next) {
		for (const cJSON *b = cJSON_IsObject(json) ? a->next : NULL; b; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return true;
		if (has_duplicates(a))
			return true;
	}
	return false;
}

enum err
json_parse(const void *text, size_t len, cJSON **ret_json)
{
	const char *end = NULL, *p = text;
	cJSON *json;

	if (!len || memchr(text, 0, len) || memmem(text, len, "\\u0000", 6) ||
	    depth_of(text, len) > JSON_DEPTH_MAX)
		return ERR_INVALID;
	json = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (!json)
		return ERR_INVALID;
	for (; end < p + len; end++)
		if (!strchr(" \t\r\n", *end))
			break;
	if (end != p + len || has_duplicates(json)) {
		cJSON_Delete(json);
		return ERR_INVALID;
	}
	*ret_json = json;
	return ERR_OK;
}

enum err
json_print(const cJSON *json, struct buf *out)
{
	char *text = cJSON_PrintUnformatted(json);

	if (!text)
		return ERR_NOMEM;
	utf8_mend(text, strlen(text)); /* strangers' texts, and sentences that were cut */
	buf_add_str(out, text);
	cJSON_free(text);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

static const cJSON *
member_of(const cJSON *object, const char *member)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, member) : NULL;
}

const char *
json_text(const cJSON *object, const char *member)
{
	return cJSON_GetStringValue(member_of(object, member));
}

int64_t
json_int(const cJSON *object, const char *member, int64_t otherwise)
{
	const cJSON *v = member_of(object, member);

	if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble) || fabs(v->valuedouble) > 9e15)
		return otherwise;
	return (int64_t)v->valuedouble;
}

bool
json_bool(const cJSON *object, const char *member, bool otherwise)
{
	const cJSON *v = member_of(object, member);

	return cJSON_IsBool(v) ? cJSON_IsTrue(v) : otherwise;
}

const cJSON *
json_object(const cJSON *object, const char *member)
{
	const cJSON *v = member_of(object, member);

	return cJSON_IsObject(v) ? v : NULL;
}

const cJSON *
json_array(const cJSON *object, const char *member)
{
	const cJSON *v = member_of(object, member);

	return cJSON_IsArray(v) ? v : NULL;
}
