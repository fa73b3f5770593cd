/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/directory.h - what a CA offers and under which URLs (RFC 8555 7.1.1)
 *
 * Only what the client uses is kept; unknown members are ignored, `meta` may be absent. The origins
 * of the directory and of all the URLs it names are the only ones a CA may send us to later.
 * Ownership: directory_done() releases; a zeroed struct is empty.
 */
#ifndef ACME_DIRECTORY_H
#define ACME_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "acme/url.h"
#include "base/err.h"

struct problem;

enum { DIRECTORY_ORIGINS_MAX = 8, DIRECTORY_PROFILES_MAX = 16 };

struct directory {
	char *new_nonce;
	char *new_account;
	char *new_order;
	char *renewal_info; /* NULL, as what follows: the CA has none (RFC 9773) */
	char *revoke_cert;
	char *key_change;
	char *terms; /* what is to be agreed to */
	char *website;
	char *caa_identities; /* what a CAA record must name, a space between */
	bool needs_binding;
	char *hash_prefix; /* meta.accountHashPrefix (draft-ietf-acme-dns-persist-02 4.1), or NULL
	                    */
	size_t profile_count;
	char *profiles[DIRECTORY_PROFILES_MAX]; /* names of meta.profiles, the first of them */
	size_t origin_count;
	char origins[DIRECTORY_ORIGINS_MAX][URL_ORIGIN_MAX + 1];
};

void directory_done(struct directory *d);
/* BODY is what URL answered. ERR_PROTO with the reason in RET_WHY. */
MUST_CHECK enum err directory_read(const char *url, const void *body, size_t len,
                                   struct directory *ret_directory, struct problem *ret_why);
/* Whether the CA advertises the profile NAME (draft-ietf-acme-profiles 3). */
bool directory_offers(const struct directory *d, const char *name);
/* Whether URL is https and on one of the origins. */
bool directory_names(const struct directory *d, const char *url);

#endif
