/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_cas.h - the CAs of a domain, in the order they are asked
 *
 * `cas` of a domain has them when there are several, else `ca` is the only one. `ca` is always the
 * one whose queue the name stands in. Pure text, no transaction.
 */
#ifndef STORE_DOMAIN_CAS_H
#define STORE_DOMAIN_CAS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/domain.h"

typedef char domain_ca_list[DOMAIN_CAS_MAX][NAME_WORD_MAX + 1];

/* How many there are, best first; 1 at least, the only one then being D's `ca`. */
size_t domain_cas(const struct domain *d, domain_ca_list ret_list);
/* COUNT is 1 to DOMAIN_CAS_MAX; the first becomes D's `ca`. */
void domain_set_cas(struct domain *d, const char *const *names, size_t count);
/* Whether D's CAs are these, in this order. */
bool domain_has_cas(const struct domain *d, const char *const *names, size_t count);

#endif
