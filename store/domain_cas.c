/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_cas.h"

#include <stdio.h>
#include <string.h>

size_t
domain_cas(const struct domain *d, domain_ca_list ret_list)
{
	size_t count = 0;

	for (const char *at = d->cas; *at && count < DOMAIN_CAS_MAX;) {
		size_t len = strcspn(at, " ");

		if (len > 0 && len <= NAME_WORD_MAX)
			snprintf(ret_list[count++], NAME_WORD_MAX + 1, "%.*s", (int)len, at);
		at += len + (at[len] == ' ');
	}
	if (count == 0)
		snprintf(ret_list[count++], NAME_WORD_MAX + 1, "%s", d->ca);
	return count;
}

void
domain_set_cas(struct domain *d, const char *const *names, size_t count)
{
	size_t used = 0;

	d->cas[0] = '\0';
	for (size_t i = 0; count > 1 && i < count && used < sizeof(d->cas); i++)
		used += (size_t)snprintf(d->cas + used, sizeof(d->cas) - used, "%s%s", i ? " " : "",
		                         names[i]);
	snprintf(d->ca, sizeof(d->ca), "%s", names[0]);
}

bool
domain_has_cas(const struct domain *d, const char *const *names, size_t count)
{
	domain_ca_list list;
	bool same = domain_cas(d, list) == count;

	for (size_t i = 0; same && i < count; i++)
		same = strcmp(list[i], names[i]) == 0;
	return same;
}
