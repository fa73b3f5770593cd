/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/hostname.h - the key of everything: a normalized DNS host name, or an IP address
 *
 * A struct hostname holds lower-case ASCII, A-labels, no final dot, 1 to 253 bytes, terminated, and
 * may start with one wildcard label "*.". Two names are the same host exactly when their bytes are.
 * An address is a name as well: dotted decimal, or IPv6 text as RFC 5952 has it; no host name looks
 * like one, since a last label of digits only is refused. There are three ways in:
 *   hostname_parse_sni()  what a client sent (RFC 6066, 3): ASCII only, no IDNA, no wildcard;
 *   hostname_parse()      a DNS name, of a certificate or CA: the LDH rule and "*." too;
 *   hostname_parse_any()  what an operator or our store wrote: that, or an address.
 * U-labels are turned into A-labels before that by base/idna.h, on the operator's path only.
 * Plain values: copy them, compare with hostname_equal(). Threads: any.
 */
#ifndef BASE_HOSTNAME_H
#define BASE_HOSTNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HOSTNAME_MAX = 253, HOSTNAME_LABEL_MAX = 63 };

struct hostname {
	uint8_t len; /* without the terminator */
	char name[HOSTNAME_MAX + 1];
};

/* Bytes of a server_name extension: one final dot dropped, lower-cased, labels of 1-63 bytes out of
 * [a-z0-9_-], total at most 253, not an IP literal (last label all digits). Else ERR_INVALID. */
MUST_CHECK enum err hostname_parse_sni(const void *data, size_t len, struct hostname *ret_name);

/* As above plus: an optional leftmost "*." before at least one label; no '_'; no label starts or
 * ends with '-'; "--" at 3 and 4 only in "xn--". RET_WHY (may be NULL) is set on ERR_INVALID to a
 * static sentence for the operator. */
MUST_CHECK enum err hostname_parse(const char *text, struct hostname *ret_name,
                                   const char **ret_why);

/* As above, or an IPv4 or IPv6 address ("[...]" around it may be), which is normalized; one that is
 * mapped IPv4 becomes that. No unspecified and no multicast one. */
MUST_CHECK enum err hostname_parse_any(const char *text, struct hostname *ret_name,
                                       const char **ret_why);
/* The name of the address of LEN bytes, 4 or 16. ERR_INVALID: no other length, none of the above */
MUST_CHECK enum err hostname_of_address(const void *address, size_t len, struct hostname *ret_name);

enum { HOSTNAME_ADDRESS_MAX = 16 };
bool hostname_is_address(const struct hostname *h);
/* An address's bytes; answers how many, 4 or 16; 0: H is a DNS name. */
size_t hostname_address(const struct hostname *h, unsigned char ret_address[HOSTNAME_ADDRESS_MAX]);

bool hostname_equal(const struct hostname *a, const struct hostname *b);
bool hostname_is_wildcard(const struct hostname *h);
/* "a.b.example" -> "*.b.example"; ERR_NOTFOUND for a wildcard, an address, a name of one label. */
MUST_CHECK enum err hostname_wildcard_parent(const struct hostname *h, struct hostname *ret_parent);
/* Whether a certificate's dNSName PATTERN (normalized, maybe a wildcard) covers H (RFC 6125, 6.4).
 */
bool hostname_matches(const struct hostname *pattern, const struct hostname *h);

#endif
