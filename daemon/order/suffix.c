/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/suffix.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <stdio.h>
#include <string.h>

enum { V6_LEN = 16 };

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

/* CAs count the certificates of IPv6 addresses by their network of 64 bits. */
static void
network_of(const struct hostname *name, char domain[HOSTNAME_MAX + 1])
{
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	char text[INET6_ADDRSTRLEN];

	if (hostname_address(name, address) != V6_LEN) {
		snprintf(domain, HOSTNAME_MAX + 1, "%s", name->name);
		return;
	}
	memset(address + V6_LEN / 2, 0, V6_LEN / 2);
	inet_ntop(AF_INET6, address, text, sizeof(text));
	snprintf(domain, HOSTNAME_MAX + 1, "%s/64", text);
}

void
suffix_domain(const struct suffix *suffix, const struct hostname *name,
              char domain[HOSTNAME_MAX + 1])
{
	const char *text = name->name + (hostname_is_wildcard(name) ? 2 : 0), *found;

	if (hostname_is_address(name)) {
		network_of(name, domain);
		return;
	}
	if (suffix)
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
