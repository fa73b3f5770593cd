/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROXY headers (row A6): any bytes are refused, incomplete, or a header whose end lies inside
 * them; what is a header stays one whatever follows, and none of its beginnings is refused. The
 * corpus is tests/fuzz/proxy_in/. clang -fsanitize=fuzzer,address,undefined, with
 * daemon/front/proxy_in.c and base/.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/front/proxy_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_in h, again;

	if (proxy_in_parse(data, size, &h) != ERR_OK)
		return 0;
	assert(h.len > 0 && h.len <= size && h.len <= PROXY_IN_MAX);
	if (h.has_addresses)
		assert(h.client.ss_family == h.local.ss_family &&
		       (h.client.ss_family == AF_INET || h.client.ss_family == AF_INET6));
	assert(proxy_in_parse(data, h.len, &again) == ERR_OK && again.len == h.len);
	for (size_t n = 0; n < h.len; n += 1 + n / 16) {
		uint8_t *part = malloc(n + 1);

		assert(part);
		memcpy(part, data, n);
		assert(proxy_in_parse(part, n, &again) == ERR_AGAIN);
		free(part);
	}
	return 0;
}
