/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/failover.h"

#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "store/domain_cas.h"

bool
failover_helps(const struct problem *problem)
{
	switch (problem->kind) {
	case PROBLEM_CA_UNREACHABLE:
	case PROBLEM_CA_TLS:
	case PROBLEM_CA_ERROR:
	case PROBLEM_CA_LIMITED:
	case PROBLEM_CA_REFUSED: /* its policy, or its profile */
	case PROBLEM_CA_PROTOCOL:
	case PROBLEM_CA_ACCOUNT:
	case PROBLEM_CA_DIRECTORY:
	case PROBLEM_AUTHZ_NO_CHALLENGE:
	case PROBLEM_CERT_REJECTED:
		return true;
	default:
		return false;
	}
}

bool
failover_advance(struct domain *d, failover_usable_fn *usable, void *arg)
{
	domain_ca_list list;
	size_t count = domain_cas(d, list), at = 0;

	while (at < count && strcmp(list[at], d->ca) != 0)
		at++;
	for (at++; at < count; at++) {
		if (!usable(arg, list[at]))
			continue;
		snprintf(d->ca, sizeof(d->ca), "%s", list[at]);
		return true;
	}
	return false;
}

bool
failover_return(struct domain *d, failover_usable_fn *usable, void *arg)
{
	domain_ca_list list;
	size_t count = domain_cas(d, list);

	for (size_t at = 0; at < count && strcmp(list[at], d->ca) != 0 && !d->failures; at++) {
		if (!usable(arg, list[at]))
			continue;
		snprintf(d->ca, sizeof(d->ca), "%s", list[at]);
		return true;
	}
	return false;
}

void
failover_restart(struct domain *d, failover_usable_fn *known, void *arg)
{
	domain_ca_list list;
	size_t count = domain_cas(d, list), at = 0;

	while (at < count && !known(arg, list[at]))
		at++;
	if (at < count)
		snprintf(d->ca, sizeof(d->ca), "%s", list[at]);
}

uint32_t
failover_rounds(const struct domain *d)
{
	domain_ca_list list;
	uint32_t count = (uint32_t)domain_cas(d, list);

	return (d->failures + count - 1) / count;
}
