/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link and Retry-After headers and URLs: every piece lies inside the input, and the reader ends.
 * clang -fsanitize=fuzzer,address,undefined, with acme/ and base/; the corpus is tests/fuzz/link/.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acme/header.h"
#include "acme/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), origin[URL_ORIGIN_MAX + 1];
	const char *at = text, *end = text + strlen(text);
	struct header_link link;

	while (header_next_link(&at, &link)) {
		assert(link.url >= text && link.url + link.url_len <= end && at <= end);
		assert(!link.rel || (link.rel >= text && link.rel + link.rel_len <= end));
	}
	assert(header_retry_after(text, 1800000000000) >= -1);
	if (!url_origin(text, origin))
		assert(strchr(origin, ':') && strlen(origin) <= URL_ORIGIN_MAX);
	free(text);
	return 0;
}
