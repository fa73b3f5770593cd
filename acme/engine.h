/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine.h - the order engine: bytes in, wishes out (RFC 8555 7.4)
 *
 * An engine takes one order from newOrder to the certificate. It never sees a socket, a clock or a
 * store; it says what it wishes, and whoever drives it performs the wish and reports back:
 *
 *   SEND     post engine_send() and give the answer to engine_feed()
 *   PUBLISH  make engine_challenges() answerable, durably, then engine_published()
 *   WAIT     let engine_wait_ms() pass, then engine_waited()
 *   DONE     engine_certificate() is the chain the CA gave for engine_key(): judge and store it
 *   FAILED   engine_problem() says why; engine_is_dead() whether the order is worth keeping
 *
 * Whenever engine_is_dirty(), engine_save() must be stored durably before the wish is performed:
 * the order URL, the CSR key and the step survive a kill -9 and engine_load() goes on from there. A
 * loaded engine asks the CA for the order's state before it acts, so repeating a step is harmless.
 * One that had sent newOrder and never heard its URL loads as engine_is_lost() and wishes WAIT
 * until engine_found(): the driver looks for it in the account's orders (acme/lost.h); with none to
 * find, newOrder is sent again, which a CA without such a list answers with the pending order
 * (Boulder does). A newOrder that may have reached the CA is never repeated without that.
 *
 * One table row per state: name, build (request), read (answer). Every state's name is shown to
 * people.
 */
#ifndef ACME_ENGINE_H
#define ACME_ENGINE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/client.h"
#include "acme/key.h"
#include "base/err.h"
#include "base/hostname.h"

struct buf;
struct engine;

enum {
	ENGINE_NAMES_MAX = 100,
	ENGINE_CHALLENGE_TYPES_MAX = 6,
	ENGINE_REPLACES_MAX = 127, /* two base64url texts of at most 20 bytes, in practice */
	ENGINE_SPKI_LEN = 32,
};

enum engine_wish { ENGINE_SEND, ENGINE_PUBLISH, ENGINE_WAIT, ENGINE_DONE, ENGINE_FAILED };

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

struct engine_send {
	enum client_target target;
	const char *url;     /* when target is CLIENT_URL */
	const char *payload; /* NULL: POST-as-GET */
};

struct engine_challenge {
	struct hostname name;
	const char *type;  /* "http-01" */
	const char *token; /* syntax checked: [A-Za-z0-9_-]+ */
};

MUST_CHECK enum err engine_new(const struct engine_config *config, struct engine **ret_engine);
void engine_free(struct engine *e);

/* A versioned snapshot with the private key in it: OUT is marked secret. */
MUST_CHECK enum err engine_save(struct engine *e, struct buf *out);
MUST_CHECK enum err engine_load(const void *state, size_t len, const struct engine_config *config,
                                struct engine **ret_engine);
bool engine_is_dirty(const struct engine *e); /* cleared by engine_save() */

enum engine_wish engine_wish(const struct engine *e);
const struct engine_send *engine_send(const struct engine *e); /* valid until the next feed */
void engine_feed(struct engine *e, const struct client_answer *answer);
/* The challenges to be published now; valid until the next feed. */
const struct engine_challenge *engine_challenges(const struct engine *e, size_t *ret_count);
void engine_published(struct engine *e);
/* They cannot be made answerable: this attempt is over, the order is not. */
void engine_not_published(struct engine *e, const struct problem *why);
/* Retry-After clamped to 1 s..1 day, else back-off. */
uint32_t engine_wait_ms(const struct engine *e);
void engine_waited(struct engine *e);

bool engine_is_lost(const struct engine *e);
/* URL NULL: there is none, order anew. */
void engine_found(struct engine *e, const char *url);

/* DONE only; borrowed. */
const struct buf *engine_certificate(const struct engine *e);
EVP_PKEY *engine_key(const struct engine *e);

const struct problem *engine_problem(const struct engine *e);
/* FAILED: the order itself is over (invalid, refused, expired): forget it. Otherwise only this
 * attempt is (CA down): keep the snapshot, a later engine_load() goes on. */
bool engine_is_dead(const struct engine *e);

const char *engine_state_word(const struct engine *e); /* "new-order", "authorize", "finalize"... */
const char *engine_url(const struct engine *e);        /* of the order, "" until known */
const struct hostname *engine_names(const struct engine *e, size_t *ret_count);

#endif
