/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hostname.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Lower case of the bytes a host name may have; 0 for every other byte. */
static char
normal_byte(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return (char)c;
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : 0;
}

static bool
is_ip_literal(const char *last_label)
{
	return strspn(last_label, "0123456789") == strlen(last_label);
}

/* Copies LEN bytes normalized; NULL, or why they are no host name. */
static const char *
normalize(const unsigned char *p, size_t len, struct hostname *ret)
{
	struct hostname h = {0};
	size_t label = 0;

	if (len && p[len - 1] == '.')
		len--;
	if (len == 0)
		return "the name is empty";
	if (len > HOSTNAME_MAX)
		return "the name is longer than 253 bytes";
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '.') {
			if (i == label)
				return "a label is empty (two dots in a row, or a leading dot)";
			label = i + 1;
		} else if (!normal_byte(p[i])) {
			return "it has a character that is not allowed in a host name";
		} else if (i - label >= HOSTNAME_LABEL_MAX) {
			return "a label is longer than 63 bytes";
		}
		h.name[i] = p[i] == '.' ? '.' : normal_byte(p[i]);
	}
	if (label == len)
		return "a label is empty (two dots in a row, or a leading dot)";
	if (is_ip_literal(h.name + label))
		return "it is an IP address, not a host name";
	h.len = (uint8_t)len;
	*ret = h;
	return NULL;
}

/* The letter-digit-hyphen rule on a normalized name; NULL, or what breaks it. */
static const char *
breaks_ldh(const char *name)
{
	for (const char *label = name, *end; label; label = *end ? end + 1 : NULL) {
		end = strchrnul(label, '.');
		if (memchr(label, '_', (size_t)(end - label)))
			return "'_' is not allowed in a name that gets a certificate";
		if (*label == '-' || end[-1] == '-')
			return "a label starts or ends with '-'";
		if (end - label >= 4 && label[2] == '-' && label[3] == '-' &&
		    strncmp(label, "xn", 2) != 0)
			return "a label has \"--\" at its third place and is no A-label (xn--)";
	}
	return NULL;
}

enum err
hostname_parse_sni(const void *data, size_t len, struct hostname *ret_name)
{
	return normalize(data, len, ret_name) ? ERR_INVALID : ERR_OK;
}

enum err
hostname_parse(const char *text, struct hostname *ret_name, const char **ret_why)
{
	size_t star = strncmp(text, "*.", 2) == 0 ? 2 : 0;
	struct hostname h;
	const char *why = normalize((const unsigned char *)text + star, strlen(text + star), &h);

	if (!why)
		why = breaks_ldh(h.name);
	if (!why && h.len + star > HOSTNAME_MAX)
		why = "the name is longer than 253 bytes";
	if (why) {
		if (strchr(text + star, '*'))
			why = "'*' is allowed only as the whole leftmost label";
		if (ret_why)
			*ret_why = why;
		return ERR_INVALID;
	}
	memmove(h.name + star, h.name, h.len + 1u);
	memcpy(h.name, "*.", star);
	h.len = (uint8_t)(h.len + star);
	*ret_name = h;
	return ERR_OK;
}

enum err
hostname_of_address(const void *address, size_t len, struct hostname *ret_name)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}, zero[16] = {0};
	const unsigned char *bytes = address;
	struct hostname h = {0};

	if (len == 16 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		bytes += sizeof(mapped);
		len = 4;
	}
	if ((len != 4 && len != 16) || memcmp(bytes, zero, len) == 0 ||
	    (len == 4 ? bytes[0] >= 224 : bytes[0] == 0xff) ||
	    !inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, h.name, sizeof(h.name)))
		return ERR_INVALID;
	h.len = (uint8_t)strlen(h.name);
	*ret_name = h;
	return ERR_OK;
}

/* The address that TEXT of LEN bytes is; 0: it is none. */
static size_t
read_address(const char *text, size_t len, unsigned char ret_address[HOSTNAME_ADDRESS_MAX])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return 0;
	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	if (inet_pton(AF_INET, copy, ret_address) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, ret_address) == 1 ? 16 : 0;
}

enum err
hostname_parse_any(const char *text, struct hostname *ret_name, const char **ret_why)
{
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	size_t len = strlen(text), bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
	size_t bytes = read_address(text + bracket, len - 2 * bracket, address);

	if (!bytes)
		return hostname_parse(text, ret_name, ret_why);
	if (!hostname_of_address(address, bytes, ret_name))
		return ERR_OK;
	if (ret_why)
		*ret_why = "no host can have this address";
	return ERR_INVALID;
}

bool
hostname_is_address(const struct hostname *h)
{
	const char *dot = strrchr(h->name, '.');

	return strchr(h->name, ':') || (dot && is_ip_literal(dot + 1));
}

size_t
hostname_address(const struct hostname *h, unsigned char ret_address[HOSTNAME_ADDRESS_MAX])
{
	return hostname_is_address(h) ? read_address(h->name, h->len, ret_address) : 0;
}

bool
hostname_equal(const struct hostname *a, const struct hostname *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

bool
hostname_is_wildcard(const struct hostname *h)
{
	return h->name[0] == '*';
}

enum err
hostname_wildcard_parent(const struct hostname *h, struct hostname *ret_parent)
{
	const char *dot = strchr(h->name, '.');
	struct hostname parent = {0};
	size_t rest;

	if (!dot || hostname_is_wildcard(h) || hostname_is_address(h))
		return ERR_NOTFOUND;
	rest = h->len - (size_t)(dot - h->name);
	if (rest + 1 > HOSTNAME_MAX)
		return ERR_NOTFOUND;
	parent.name[0] = '*';
	memcpy(parent.name + 1, dot, rest);
	parent.len = (uint8_t)(rest + 1);
	*ret_parent = parent;
	return ERR_OK;
}

bool
hostname_matches(const struct hostname *pattern, const struct hostname *h)
{
	struct hostname parent;

	if (hostname_equal(pattern, h))
		return true;
	return hostname_is_wildcard(pattern) && !hostname_wildcard_parent(h, &parent) &&
	       hostname_equal(pattern, &parent);
}
