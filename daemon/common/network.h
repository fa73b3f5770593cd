/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/network.h - addresses with a prefix length: who is trusted, who is counted together
 *
 * IPv4 is kept as ::ffff:0:0/96 (RFC 4291, 2.5.5.2), so that a client is the same one whether it
 * came as IPv4 or as an IPv4-mapped IPv6 address.
 */
#ifndef DAEMON_COMMON_NETWORK_H
#define DAEMON_COMMON_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sockaddr;

enum { NETWORK_TEXT_MAX = 63, NETWORK_V4_BITS = 96, NETWORK_BITS = 128 };

/* Bits behind the prefix are 0, so equal networks are equal bytes. */
struct network {
	unsigned char address[16];
	unsigned char bits; /* of the prefix, 0 to 128; IPv4's begin at 96 */
};

/* The network of SA with V4_BITS (0 to 32) or V6_BITS (0 to 128); what is neither is all zero. */
void network_of(const struct sockaddr *sa, unsigned v4_bits, unsigned v6_bits,
                struct network *ret_network);
bool network_has(const struct network *network, const struct sockaddr *sa);
/* Whether both are the same address, or both this machine's loopback: neither can have come over a
 * network. Ports do not count. */
bool network_is_own(const struct sockaddr *a, const struct sockaddr *b);

/* "192.0.2.0/24", "2001:db8::/32", or an address alone for itself. ERR_INVALID: it is no address;
 * ERR_TOOBIG: the prefix is too long; ERR_UNSUPPORTED: the address has bits behind its prefix. */
MUST_CHECK enum err network_parse(const char *text, struct network *ret_network);
void network_format(const struct network *network, char text[NETWORK_TEXT_MAX + 1]);

#endif
