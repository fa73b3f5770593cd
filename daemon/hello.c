/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hello.h"

#include <string.h>

enum { NAME_TYPE_HOST = 0 };

enum err
hello_server_name(struct span extension, struct span *ret_name)
{
	struct cursor c;
	struct span name;
	size_t list;
	uint8_t type;

	cursor_init(&c, extension.data, extension.len);
	list = cursor_u16be(&c);
	if (c.bad || list != c.left)
		return ERR_PROTO;
	type = cursor_u8(&c);
	name = cursor_bytes(&c, cursor_u16be(&c));
	if (!cursor_end(&c) || type != NAME_TYPE_HOST || name.len == 0)
		return ERR_PROTO;
	*ret_name = name;
	return ERR_OK;
}

enum err
hello_offers(struct span extension, const char *protocol, bool *ret_offers)
{
	struct cursor c;
	bool offers = false;

	cursor_init(&c, extension.data, extension.len);
	if (cursor_u16be(&c) != c.left || c.left == 0)
		return ERR_PROTO;
	while (c.left && !c.bad) {
		struct span s = cursor_bytes(&c, cursor_u8(&c));

		if (s.len == 0)
			return ERR_PROTO;
		if (s.len == strlen(protocol) && memcmp(s.data, protocol, s.len) == 0)
			offers = true;
	}
	if (!cursor_end(&c))
		return ERR_PROTO;
	*ret_offers = offers;
	return ERR_OK;
}
