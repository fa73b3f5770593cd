/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "base/units.h"
#include "ctl/option.h"

enum { WORD_MAX = 256, BEGIN_LEAST = 3 };

/* The next word of *AT; false at the end. */
static bool
next_word(const char **at, char ret_word[WORD_MAX])
{
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, " ");
	if (len == 0)
		return false;
	snprintf(ret_word, WORD_MAX, "%.*s", (int)len, *at);
	*at += len;
	return true;
}

/* What is behind PREFIX in WORD, NULL: it does not begin so. */
static const char *
behind(const char *word, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(word, prefix, len) == 0 ? word + len : NULL;
}

static void
put(cJSON *request, const char *member, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(request, member);
	cJSON_AddStringToObject(request, member, value);
}

static bool
is_state(const char *word)
{
	const char *const *states = option_choices(OPTION_STATE);

	for (; *states; states++)
		if (strcmp(*states, word) == 0)
			return true;
	return false;
}

static bool
put_label(cJSON *request, const char *pair, char *why, size_t size)
{
	const char *equals = strchr(pair, '=');
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(request, "labels");
	char key[WORD_MAX];

	if (!equals) {
		snprintf(why, size, "\"label:%s\" must be label:KEY=VALUE", pair);
		return false;
	}
	if (!labels)
		labels = cJSON_AddObjectToObject(request, "labels");
	snprintf(key, sizeof(key), "%.*s", (int)(equals - pair), pair);
	put(labels, key, equals + 1);
	return true;
}

static bool
put_span(cJSON *request, const char *span, struct filter *f, char *why, size_t size)
{
	uint64_t ms;

	if (units_parse_ms(span, &ms)) {
		snprintf(why, size, "\"expires<%s\" must be a time like 14d or 12h", span);
		return false;
	}
	f->by_expiry = true;
	cJSON_DeleteItemFromObjectCaseSensitive(request, "expires_in");
	cJSON_AddNumberToObject(request, "expires_in", (double)(ms / 1000));
	return true;
}

/* "stat:failing", "expires>3d": nothing that a host name could begin with. */
static bool
is_no_filter(const char *word, const char *const *known, char *why, size_t size)
{
	size_t len = strcspn(word, ":<>");
	char begin[WORD_MAX];
	const char *near;

	if (word[len] == '\0')
		return false;
	snprintf(begin, sizeof(begin), "%.*s", (int)len + 1, word);
	near = nearest_word(begin, nearest_in_list, known);
	snprintf(why, size, "\"%s\" is no filter%s%s%s", begin, near ? "; did you mean " : "",
	         near ? near : "", near ? "?" : "");
	return true;
}

/* The state that a word without a dot may be meant for, NULL: it is taken for a name's beginning.
 */
static const char *
near_state(const char *word)
{
	const char *const *states = option_choices(OPTION_STATE);

	if (strchr(word, '.'))
		return NULL;
	for (size_t i = 0; strlen(word) >= BEGIN_LEAST && states[i]; i++)
		if (behind(states[i], word))
			return states[i];
	return nearest_word(word, nearest_in_list, states);
}

static bool
take_place(const char *word, struct filter *f, char *why, size_t size)
{
	static const char *const known[] = {
		"state:", "error:", "ca:", "backend:", "expires<", "label:", NULL};

	if (is_no_filter(word, known, why, size))
		return false;
	snprintf(f->from, sizeof(f->from), "%s", word);
	f->near = near_state(word);
	return true;
}

static bool
take_names_word(const char *word, cJSON *request, struct filter *f, char *why, size_t size)
{
	const char *value;

	if ((value = behind(word, "state:")) || is_state(word)) {
		value = value ? value : word;
		if (!is_state(value)) {
			snprintf(why, size, "there is no state \"%s\"", value);
			return false;
		}
		put(request, "state", value);
		f->by_expiry |= strcmp(value, "expired") == 0;
		f->by_name |= strcmp(value, "removed") == 0;
	} else if ((value = behind(word, "error:"))) {
		put(request, "error", value);
	} else if ((value = behind(word, "ca:"))) {
		put(request, "ca", value);
	} else if ((value = behind(word, "backend:"))) {
		put(request, "backend", value);
	} else if ((value = behind(word, "expires<"))) {
		return put_span(request, value, f, why, size);
	} else if ((value = behind(word, "label:")) || strchr(word, '=')) {
		return put_label(request, value ? value : word, why, size);
	} else {
		return take_place(word, f, why, size);
	}
	return true;
}

bool
filter_names(const char *text, cJSON *request, struct filter *ret_filter, char *why, size_t size)
{
	char word[WORD_MAX];

	*ret_filter = (struct filter){0};
	while (next_word(&text, word))
		if (!take_names_word(word, request, ret_filter, why, size))
			return false;
	return true;
}

static bool
put_since(cJSON *request, const char *span, int64_t now, char *why, size_t size)
{
	uint64_t ms;

	if (units_parse_ms(span, &ms)) {
		snprintf(why, size, "\"since:%s\" must be a time like 2h or 7d", span);
		return false;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(request, "since");
	cJSON_AddNumberToObject(request, "since", (double)(now - (int64_t)(ms / 1000)));
	return true;
}

static bool
put_severity(cJSON *request, const char *word, char *why, size_t size)
{
	const char *const *known = option_choices(OPTION_SEVERITY);

	put(request, "severity", word);
	for (; known && *known; known++)
		if (strcmp(*known, word) == 0)
			return true;
	snprintf(why, size, "\"severity:%s\" must be crit, err, warn or info", word);
	return false;
}

/* All types have a dot in them. */
static bool
put_type(cJSON *request, const char *word, char *why, size_t size)
{
	static const char *const known[] = {"type:", "name:", "since:", "severity:", NULL};
	const char *type = behind(word, "type:");
	cJSON *types = cJSON_GetObjectItemCaseSensitive(request, "types");

	type = type ? type : word;
	if (is_no_filter(type, known, why, size))
		return false;
	if (!strpbrk(type, ".*")) {
		snprintf(why, size, "\"%s\" is no type of events; did you mean %s.*?", type, type);
		return false;
	}
	types = types ? types : cJSON_AddArrayToObject(request, "types");
	cJSON_AddItemToArray(types, cJSON_CreateString(type));
	return true;
}

bool
filter_events(const char *text, int64_t now, cJSON *request, char *why, size_t size)
{
	const char *value;
	char word[WORD_MAX];
	bool ok = true;

	while (ok && next_word(&text, word)) {
		if ((value = behind(word, "name:")))
			put(request, "name", value);
		else if ((value = behind(word, "since:")))
			ok = put_since(request, value, now, why, size);
		else if ((value = behind(word, "severity:")))
			ok = put_severity(request, value, why, size);
		else
			ok = put_type(request, word, why, size);
	}
	return ok;
}

void
filter_set(char *text, size_t size, const char *prefix, const char *value, char *ret_was)
{
	char word[WORD_MAX], kept[2 * WORD_MAX] = "";
	const char *at = text, *was;
	size_t len = 0;

	while (next_word(&at, word) && len < sizeof(kept)) {
		if ((was = behind(word, prefix)))
			snprintf(ret_was, size, "%s", was);
		else
			len += (size_t)snprintf(kept + len, sizeof(kept) - len, "%s%s",
			                        len ? " " : "", word);
	}
	if (value && len < sizeof(kept))
		snprintf(kept + len, sizeof(kept) - len, "%s%s%s", len ? " " : "", prefix, value);
	snprintf(text, size, "%s", kept);
}
