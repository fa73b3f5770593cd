/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a certificate is for: its subject alternative names (RFC 5280, 4.2.1.6), never its
 * common name. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/bundle_inside.h"
#include "base/problem.h"

enum {
	SAN_EMAIL = DER_CONTEXT | 1,
	SAN_DNS = DER_CONTEXT | 2,
	SAN_URI = DER_CONTEXT | 6,
	SAN_IP = DER_CONTEXT | 7,
	IPV4_LEN = 4,
	IPV6_LEN = 16,
};

static void
leave_out(struct bundle *bundle, const char *name, size_t len, const char *why)
{
	struct bundle_left *left = &bundle->left[bundle->left_count++];

	snprintf(left->name, sizeof(left->name), "%.*s", (int)(len > INT16_MAX ? INT16_MAX : len),
	         name);
	left->why = why;
}

static bool
has_name(const struct bundle *bundle, const struct hostname *name)
{
	for (size_t i = 0; i < bundle->name_count; i++)
		if (hostname_equal(&bundle->names[i], name))
			return true;
	return false;
}

static enum err
add_dns(struct span value, struct bundle *bundle, struct problem *why)
{
	struct hostname name;
	const char *reason = "longer than a host name may be";
	char text[HOSTNAME_MAX + 1];

	if (value.len && memchr(value.data, 0, value.len))
		return bundle_refuse(why, "a name with a NUL in it: \"%.*s\", then NUL",
		                     BUNDLE_LEFT_MAX, (const char *)value.data);
	if (value.len <= HOSTNAME_MAX) {
		snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.data);
		if (hostname_parse(text, &name, &reason) == ERR_OK) {
			if (!has_name(bundle, &name))
				bundle->names[bundle->name_count++] = name;
			return ERR_OK;
		}
	}
	leave_out(bundle, (const char *)value.data, value.len, reason);
	return ERR_OK;
}

static void
add_other(const struct der_item *item, struct bundle *bundle)
{
	char text[INET6_ADDRSTRLEN] = "";
	size_t len = item->value.len;

	if (item->tag == SAN_IP && (len == IPV4_LEN || len == IPV6_LEN))
		(void)inet_ntop(len == IPV4_LEN ? AF_INET : AF_INET6, item->value.data, text,
		                sizeof(text));
	if (item->tag == SAN_IP)
		leave_out(bundle, text, strlen(text), "an address, and clients name none in SNI");
	else if (item->tag == SAN_EMAIL || item->tag == SAN_URI)
		leave_out(bundle, (const char *)item->value.data, len, "no host name");
	else
		leave_out(bundle, "", 0, "a name of a kind that certd does not know");
}

static enum err
count_names(struct span san, size_t *ret_count, struct problem *why)
{
	struct cursor in = der_enter(san);
	size_t count = 0;

	while (in.left && !in.bad) {
		(void)der_next(&in);
		count++;
	}
	if (in.bad || !count)
		return bundle_refuse(why, "the certificate has no subject alternative names");
	if (count > BUNDLE_NAMES_MAX)
		return bundle_refuse(why, "the certificate has %zu names: at most %d", count,
		                     BUNDLE_NAMES_MAX);
	*ret_count = count;
	return ERR_OK;
}

enum err
bundle_names_read(const struct certview *view, struct bundle *bundle, struct problem *why)
{
	struct cursor in = der_enter(view->san);
	size_t count = 0;
	enum err err = count_names(view->san, &count, why);

	if (err)
		return err;
	bundle->names = calloc(count, sizeof(*bundle->names));
	bundle->left = calloc(count, sizeof(*bundle->left));
	if (!bundle->names || !bundle->left)
		return ERR_NOMEM;
	while (in.left && !err) {
		struct der_item item = der_next(&in);

		if (item.tag == SAN_DNS)
			err = add_dns(item.value, bundle, why);
		else
			add_other(&item, bundle);
	}
	if (!err && !bundle->name_count)
		err = bundle_refuse(why,
		                    "none of the certificate's names is a host name: %.64s%s%s",
		                    bundle->left[0].name, *bundle->left[0].name ? " is " : "",
		                    bundle->left[0].why);
	return err;
}
