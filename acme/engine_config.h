/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_config.h - what is ordered, and how */
#ifndef ACME_ENGINE_CONFIG_H
#define ACME_ENGINE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/key.h"
#include "base/hostname.h"

enum {
	ENGINE_NAMES_MAX = 100,
	ENGINE_CHALLENGE_TYPES_MAX = 6,
	ENGINE_AT_ONCE = 8,        /* requests of one order */
	ENGINE_REPLACES_MAX = 127, /* two base64url texts of at most 20 bytes, in practice */
	ENGINE_SPKI_LEN = 32,
};

/* Borrowed for engine_new() and engine_load(), which copy. */
struct engine_config {
	/* What is ordered; engine_load() has it from the snapshot and does not look. */
	const struct hostname *names;
	size_t name_count;
	enum key_kind key_kind;
	const char *profile;   /* NULL: none asked for */
	bool profile_required; /* rather no order than one without it */
	const char *replaces;  /* certificate identifier (RFC 9773 4.1); NULL: none */

	/* How: as now configured. */
	const char *const *challenges; /* "http-01", "tls-alpn-01": allowed, best first */
	size_t challenge_count;
	const char *chain_issuer;        /* the chain whose last issuer has this name; NULL: any */
	const unsigned char *chain_spki; /* or with this key: SHA-256 of its SPKI; NULL: any */
	int64_t now;                     /* unix seconds; 0: not known, nothing is too old */
	uint32_t seed;                   /* any number, of which polls take their jitter; 0: none */
};

#endif
