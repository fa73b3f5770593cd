/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/url.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "https://";

/* The bytes between "https://" and the path. */
static const char *
authority_of(const char *url, size_t *ret_len)
{
	const char *at = url + sizeof(scheme) - 1;

	*ret_len = 0;
	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	*ret_len = strcspn(at, "/?#");
	return at;
}

/* Where the port's colon is, LEN when there is none: behind the bracket of an IPv6 address. */
static size_t
port_at(const char *authority, size_t len)
{
	size_t i = authority[0] == '[' ? strcspn(authority, "]") : 0;

	while (i < len && authority[i] != ':')
		i++;
	return i < len ? i : len;
}

static bool
is_port(const char *text, size_t len)
{
	return len >= 1 && len <= 5 && strspn(text, "0123456789") >= len;
}

bool
url_has_only_sane_bytes(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"\\<>^`{|}", *p))
			return false;
	return true;
}

bool
url_is_sane(const char *url)
{
	size_t len, colon;
	const char *at = authority_of(url, &len);

	if (!at || strlen(url) > URL_MAX || len > URL_ORIGIN_MAX - sizeof(":65535") ||
	    !url_has_only_sane_bytes(url))
		return false;
	colon = port_at(at, len);
	if (colon == 0 || memchr(at, '@', len) || memchr(at, '%', len))
		return false;
	return colon == len || is_port(at + colon + 1, len - colon - 1);
}

bool
url_is_foreign(const char *url)
{
	char secure[URL_MAX + 2];

	if (strncasecmp(url, "http://", 7) != 0)
		return url_is_sane(url);
	return snprintf(secure, sizeof(secure), "https://%s", url + 7) < (int)sizeof(secure) &&
	       url_is_sane(secure);
}

enum err
url_origin(const char *url, char ret_origin[URL_ORIGIN_MAX + 1])
{
	size_t len, colon;
	const char *at = authority_of(url, &len);

	if (!url_is_sane(url))
		return ERR_INVALID;
	colon = port_at(at, len);
	snprintf(ret_origin, URL_ORIGIN_MAX + 1, "%.*s%.*s", (int)colon, at, (int)(len - colon),
	         colon < len ? at + colon : "");
	if (colon == len)
		strcat(ret_origin, ":443");
	for (char *p = ret_origin; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return ERR_OK;
}
