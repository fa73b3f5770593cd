/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "daemon/alpn01.h"
#include "daemon/client_cert.h"
#include "daemon/conf.h"
#include "daemon/cred.h"
#include "daemon/credcache.h"
#include "daemon/hello.h"
#include "daemon/loop.h"
#include "daemon/staple.h"
#include "daemon/status.h"
#include "daemon/tickets.h"
#include "store/challenge.h"
#include "store/store.h"

/* AES-128 first: the order alone is worth 15-25 us a handshake. */
static const char suites_13[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char suites_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
static const char groups[] = "X25519:X25519MLKEM768:P-256:P-384";
#else
static const char groups[] = "X25519:P-256:P-384";
#endif

struct tls {
	struct tls_config config;
	SSL_CTX *ctx;
	struct tickets *tickets;
	struct client_certs *client_certs;
	EVP_PKEY *challenge_key; /* made for the first challenge */
};

static int
refuse(int *alert, int which)
{
	*alert = which;
	return SSL_CLIENT_HELLO_ERROR;
}

/* A name that is not ours. Suspending the handshake sends no alert; the connection then closes. */
static int
refuse_name(struct tls_choice *choice, int *alert, enum status_counter reason)
{
	status_add(choice->tls->config.status, reason, 1);
	if (choice->tls->config.conf->otherwise.unknown_sni != UNKNOWN_SNI_CLOSE)
		return refuse(alert, SSL_AD_UNRECOGNIZED_NAME);
	return SSL_CLIENT_HELLO_RETRY;
}

static bool
extension(SSL *ssl, unsigned type, struct span *ret)
{
	return SSL_client_hello_get0_ext(ssl, type, &ret->data, &ret->len) == 1;
}

/* Key authorizations are short-lived secrets of the CA's dialogue: never logged. */
static enum err
find_challenge(struct tls *tls, const struct hostname *name, struct challenge *ret_challenge)
{
	struct store_txn *txn;
	enum err err = store_begin_read(tls->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = challenge_get_alpn(txn, name, ret_challenge);
	store_abort(txn);
	return err;
}

static enum err
challenge_cred(struct tls *tls, const struct challenge *challenge, struct cred **ret_cred)
{
	X509 *cert;
	enum err err;

	if (!tls->challenge_key && !(tls->challenge_key = EVP_EC_gen("P-256")))
		return ERR_CRYPTO;
	err = alpn01_cert(challenge, tls->challenge_key, &cert);
	if (err)
		return err;
	err = cred_new(cert, tls->challenge_key, ret_cred);
	X509_free(cert);
	return err;
}

static int
choose_challenge(struct tls_choice *choice, int *alert)
{
	struct status_slot *status = choice->tls->config.status;
	struct challenge challenge;
	struct cred_route route;
	enum err err = find_challenge(choice->tls, &choice->name, &challenge);

	if (!err)
		err = challenge_cred(choice->tls, &challenge, &choice->cred);
	if (!err) {
		choice->challenge = true;
		return SSL_CLIENT_HELLO_SUCCESS;
	}
	status_add(status, STATUS_CHALLENGES_REFUSED, 1);
	if (err != ERR_NOTFOUND)
		return refuse(alert, SSL_AD_INTERNAL_ERROR);
	err = credcache_lookup(choice->tls->config.creds, &choice->name, &route);
	if (err == ERR_NOTFOUND)
		return refuse_name(choice, alert, STATUS_SNI_UNKNOWN);
	if (!err)
		cred_unref(route.cred);
	return refuse(alert, SSL_AD_NO_APPLICATION_PROTOCOL);
}

static int
choose_cred(struct tls_choice *choice, int *alert)
{
	struct cred_route route;

	switch (credcache_lookup(choice->tls->config.creds, &choice->name, &route)) {
	case ERR_OK:
		choice->cred = route.cred;
		choice->backend = route.backend;
		return SSL_CLIENT_HELLO_SUCCESS;
	case ERR_NOTFOUND:
		return refuse_name(choice, alert, STATUS_SNI_UNKNOWN);
	default:
		return refuse_name(choice, alert, STATUS_NO_CERTIFICATE);
	}
}

/* Before OpenSSL looks at a ticket. */
static int
bind_session(SSL *ssl, const struct tls_choice *choice, int *alert, int chosen)
{
	const struct hostname *name = choice->challenge ? NULL : &choice->name;

	if (chosen != SSL_CLIENT_HELLO_SUCCESS)
		return chosen;
	if (tickets_bind(choice->tls->tickets, ssl, name, choice->backend) != ERR_OK ||
	    client_certs_ask(choice->tls->client_certs, ssl, choice->backend) != ERR_OK)
		return refuse(alert, SSL_AD_INTERNAL_ERROR);
	return chosen;
}

static int
on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_choice *choice = SSL_get_app_data(ssl);
	struct status_slot *status = choice->tls->config.status;
	struct span ext, name;
	bool acme = false;

	(void)arg;
	tls_choice_done(choice); /* the second hello, after a HelloRetryRequest, is judged anew */
	if (choice->hello_len > HELLO_MAX ||
	    (extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &ext) &&
	     hello_offers(ext, ALPN01_PROTOCOL, &acme) != ERR_OK)) {
		status_add(status, STATUS_HELLO_MALFORMED, 1);
		return refuse(alert, SSL_AD_DECODE_ERROR);
	}
	if (!extension(ssl, TLSEXT_TYPE_server_name, &ext))
		return refuse_name(choice, alert, STATUS_SNI_ABSENT);
	if (hello_server_name(ext, &name) != ERR_OK) {
		status_add(status, STATUS_HELLO_MALFORMED, 1);
		return refuse(alert, SSL_AD_DECODE_ERROR);
	}
	if (hostname_parse_sni(name.data, name.len, &choice->name) != ERR_OK)
		return refuse_name(choice, alert, STATUS_SNI_INVALID);
	return bind_session(ssl, choice, alert,
	                    acme ? choose_challenge(choice, alert) : choose_cred(choice, alert));
}

/* Only to learn how long the hello is. */
static void
on_message(int writing, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct tls_choice *choice = SSL_get_app_data(ssl);

	(void)version;
	(void)arg;
	if (!writing && type == SSL3_RT_HANDSHAKE && len > 0 &&
	    *(const unsigned char *)data == SSL3_MT_CLIENT_HELLO)
		choice->hello_len = len;
}

/* We have decided already; this makes OpenSSL acknowledge the extension (RFC 6066, 3). */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static int
on_cert(SSL *ssl, void *arg)
{
	const struct tls_choice *choice = SSL_get_app_data(ssl);

	(void)arg;
	return choice->cred && cred_attach(choice->cred, ssl) == ERR_OK;
}

/* The first of ours that the client offers; no overlap goes on without ALPN. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned in_len, void *arg)
{
	static const unsigned char acme[] = "\x0a" ALPN01_PROTOCOL;
	const struct tls_choice *choice = SSL_get_app_data(ssl);
	const unsigned char *ours = acme;
	unsigned ours_len = sizeof(acme) - 1;
	unsigned char *selected;

	(void)arg;
	if (!choice->challenge) {
		if (!choice->backend || choice->backend->alpn_len == 0)
			return SSL_TLSEXT_ERR_NOACK;
		ours = choice->backend->alpn;
		ours_len = (unsigned)choice->backend->alpn_len;
	}
	if (SSL_select_next_proto(&selected, out_len, ours, ours_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

/* Only of clients that ask, and not on resumption. */
static int
on_status(SSL *ssl, void *arg)
{
	const struct tls_choice *choice = SSL_get_app_data(ssl);
	const struct tls_config *config = &choice->tls->config;

	(void)arg;
	if (!choice->cred || !staple_attach(config->store, choice->cred, ssl))
		return SSL_TLSEXT_ERR_NOACK;
	status_add(config->status, STATUS_STAPLED, 1);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
context_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, suites_13) || !SSL_CTX_set_cipher_list(ctx, suites_12) ||
	    !SSL_CTX_set1_groups_list(ctx, groups)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
	                                 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
	                              SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_cert_cb(ctx, on_cert, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_tlsext_status_cb(ctx, on_status);
	SSL_CTX_set_msg_callback(ctx, on_message);
	return ctx;
}

enum err
tls_new(const struct tls_config *config, struct tls **ret_tls)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	enum err err;

	if (!tls)
		return ERR_NOMEM;
	tls->config = *config;
	err = tickets_new(config->store, &tls->tickets);
	if (!err)
		err = client_certs_new(config->conf, &tls->client_certs);
	if (!err && !(tls->ctx = context_new()))
		err = ERR_CRYPTO;
	if (err) {
		tls_free(tls);
		return err;
	}
	tickets_serve(tls->tickets, tls->ctx);
	*ret_tls = tls;
	return ERR_OK;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	EVP_PKEY_free(tls->challenge_key);
	SSL_CTX_free(tls->ctx);
	tickets_free(tls->tickets);
	client_certs_free(tls->client_certs);
	free(tls);
}

void
tls_tick(struct tls *tls)
{
	tickets_tick(tls->tickets);
}

enum err
tls_accept(struct tls *tls, int fd, struct tls_choice *choice, SSL **ret_ssl)
{
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, choice) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return ERR_NOMEM;
	}
	choice->tls = tls;
	SSL_set_accept_state(ssl);
	*ret_ssl = ssl;
	return ERR_OK;
}

enum err
tls_handshake(SSL *ssl, int *ret_want)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	if (rc == 1) {
		SSL_set_msg_callback(ssl, NULL);
		return ERR_OK;
	}
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*ret_want = LOOP_READ;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*ret_want = LOOP_WRITE;
		return ERR_AGAIN;
	default:
		return ERR_REFUSED;
	}
}

void
tls_choice_done(struct tls_choice *choice)
{
	cred_unref(choice->cred);
	choice->cred = NULL;
	choice->backend = NULL;
	choice->challenge = false;
}
