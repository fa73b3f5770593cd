/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the resolvers are there. */
#include "daemon/dns/dns_inside.h"

bool
dns_any_resolver(const struct dns_call *call)
{
	struct conf_dns_resolvers resolvers;
	struct buf answer = {0};
	bool any = false;

	dns_resolvers(call, &resolvers);
	for (size_t i = 0; i < resolvers.count && !any; i++)
		any = dns_ask(call, &resolvers.addresses[i], "", ns_t_ns, true, &answer) == ERR_OK;
	buf_done(&answer);
	return any;
}
