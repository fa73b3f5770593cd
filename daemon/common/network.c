/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
is_v4(const unsigned char address[16])
{
	return memcmp(address, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool
address_of(const struct sockaddr *sa, unsigned char ret_address[16])
{
	if (sa->sa_family == AF_INET) {
		memcpy(ret_address, v4_prefix, sizeof(v4_prefix));
		memcpy(ret_address + sizeof(v4_prefix),
		       &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(ret_address, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return true;
}

/* Clears what is behind the first BITS; answers whether that was 0 already. */
static bool
cut(unsigned char address[16], unsigned bits)
{
	bool clean = true;

	for (unsigned i = bits / 8; i < 16; i++) {
		unsigned char keep = i > bits / 8 ? 0 : (unsigned char)(0xff00 >> bits % 8);

		clean &= (address[i] & ~keep) == 0;
		address[i] &= keep;
	}
	return clean;
}

void
network_of(const struct sockaddr *sa, unsigned v4_bits, unsigned v6_bits,
           struct network *ret_network)
{
	*ret_network = (struct network){0};
	if (!address_of(sa, ret_network->address))
		return;
	ret_network->bits =
		(unsigned char)(is_v4(ret_network->address) ? NETWORK_V4_BITS + v4_bits : v6_bits);
	(void)cut(ret_network->address, ret_network->bits);
}

bool
network_has(const struct network *network, const struct sockaddr *sa)
{
	unsigned char address[16];

	if (!address_of(sa, address))
		return false;
	(void)cut(address, network->bits);
	return memcmp(address, network->address, sizeof(address)) == 0;
}

static bool
is_loopback(const unsigned char address[16])
{
	static const unsigned char v6_loopback[16] = {[15] = 1};

	return is_v4(address) ? address[12] == 127 : memcmp(address, v6_loopback, 16) == 0;
}

bool
network_is_own(const struct sockaddr *a, const struct sockaddr *b)
{
	unsigned char one[16], other[16];

	if (!address_of(a, one) || !address_of(b, other))
		return false;
	return memcmp(one, other, 16) == 0 || (is_loopback(one) && is_loopback(other));
}

enum err
network_parse(const char *text, struct network *ret_network)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	struct network n = {0};
	uint64_t bits;
	bool v6;

	if (len >= sizeof(host))
		return ERR_INVALID;
	memcpy(host, text, len);
	host[len] = '\0';
	v6 = strchr(host, ':') != NULL;
	memcpy(n.address, v4_prefix, sizeof(v4_prefix));
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, n.address + (v6 ? 0 : 12)) != 1)
		return ERR_INVALID;
	bits = v6 ? 128 : 32;
	if (slash && units_parse_number(slash + 1, &bits))
		return ERR_INVALID;
	if (bits > (v6 ? 128 : 32))
		return ERR_TOOBIG;
	n.bits = (unsigned char)(bits + (v6 ? 0 : NETWORK_V4_BITS));
	if (!cut(n.address, n.bits))
		return ERR_UNSUPPORTED;
	*ret_network = n;
	return ERR_OK;
}

void
network_format(const struct network *network, char text[NETWORK_TEXT_MAX + 1])
{
	bool v4 = is_v4(network->address) && network->bits >= NETWORK_V4_BITS;
	unsigned bits = network->bits - (v4 ? NETWORK_V4_BITS : 0u);
	char host[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, network->address + (v4 ? 12 : 0), host, sizeof(host));
	snprintf(text, NETWORK_TEXT_MAX + 1, "%s/%u", host, bits);
}
