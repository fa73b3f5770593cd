/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_code.h"

#include <stddef.h>
#include <string.h>

const char *
diagnose_word(enum diagnose_code code)
{
	static const char *const words[] = {
#define X(name, word, actor) [DIAGNOSE_##name] = (word),
		DIAGNOSE_LIST(X)
#undef X
	};

	return words[code];
}

enum event_actor
diagnose_actor(const char *word)
{
	static const enum event_actor actors[] = {
#define X(name, word, actor) [DIAGNOSE_##name] = (actor),
		DIAGNOSE_LIST(X)
#undef X
	};

	for (size_t i = 0; i < DIAGNOSE_CODES; i++)
		if (strcmp(diagnose_word((enum diagnose_code)i), word) == 0)
			return actors[i];
	return EVENT_NOBODY;
}

enum diagnose_place
diagnose_place(const char *word)
{
	static const enum diagnose_code away[] = {DIAGNOSE_NXDOMAIN, DIAGNOSE_NO_ADDRESS,
	                                          DIAGNOSE_CNAME_DANGLING, DIAGNOSE_ELSEWHERE,
	                                          DIAGNOSE_PRIVATE_ADDRESS};
	static const enum diagnose_code unknown[] = {DIAGNOSE_BOGUS,   DIAGNOSE_SERVFAIL,
	                                             DIAGNOSE_TIMEOUT, DIAGNOSE_RESOLVER,
	                                             DIAGNOSE_SETUP,   DIAGNOSE_OWNERSHIP};

	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++)
		if (strcmp(diagnose_word(away[i]), word) == 0)
			return DIAGNOSE_AWAY;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		if (strcmp(diagnose_word(unknown[i]), word) == 0)
			return DIAGNOSE_UNKNOWN;
	for (size_t i = 0; i < DIAGNOSE_CODES; i++)
		if (strcmp(diagnose_word((enum diagnose_code)i), word) == 0)
			return DIAGNOSE_HERE;
	return DIAGNOSE_UNKNOWN;
}
