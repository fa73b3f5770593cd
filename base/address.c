/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct net4 {
	uint32_t base;
	int bits;
};

static const struct net4 not_public4[] = {
	{0x00000000, 8},  /* "this network" */
	{0x0a000000, 8},  /* private */
	{0x64400000, 10}, /* shared, RFC 6598 */
	{0x7f000000, 8},  /* loopback */
	{0xa9fe0000, 16}, /* link-local */
	{0xac100000, 12}, /* private */
	{0xc0000000, 24}, /* IETF protocol assignments */
	{0xc0000200, 24}, /* documentation */
	{0xc0586300, 24}, /* 6to4 relays */
	{0xc0a80000, 16}, /* private */
	{0xc6120000, 15}, /* benchmarks */
	{0xc6336400, 24}, /* documentation */
	{0xcb007100, 24}, /* documentation */
	{0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static bool
is_public4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(not_public4) / sizeof(not_public4[0]); i++)
		if ((address ^ not_public4[i].base) >> (32 - not_public4[i].bits) == 0)
			return false;
	return true;
}

struct net6 {
	unsigned char base[12];
	int bytes;
};

/* With an IPv4 address behind them. */
static const struct net6 wraps4[] = {
	{{[10] = 0xff, [11] = 0xff}, 12}, /* mapped */
	{{0x00, 0x64, 0xff, 0x9b}, 12},   /* NAT64, RFC 6052 */
};

/* Of 2000::/3, which is all that is public. */
static const struct net6 not_public6[] = {
	{{0x20, 0x01, 0x00, 0x00}, 4}, /* Teredo */
	{{0x20, 0x01, 0x00, 0x02}, 4}, /* benchmarks and what is next to them */
	{{0x20, 0x01, 0x0d, 0xb8}, 4}, /* documentation */
	{{0x20, 0x02}, 2},             /* 6to4 */
	{{0x3f, 0xff}, 2},             /* documentation, RFC 9637, and more */
};

static bool
is_public6(const unsigned char a[16])
{
	for (size_t i = 0; i < sizeof(wraps4) / sizeof(wraps4[0]); i++)
		if (memcmp(a, wraps4[i].base, (size_t)wraps4[i].bytes) == 0)
			return is_public4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
			                  (uint32_t)a[14] << 8 | a[15]);
	if (a[0] >> 5 != 1)
		return false;
	for (size_t i = 0; i < sizeof(not_public6) / sizeof(not_public6[0]); i++)
		if (memcmp(a, not_public6[i].base, (size_t)not_public6[i].bytes) == 0)
			return false;
	return true;
}

bool
address_is_public(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return is_public4(ntohl(in->sin_addr.s_addr));
	return address->sa_family == AF_INET6 && is_public6(in6->sin6_addr.s6_addr);
}
