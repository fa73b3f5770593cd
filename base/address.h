/* SPDX-License-Identifier: Apache-2.0 */
/* base/address.h - which addresses are of the public Internet (RFC 6890 and IANA's registries) */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

/* False for loopback, private, link-local, shared, documentation and multicast ones, whatever
 * wraps an IPv4 address that is (mapped, NAT64), tunnels, and other families. */
bool address_is_public(const struct sockaddr *address);

#endif
