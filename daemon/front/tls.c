/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/front/alpn01.h"
#include "daemon/front/bio.h"
#include "daemon/front/choice.h"
#include "daemon/front/cred.h"
#include "daemon/front/end.h"
#include "daemon/front/kdf.h"
#include "daemon/front/sessions.h"

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
	const struct conf *conf;
	SSL_CTX **contexts; /* one per conf->listens; NULL where there is no TLS */
	struct sessions *sessions;
};

/* We have decided already; the OK makes OpenSSL acknowledge the extension (RFC 6066, 3). */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct choice *choice = SSL_get_app_data(ssl);

	(void)alert;
	(void)arg;
	return choice->fallback ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

static int
on_cert(SSL *ssl, void *arg)
{
	const struct choice *choice = SSL_get_app_data(ssl);

	(void)arg;
	return choice->cred && cred_attach(choice->cred, ssl) == ERR_OK;
}

/* Whether LIST, in wire format, has the protocol that begins at P. */
static bool
has_protocol(const unsigned char *list, size_t len, const unsigned char *p)
{
	for (size_t at = 0; at < len; at += 1u + list[at])
		if (list[at] == *p && memcmp(&list[at], p, 1u + *p) == 0)
			return true;
	return false;
}

/* The first of the backend's that the client offers and the listener allows; without one it goes on
 * without ALPN. A challenge is answered with its own and nothing else (RFC 8737, 3). */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned in_len, void *arg)
{
	static const unsigned char acme[] = "\x0a" ALPN01_PROTOCOL;
	const struct choice *choice = SSL_get_app_data(ssl);
	const struct conf_listen *listen = arg;
	bool challenge = choice->kind == CHOICE_CHALLENGE;
	const unsigned char *ours = challenge         ? acme
	                            : choice->backend ? choice->backend->alpn
	                                              : NULL;
	size_t len = challenge ? sizeof(acme) - 1 : ours ? choice->backend->alpn_len : 0;

	for (size_t at = 0; at < len; at += 1u + ours[at]) {
		if (!has_protocol(in, in_len, ours + at) ||
		    (!challenge && listen->alpn_len &&
		     !has_protocol(listen->alpn, listen->alpn_len, ours + at)))
			continue;
		*out = ours + at + 1;
		*out_len = ours[at];
		return SSL_TLSEXT_ERR_OK;
	}
	return challenge ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

static bool
set_words(SSL_CTX *ctx, const struct conf_tls *conf)
{
	return SSL_CTX_set_min_proto_version(
		       ctx, conf->min_version ? conf->min_version : TLS1_2_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, conf->max_version) &&
	       SSL_CTX_set_ciphersuites(ctx, conf->ciphersuites ? conf->ciphersuites : suites_13) &&
	       SSL_CTX_set_cipher_list(ctx, conf->ciphers ? conf->ciphers : suites_12) &&
	       SSL_CTX_set1_groups_list(ctx, conf->groups ? conf->groups : groups);
}

static SSL_CTX *
context_new(const struct conf_listen *listen, struct sessions *sessions)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(NULL, kdf_properties(), TLS_server_method());

	if (!ctx || !set_words(ctx, &listen->tls)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
	                                 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
	                              SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_cert_cb(ctx, on_cert, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)(uintptr_t)listen);
	sessions_serve(sessions, ctx);
	return ctx;
}

enum err
tls_new(const struct conf *conf, struct sessions *sessions, struct tls **ret_tls)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	enum err err = ERR_OK;

	if (!tls || !(tls->contexts = calloc(conf->listen_count + 1, sizeof(SSL_CTX *)))) {
		free(tls);
		return ERR_NOMEM;
	}
	tls->conf = conf;
	tls->sessions = sessions;
	for (size_t i = 0; i < conf->listen_count && !err; i++)
		if (conf->listens[i].kind == LISTEN_TLS &&
		    !(tls->contexts[i] = context_new(&conf->listens[i], sessions)))
			err = ERR_CRYPTO;
	if (err) {
		tls_free(tls);
		return err;
	}
	*ret_tls = tls;
	return ERR_OK;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	for (size_t i = 0; i < tls->conf->listen_count; i++)
		SSL_CTX_free(tls->contexts[i]);
	free(tls->contexts);
	free(tls);
}

enum err
tls_accept(struct tls *tls, const struct conf_listen *listen, const struct choice *choice,
           struct end *end)
{
	SSL *ssl = SSL_new(tls->contexts[listen - tls->conf->listens]);

	if (!ssl || SSL_set_app_data(ssl, (void *)(uintptr_t)choice) != 1 ||
	    sessions_begin(tls->sessions, ssl, listen, choice) != ERR_OK ||
	    bio_attach(end, ssl) != ERR_OK) {
		SSL_free(ssl);
		ERR_clear_error();
		return ERR_NOMEM;
	}
	SSL_set_accept_state(ssl);
	return ERR_OK;
}

enum err
tls_handshake(struct end *end)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(end->tls);
	if (rc == 1)
		return ERR_OK;
	switch (SSL_get_error(end->tls, rc)) {
	case SSL_ERROR_WANT_READ:
		end->want |= LOOP_READ;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		end->want |= LOOP_WRITE;
		return ERR_AGAIN;
	default:
		return ERR_REFUSED;
	}
}

void
tls_drop(struct end *end)
{
	SSL_free(end->tls);
	end->tls = NULL;
}
