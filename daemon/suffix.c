/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/suffix.h"

#include <libpsl.h>
#include <stdio.h>
#include <string.h>

/* struct suffix is libpsl's context by another name. */
enum err
suffix_new(const char *file, struct suffix **ret_suffix)
{
	psl_ctx_t *psl = psl_latest(file);

	if (!psl)
		return ERR_NOTFOUND;
	*ret_suffix = (struct suffix *)psl;
	return ERR_OK;
}

void
suffix_free(struct suffix *suffix)
{
	psl_free((psl_ctx_t *)suffix);
}

static const char *
last_two(const char *name)
{
	const char *dot = strrchr(name, '.');

	while (dot && dot > name && dot[-1] != '.')
		dot--;
	return dot && dot > name ? dot : name;
}

void
suffix_domain(const struct suffix *suffix, const struct hostname *name,
              char domain[HOSTNAME_MAX + 1])
{
	const char *text = name->name + (hostname_is_wildcard(name) ? 2 : 0), *found;

	if (hostname_is_address(name))
		found = text;
	else if (suffix)
		found = psl_registrable_domain((const psl_ctx_t *)suffix, text);
	else
		found = last_two(text);
	snprintf(domain, HOSTNAME_MAX + 1, "%s", found ? found : text);
}

bool
suffix_is_public(const struct suffix *suffix, const struct hostname *name)
{
	return suffix && !hostname_is_address(name) &&
	       psl_is_public_suffix((const psl_ctx_t *)suffix, name->name);
}
