/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idna.h"

#include <idn2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/hostname.h"

enum { IDNA_FLAGS = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT };

static bool
is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* Zero-width and format characters vanish in UTS 46 mapping: two names that look alike to libidn2
 * but not to us. We refuse instead of mapping them away. */
static bool
has_ignored(const char *text)
{
	static const char *const ignored[] = {"\u00ad", "\u034f", "\u180b", "\u180e",
	                                      "\u200b", "\u200c", "\u200d", "\u2060",
	                                      "\u2064", "\ufeff", "\ufe0f"};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (strstr(text, ignored[i]))
			return true;
	return false;
}

/* Every A-label must be one: decode to Unicode and back to the same bytes. */
static bool
round_trips(const struct hostname *h)
{
	const char *name = h->name + (hostname_is_wildcard(h) ? 2 : 0);
	char *unicode = NULL, *ascii = NULL;
	bool same;

	if (!strstr(name, "xn--"))
		return true;
	same = idn2_to_unicode_8z8z(name, &unicode, IDNA_FLAGS) == IDN2_OK &&
	       idn2_to_ascii_8z(unicode, &ascii, IDNA_FLAGS) == IDN2_OK && !strcmp(ascii, name);
	idn2_free(unicode);
	idn2_free(ascii);
	return same;
}

enum err
idna_parse(const char *text, struct hostname *ret_name, char *why, size_t size)
{
	char *ascii = NULL, joined[HOSTNAME_MAX + 8];
	const char *reason = NULL;
	size_t star = strncmp(text, "*.", 2) == 0 ? 2 : 0;
	int rc;

	if (is_ascii(text)) {
		if (hostname_parse_any(text, ret_name, &reason) == ERR_OK) {
			if (round_trips(ret_name))
				return ERR_OK;
			reason = "it has an \"xn--\" label that is no valid A-label";
		}
		snprintf(why, size, "%s", reason);
		return ERR_INVALID;
	}
	rc = has_ignored(text) ? IDN2_DISALLOWED
	                       : idn2_to_ascii_8z(text + star, &ascii, IDNA_FLAGS);
	if (rc != IDN2_OK) {
		snprintf(why, size, "it is no valid internationalized name (%s)",
		         idn2_strerror(rc));
		return ERR_INVALID;
	}
	snprintf(joined, sizeof(joined), "%.*s%s", (int)star, "*.", ascii);
	rc = strlen(ascii) > HOSTNAME_MAX ? IDN2_TOO_BIG_DOMAIN : IDN2_OK;
	idn2_free(ascii);
	if (rc != IDN2_OK || hostname_parse(joined, ret_name, &reason) || !round_trips(ret_name)) {
		snprintf(why, size, "%s",
		         rc       ? idn2_strerror(rc)
		         : reason ? reason
		                  : "it does not survive IDNA");
		return ERR_INVALID;
	}
	return ERR_OK;
}

void
idna_display(const struct hostname *name, char *dst, size_t size)
{
	size_t star = hostname_is_wildcard(name) ? 2 : 0;
	char *unicode = NULL;

	if (strstr(name->name, "xn--") &&
	    idn2_to_unicode_8z8z(name->name + star, &unicode, IDNA_FLAGS) == IDN2_OK)
		snprintf(dst, size, "%.*s%s", (int)star, "*.", unicode);
	else
		snprintf(dst, size, "%s", name->name);
	idn2_free(unicode);
}
