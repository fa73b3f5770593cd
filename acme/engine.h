/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine.h - the order engine: bytes in, wishes out (RFC 8555 7.4)
 *
 * An engine takes one order from newOrder to the certificate. It never sees a socket, a clock or a
 * store; it says what it wishes, and whoever drives it performs the wish and reports back:
 *
 *   SEND     post what engine_send_next() gives, side by side until it gives no more; each answer
 *            goes to engine_feed() with the request's id
 *   HEAR     nothing but the answers to what was sent
 *   KEY      make a key of engine_key_kind(), on a thread that has the time; engine_take_key()
 *   PUBLISH  make engine_challenges() answerable, durably, then engine_published()
 *   WAIT     let engine_wait_ms() pass, then engine_waited()
 *   DONE     engine_certificate() is the chain the CA gave for engine_key(): judge and store it;
 *            where several were to choose from, the next best one if that is refused
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
#include "acme/engine_config.h"
#include "base/err.h"
#include "base/hostname.h"

struct buf;
struct engine;

enum engine_wish {
	ENGINE_SEND,
	ENGINE_HEAR,
	ENGINE_KEY,
	ENGINE_PUBLISH,
	ENGINE_WAIT,
	ENGINE_DONE,
	ENGINE_FAILED
};

struct engine_send {
	unsigned id; /* for engine_feed() */
	enum client_target target;
	const char *url;     /* when target is CLIENT_URL */
	const char *payload; /* NULL: POST-as-GET */
};

struct engine_challenge {
	struct hostname name;
	const char *type;    /* "http-01" */
	const char *token;   /* syntax checked: [A-Za-z0-9_-]+; "" for dns-persist-01: */
	const char *issuers; /* the CA's names in its record, 1 to 10 with a space between */
};

MUST_CHECK enum err engine_new(const struct engine_config *config, struct engine **ret_engine);
void engine_free(struct engine *e);

/* A versioned snapshot with the private key in it: OUT is marked secret. */
MUST_CHECK enum err engine_save(struct engine *e, struct buf *out);
MUST_CHECK enum err engine_load(const void *state, size_t len, const struct engine_config *config,
                                struct engine **ret_engine);
bool engine_is_dirty(const struct engine *e); /* cleared by engine_save() */

enum engine_wish engine_wish(const struct engine *e);
/* The next request, which counts as sent; NULL when there is none now. Valid until the next call of
 * this or of engine_feed(). */
const struct engine_send *engine_send_next(struct engine *e);
void engine_feed(struct engine *e, unsigned id, const struct client_answer *answer);
enum key_kind engine_key_kind(const struct engine *e);
/* Takes over KEY; NULL: it could not be made. */
void engine_take_key(struct engine *e, EVP_PKEY *key);
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
/* The one before was refused: whether there is another. */
bool engine_next_certificate(struct engine *e);
EVP_PKEY *engine_key(const struct engine *e);

const struct problem *engine_problem(const struct engine *e);
/* FAILED: the order itself is over (invalid, refused, expired): forget it. Otherwise only this
 * attempt is (CA down): keep the snapshot, a later engine_load() goes on. */
bool engine_is_dead(const struct engine *e);

/* FAILED: the order from before is of no use any more, and nobody's fault: order anew at once. */
bool engine_is_gone(const struct engine *e);

const char *engine_state_word(const struct engine *e); /* "new-order", "authorize", "finalize"... */
const char *engine_url(const struct engine *e);        /* of the order, "" until known */
const struct hostname *engine_names(const struct engine *e, size_t *ret_count);

#endif
