/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/header.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const char blanks[] = " \t";

/* Beyond this many digits a number of seconds is absurd; a century says the same. */
enum { SECONDS_DIGITS_MAX = 10 };

int64_t
header_retry_after(const char *value, int64_t now_ms)
{
	size_t digits = strspn(value, "0123456789");
	int64_t at = 0;

	if (digits > 0 && digits <= SECONDS_DIGITS_MAX && !value[digits]) {
		for (const char *p = value; *p; p++)
			at = at * 10 + (*p - '0');
		return at * 1000;
	}
	if (clock_parse_http(value, &at))
		return -1;
	return at * 1000 > now_ms ? at * 1000 - now_ms : 0;
}

bool
header_is_base64url(const char *value)
{
	return *value && value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                                     "0123456789-_")] == '\0';
}

static const char *
skip(const char *p, const char *what)
{
	return p + strspn(p, what);
}

/* Moves *AT over a token or a quoted string and gives its inside. */
static bool
take_word(const char **at, const char **ret_word, size_t *ret_len)
{
	const char *p = *at;

	if (*p != '"') {
		*ret_word = p;
		*ret_len = strcspn(p, " \t;,=\"");
		*at = p + *ret_len;
		return *ret_len > 0;
	}
	*ret_word = ++p;
	while (*p && *p != '"')
		p += *p == '\\' && p[1] ? 2 : 1;
	*ret_len = (size_t)(p - *ret_word);
	*at = *p ? p + 1 : p;
	return *p == '"';
}

/* One ";name=value" behind a link; the first `rel` counts (RFC 8288 3.3). */
static bool
take_param(const char **at, struct header_link *link)
{
	const char *name, *value = NULL;
	size_t name_len, value_len = 0;

	*at = skip(*at + 1, " \t");
	if (**at == ';' || **at == ',' || !**at)
		return true; /* an empty parameter: allowed by the grammar's lists */
	if (!take_word(at, &name, &name_len))
		return false;
	*at = skip(*at, blanks);
	if (**at == '=') {
		*at = skip(*at + 1, blanks);
		if (!take_word(at, &value, &value_len))
			return false;
		*at = skip(*at, blanks);
	}
	if (name_len == 3 && strncasecmp(name, "rel", 3) == 0 && value && !link->rel) {
		size_t lead = strspn(value, blanks);

		if (lead > value_len)
			lead = value_len;
		link->rel = value + lead;
		link->rel_len = strcspn(link->rel, " \t\"");
		if (link->rel_len > value_len - lead)
			link->rel_len = value_len - lead;
	}
	return true;
}

bool
header_next_link(const char **at, struct header_link *ret_link)
{
	struct header_link link = {0};
	const char *p = skip(*at, " \t,"), *end;

	if (*p != '<')
		return false;
	end = strchr(++p, '>');
	if (!end)
		return false;
	link.url = p;
	link.url_len = (size_t)(end - p);
	*at = skip(end + 1, blanks);
	while (**at == ';')
		if (!take_param(at, &link))
			return false;
	if (**at && **at != ',')
		return false;
	*ret_link = link;
	return true;
}
