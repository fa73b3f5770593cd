/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/proxy.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The protocol's text, section 2.2. */
enum { VERSION_2_PROXY = 0x21, FAMILY_NONE = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21 };
enum { FIXED_LEN = 16, FAMILY_AT = 13, LENGTH_AT = 15 };

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Both addresses, then both ports, all in network order as the sockets have them. */
static size_t
put_pair(unsigned char *dst, const void *a, const void *b, size_t address_len, in_port_t ports[2])
{
	memcpy(dst, a, address_len);
	memcpy(dst + address_len, b, address_len);
	memcpy(dst + 2 * address_len, ports, 4);
	return 2 * address_len + 4;
}

size_t
proxy_v2(const struct sockaddr *client, const struct sockaddr *local,
         unsigned char dst[PROXY_V2_MAX])
{
	const struct sockaddr_in *c4 = (const void *)client, *l4 = (const void *)local;
	const struct sockaddr_in6 *c6 = (const void *)client, *l6 = (const void *)local;
	size_t len = 0;

	memcpy(dst, signature, sizeof(signature));
	dst[12] = VERSION_2_PROXY;
	dst[FAMILY_AT] = FAMILY_NONE;
	dst[LENGTH_AT - 1] = 0;
	if (client->sa_family == local->sa_family && client->sa_family == AF_INET) {
		dst[FAMILY_AT] = FAMILY_TCP4;
		len = put_pair(dst + FIXED_LEN, &c4->sin_addr, &l4->sin_addr, 4,
		               (in_port_t[]){c4->sin_port, l4->sin_port});
	} else if (client->sa_family == local->sa_family && client->sa_family == AF_INET6) {
		dst[FAMILY_AT] = FAMILY_TCP6;
		len = put_pair(dst + FIXED_LEN, &c6->sin6_addr, &l6->sin6_addr, 16,
		               (in_port_t[]){c6->sin6_port, l6->sin6_port});
	}
	dst[LENGTH_AT] = (unsigned char)len;
	return FIXED_LEN + len;
}
