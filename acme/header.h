/* SPDX-License-Identifier: Apache-2.0 */
/* acme/header.h - values of the reply headers that ACME uses, as text to be distrusted */
#ifndef ACME_HEADER_H
#define ACME_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Retry-After (RFC 9110 10.2.3): seconds or HTTP-date, from NOW_MS (unix) on; past = 0, -1 = odd.
 */
int64_t header_retry_after(const char *value, int64_t now_ms);

/* What nonces (RFC 8555 6.5.1) and tokens (8.3) must be: base64url, not empty. */
bool header_is_base64url(const char *value);

/* One link of a Link header (RFC 8288 3): borrowed pieces of the value. */
struct header_link {
	const char *url; /* maybe relative */
	size_t url_len;
	const char *rel; /* first relation type; NULL when there is none */
	size_t rel_len;
};

/* The link at *AT, which moves on; false at the end or where the text is malformed. */
bool header_next_link(const char **at, struct header_link *ret_link);

#endif
