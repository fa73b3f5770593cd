/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The protocol's text, sections 2.2. */
enum { VERSION_2_LOCAL = 0x20, VERSION_2_PROXY = 0x21 };
enum { FAMILY_NONE = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21 };
enum { FIXED_LEN = 16, COMMAND_AT = 12, FAMILY_AT = 13, LENGTH_AT = 14 };
enum { TLV_ALPN = 0x01, TLV_AUTHORITY = 0x02, TLV_SSL = 0x20 };
enum { SSL_VERSION = 0x21, SSL_CN = 0x22, SSL_CIPHER = 0x23 };
enum { CLIENT_SSL = 0x01, CLIENT_CERT_CONN = 0x02, CLIENT_CERT_SESS = 0x04 };
enum { TLV_VALUE_MAX = 255, NAME_MAX_TLS = 63 };

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static void
put_u16(unsigned char *at, size_t n)
{
	at[0] = (unsigned char)(n >> 8);
	at[1] = (unsigned char)n;
}

/* Type, length and value; a value that is missing or too long is left out. */
static unsigned char *
put_tlv(unsigned char *at, int type, const void *value, size_t len, size_t max)
{
	if (!value || len == 0 || len > max)
		return at;
	*at = (unsigned char)type;
	put_u16(at + 1, len);
	memcpy(at + 3, value, len);
	return at + 3 + len;
}

static unsigned char *
put_text(unsigned char *at, int type, const char *text, size_t max)
{
	return put_tlv(at, type, text, text ? strlen(text) : 0, max);
}

/* verify is 0 only when the client has shown a certificate and it is good (2.2.6). */
static unsigned char *
put_ssl(unsigned char *at, const struct proxy_facts *f)
{
	unsigned char *end = at + 3 + 5;
	uint32_t verify = htonl(f->client_cert ? f->verify_result : 1);

	at[3] = CLIENT_SSL;
	if (f->client_cert)
		at[3] |= f->resumed ? CLIENT_CERT_SESS : CLIENT_CERT_CONN | CLIENT_CERT_SESS;
	memcpy(at + 4, &verify, sizeof(verify));
	end = put_text(end, SSL_VERSION, f->tls_version, NAME_MAX_TLS);
	end = put_text(end, SSL_CIPHER, f->cipher, NAME_MAX_TLS);
	end = put_text(end, SSL_CN, f->client_cert ? f->cn : NULL, PROXY_CN_MAX);
	at[0] = TLV_SSL;
	put_u16(at + 1, (size_t)(end - at) - 3);
	return end;
}

/* Not a part of it: that would be another name. */
static unsigned char *
put_subject(unsigned char *at, size_t left, const char *subject)
{
	size_t max = left - 3 < PROXY_SUBJECT_MAX ? left - 3 : PROXY_SUBJECT_MAX;

	return left < 3 ? at : put_text(at, PROXY_TLV_SUBJECT, subject, max);
}

/* Both addresses, then both ports, all in network order as the sockets have them. */
static unsigned char *
put_pair(unsigned char *at, const void *a, const void *b, size_t len, const in_port_t ports[2])
{
	memcpy(at, a, len);
	memcpy(at + len, b, len);
	memcpy(at + 2 * len, ports, 4);
	return at + 2 * len + 4;
}

static unsigned char *
put_addresses(unsigned char *header, const struct proxy_facts *f)
{
	const struct sockaddr_in *c4 = (const void *)&f->client, *l4 = (const void *)&f->local;
	const struct sockaddr_in6 *c6 = (const void *)&f->client, *l6 = (const void *)&f->local;
	unsigned char *at = header + FIXED_LEN;

	if (f->client.ss_family == f->local.ss_family && f->client.ss_family == AF_INET) {
		header[FAMILY_AT] = FAMILY_TCP4;
		return put_pair(at, &c4->sin_addr, &l4->sin_addr, 4,
		                (in_port_t[]){c4->sin_port, l4->sin_port});
	}
	if (f->client.ss_family == f->local.ss_family && f->client.ss_family == AF_INET6) {
		header[FAMILY_AT] = FAMILY_TCP6;
		return put_pair(at, &c6->sin6_addr, &l6->sin6_addr, 16,
		                (in_port_t[]){c6->sin6_port, l6->sin6_port});
	}
	return at;
}

static void
begin(unsigned char *header, int command)
{
	memset(header, 0, FIXED_LEN);
	memcpy(header, signature, sizeof(signature));
	header[COMMAND_AT] = (unsigned char)command;
	header[FAMILY_AT] = FAMILY_NONE;
}

size_t
proxy_v2(const struct proxy_facts *facts, unsigned char dst[PROXY_MAX])
{
	unsigned char *end;

	begin(dst, VERSION_2_PROXY);
	end = put_addresses(dst, facts);
	end = put_tlv(end, TLV_ALPN, facts->alpn, facts->alpn_len, TLV_VALUE_MAX);
	end = put_text(end, TLV_AUTHORITY, facts->authority, TLV_VALUE_MAX);
	if (facts->tls_version)
		end = put_ssl(end, facts);
	if (facts->tls_version && facts->client_cert)
		end = put_subject(end, (size_t)(dst + PROXY_MAX - end), facts->subject);
	put_u16(dst + LENGTH_AT, (size_t)(end - dst) - FIXED_LEN);
	return (size_t)(end - dst);
}

static bool
text_of(const struct sockaddr_storage *sa, char host[INET6_ADDRSTRLEN], unsigned *ret_port)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	*ret_port = ntohs(sa->ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
	return (sa->ss_family == AF_INET || sa->ss_family == AF_INET6) &&
	       inet_ntop(sa->ss_family,
	                 sa->ss_family == AF_INET ? (const void *)&v4->sin_addr
	                                          : (const void *)&v6->sin6_addr,
	                 host, INET6_ADDRSTRLEN);
}

/* Section 2.1; at most 107 bytes. */
size_t
proxy_v1(const struct proxy_facts *facts, unsigned char dst[PROXY_MAX])
{
	char client[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
	unsigned client_port, local_port;

	if (facts->client.ss_family != facts->local.ss_family ||
	    !text_of(&facts->client, client, &client_port) ||
	    !text_of(&facts->local, local, &local_port))
		return proxy_local(1, dst);
	return (size_t)snprintf((char *)dst, PROXY_MAX, "PROXY TCP%c %s %s %u %u\r\n",
	                        facts->client.ss_family == AF_INET ? '4' : '6', client, local,
	                        client_port, local_port);
}

size_t
proxy_local(uint32_t version, unsigned char dst[PROXY_MAX])
{
	static const char line[] = "PROXY UNKNOWN\r\n";

	if (version == 1) {
		memcpy(dst, line, sizeof(line) - 1);
		return sizeof(line) - 1;
	}
	begin(dst, VERSION_2_LOCAL);
	return FIXED_LEN;
}
