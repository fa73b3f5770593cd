/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/suffix.h - the registered domain of a name, by the Public Suffix List (libpsl)
 *
 * "shop.example.co.uk" belongs to "example.co.uk": that is what CAs count certificates by.
 * Threads: one at a time for opening, any for reading.
 */
#ifndef DAEMON_ORDER_SUFFIX_H
#define DAEMON_ORDER_SUFFIX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/hostname.h"

struct suffix;

/* The newest of FILE (NULL: none), the system's list and the one built into libpsl. ERR_NOTFOUND:
 * there is none at all. */
MUST_CHECK enum err suffix_new(const char *file, struct suffix **ret_suffix);
void suffix_free(struct suffix *suffix); /* accepts NULL */

/* Into DOMAIN: NAME itself when it is an IPv4 address, or when nothing but a suffix is in it; the
 * /64 of an IPv6 address. SUFFIX may be NULL: the last two labels. */
void suffix_domain(const struct suffix *suffix, const struct hostname *name,
                   char domain[HOSTNAME_MAX + 1]);

/* Whether nothing but a public suffix is in NAME; without a SUFFIX nobody knows: false. */
bool suffix_is_public(const struct suffix *suffix, const struct hostname *name);

#endif
