/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/url.h - which URLs of a CA we are willing to use
 *
 * A CA that lies must not steer us to other hosts (reliability.md A12), so every URL from its
 * answers is held against the origins its directory named. Text in, answer out; no network, no
 * curl.
 */
#ifndef ACME_URL_H
#define ACME_URL_H

#include <stdbool.h>

#include "base/err.h"

enum { URL_MAX = 2047, URL_ORIGIN_MAX = 280 };

/* Printable ASCII without what could leave a header or a JSON text. */
bool url_has_only_sane_bytes(const char *text);
/* https, a host, no user, only sane bytes. */
bool url_is_sane(const char *url);
/* The same, or http: what a certificate says, not the CA's API. */
bool url_is_foreign(const char *url);
/* "https://Host/x" -> "host:443", lower case. ERR_INVALID when not sane. */
MUST_CHECK enum err url_origin(const char *url, char ret_origin[URL_ORIGIN_MAX + 1]);

#endif
