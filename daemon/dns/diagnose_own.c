/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "daemon/conf/conf.h"

static const void *
bytes_of(const struct sockaddr *sa, size_t *ret_len)
{
	if (sa->sa_family == AF_INET) {
		*ret_len = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)sa)->sin_addr;
	}
	if (sa->sa_family == AF_INET6) {
		*ret_len = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)sa)->sin6_addr;
	}
	*ret_len = 0;
	return NULL;
}

void
own_make(int family, const void *address, struct conf_address *ret_address)
{
	struct conf_address a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;

	a.sa.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		memcpy(&v4->sin_addr, address, sizeof(v4->sin_addr));
	else
		memcpy(&v6->sin6_addr, address, sizeof(v6->sin6_addr));
	a.len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	inet_ntop(family, address, a.text, sizeof(a.text));
	*ret_address = a;
}

bool
own_has(const struct own *own, int family, const void *address)
{
	for (size_t i = 0; i < own->count; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&own->addresses[i].sa;
		size_t len;
		const void *bytes = bytes_of(sa, &len);

		if (sa->sa_family == family && memcmp(bytes, address, len) == 0)
			return true;
	}
	return false;
}

static void
add(struct own *own, const struct sockaddr *sa)
{
	size_t len;
	const void *bytes = bytes_of(sa, &len);

	if (!bytes || own->count == OWN_MAX || own_has(own, sa->sa_family, bytes))
		return;
	own_make(sa->sa_family, bytes, &own->addresses[own->count++]);
	own->is_sure = own->is_sure || address_is_public(sa);
}

static bool
is_any(const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;

	if (sa->sa_family == AF_INET)
		return v4->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

/* FAMILY's, IPv4 too for IPv6: one socket may take both. Link-local ones are nobody's record. */
static void
add_interfaces(struct own *own, int family)
{
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list))
		return;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;

		if (!sa || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK) ||
		    (sa->sa_family != family && family != AF_INET6))
			continue;
		if (sa->sa_family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)sa)->sin6_addr))
			continue;
		add(own, sa);
	}
	freeifaddrs(list);
}

void
own_find(const struct conf *conf, struct own *ret_own)
{
	*ret_own = (struct own){0};
	for (size_t i = 0; i < conf->diagnose.address_count; i++)
		add(ret_own, (const struct sockaddr *)&conf->diagnose.addresses[i].sa);
	if (ret_own->count > 0) {
		ret_own->is_sure = true;
		return;
	}
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&conf->listens[i].address.sa;

		if (is_any(sa))
			add_interfaces(ret_own, sa->sa_family);
		else
			add(ret_own, sa);
	}
}
