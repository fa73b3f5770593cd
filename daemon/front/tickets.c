/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "base/log.h"
#include "store/store.h"
#include "store/ticket.h"

enum { LOOK_EVERY_MS = 1000, LOOK_LEAST_MS = 10 };

struct tickets {
	struct store *store;
	EVP_CIPHER *cipher; /* fetched once: a fetch costs as much as the sealing */
	EVP_MD *digest;
	struct ticket_ring ring;
	int64_t looked_at_ms;
	int64_t look_at_ms;
};

/* What cannot be read now may be tomorrow: the ring we have is good until its keys are too old. */
static void
look(struct tickets *t)
{
	struct ticket_ring ring = {0};
	struct store_txn *txn;
	enum err err = store_begin_read(t->store, STORE_SERVED, &txn);

	t->looked_at_ms = clock_mono_ms();
	if (err)
		return;
	err = ticket_ring_get(txn, &ring);
	store_abort(txn);
	if (!err)
		t->ring = ring;
	else if (err == ERR_NOTFOUND)
		ticket_ring_wipe(&t->ring);
	ticket_ring_wipe(&ring);
}

void
tickets_tick(struct tickets *tickets)
{
	int64_t now = clock_mono_ms();

	if (now < tickets->look_at_ms)
		return;
	tickets->look_at_ms = now + LOOK_EVERY_MS;
	look(tickets);
}

enum err
tickets_new(struct store *store, struct tickets **ret_tickets)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (!t)
		return ERR_NOMEM;
	t->store = store;
	t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	t->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!t->cipher || !t->digest) {
		tickets_free(t);
		return ERR_CRYPTO;
	}
	tickets_tick(t);
	*ret_tickets = t;
	return ERR_OK;
}

void
tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	ticket_ring_wipe(&tickets->ring);
	EVP_CIPHER_free(tickets->cipher);
	EVP_MD_free(tickets->digest);
	free(tickets);
}

static bool
use_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	/* OpenSSL's parameters have no const; it does not write there. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->hmac,
	                                          sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int
seal_ticket(struct tickets *t, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
            EVP_MAC_CTX *mac)
{
	const struct ticket_key *key = &t->ring.keys[0];

	if (t->ring.count == 0)
		return 0; /* no ticket */
	memcpy(name, key->name, sizeof(key->name));
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->cipher)) != 1 ||
	    EVP_EncryptInit_ex(cipher, t->cipher, NULL, key->aes, iv) != 1 || !use_mac(mac, key))
		return -1;
	return 1;
}

static const struct ticket_key *
find_key(const struct tickets *t, const unsigned char *name)
{
	for (size_t i = 0; i < t->ring.count; i++)
		if (memcmp(name, t->ring.keys[i].name, TICKET_NAME_LEN) == 0 &&
		    ticket_key_is_live(&t->ring.keys[i], clock_wall()))
			return &t->ring.keys[i];
	return NULL;
}

/* 0: a full handshake. 2: resumed, with a ticket under the newest key. A name we do not know may
 * be of a key that was made a moment ago; to look costs 1 % of the handshake that else follows. */
static int
open_ticket(struct tickets *t, const unsigned char *name, const unsigned char *iv,
            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_key *key = find_key(t, name);

	/* A hello may name hundreds of them. */
	if (!key && clock_mono_ms() - t->looked_at_ms >= LOOK_LEAST_MS) {
		look(t);
		key = find_key(t, name);
	}
	if (!key)
		return 0;
	if (EVP_DecryptInit_ex(cipher, t->cipher, NULL, key->aes, iv) != 1 || !use_mac(mac, key))
		return -1;
	return key == &t->ring.keys[0] ? 1 : 2;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
          EVP_MAC_CTX *mac, int sealing)
{
	struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	return sealing ? seal_ticket(t, name, iv, cipher, mac)
	               : open_ticket(t, name, iv, cipher, mac);
}

void
tickets_serve(struct tickets *tickets, SSL_CTX *ctx)
{
	SSL_CTX_set_app_data(ctx, tickets);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	SSL_CTX_set_timeout(ctx, TICKET_EVERY_S);
	/* Of TLS 1.3, at the end of the handshake: ours goes later. */
	SSL_CTX_set_num_tickets(ctx, 0);
}

/* At the first start a worker may be there before the first key. */
static bool
has_key(struct tickets *t)
{
	if (t->ring.count == 0)
		look(t);
	return t->ring.count > 0 && ticket_key_is_live(&t->ring.keys[0], clock_wall());
}

/* name [0 SHA-256(ciphers)], hashed */
static bool
make_context(const struct tickets *t, const struct hostname *name, const char *ciphers,
             unsigned char context[EVP_MAX_MD_SIZE], unsigned *ret_len)
{
	unsigned char bytes[HOSTNAME_MAX + 1 + EVP_MAX_MD_SIZE];
	size_t len = name->len;

	memcpy(bytes, name->name, len);
	if (ciphers) {
		bytes[len++] = 0;
		if (EVP_Digest(ciphers, strlen(ciphers), bytes + len, ret_len, t->digest, NULL) !=
		    1)
			return false;
		len += *ret_len;
	}
	return EVP_Digest(bytes, len, context, ret_len, t->digest, NULL) == 1;
}

enum err
tickets_bind(struct tickets *tickets, SSL *ssl, const struct hostname *name, const char *ciphers)
{
	unsigned char context[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!name || !has_key(tickets)) {
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
		return ERR_OK;
	}
	if (!make_context(tickets, name, ciphers, context, &len) ||
	    SSL_set_session_id_context(ssl, context, len) != 1)
		return ERR_CRYPTO;
	return ERR_OK;
}

bool
tickets_is_owed(const SSL *ssl)
{
	return SSL_version(ssl) == TLS1_3_VERSION && !(SSL_get_options(ssl) & SSL_OP_NO_TICKET);
}
