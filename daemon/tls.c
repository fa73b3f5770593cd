/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "daemon/alpn01.h"
#include "daemon/bio.h"
#include "daemon/choice.h"
#include "daemon/conf.h"
#include "daemon/cred.h"
#include "daemon/end.h"
#include "daemon/loop.h"
#include "daemon/sessions.h"

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
	SSL_CTX *ctx;
	struct sessions *sessions;
};

/* Whether SSL's hello names what CHOICE was made for. */
static bool
names_choice(SSL *ssl, const struct choice *choice)
{
	const char *sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct hostname name;

	if (!sent || strcmp(sent, choice->name.name) == 0)
		return sent != NULL;
	return hostname_parse_sni(sent, strlen(sent), &name) == ERR_OK &&
	       hostname_equal(&name, &choice->name);
}

/* We have decided already; the OK makes OpenSSL acknowledge the extension (RFC 6066, 3). Called for
 * each hello; one after a HelloRetryRequest could come with another name. */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	(void)arg;
	if (names_choice(ssl, SSL_get_app_data(ssl)))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_ILLEGAL_PARAMETER;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int
on_cert(SSL *ssl, void *arg)
{
	const struct choice *choice = SSL_get_app_data(ssl);

	(void)arg;
	return choice->cred && cred_attach(choice->cred, ssl) == ERR_OK;
}

/* The first of ours that the client offers; no overlap goes on without ALPN. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned in_len, void *arg)
{
	static const unsigned char acme[] = "\x0a" ALPN01_PROTOCOL;
	const struct choice *choice = SSL_get_app_data(ssl);
	const unsigned char *ours = acme;
	unsigned ours_len = sizeof(acme) - 1;
	unsigned char *selected;

	(void)arg;
	if (choice->kind != CHOICE_CHALLENGE) {
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
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_cert_cb(ctx, on_cert, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return ctx;
}

enum err
tls_new(const struct conf *conf, struct sessions *sessions, struct tls **ret_tls)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	(void)conf;
	if (!tls)
		return ERR_NOMEM;
	tls->ctx = context_new();
	if (!tls->ctx) {
		tls_free(tls);
		return ERR_CRYPTO;
	}
	tls->sessions = sessions;
	sessions_serve(sessions, tls->ctx);
	*ret_tls = tls;
	return ERR_OK;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

enum err
tls_accept(struct tls *tls, const struct choice *choice, struct end *end)
{
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl || SSL_set_app_data(ssl, (void *)(uintptr_t)choice) != 1 ||
	    sessions_begin(tls->sessions, ssl, choice) != ERR_OK ||
	    bio_attach(end, ssl) != ERR_OK) {
		SSL_free(ssl);
		ERR_clear_error();
		return ERR_NOMEM;
	}
	SSL_set_accept_state(ssl);
	return ERR_OK;
}

enum err
tls_handshake(SSL *ssl, int *ret_want)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	if (rc == 1)
		return ERR_OK;
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*ret_want |= LOOP_READ;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*ret_want |= LOOP_WRITE;
		return ERR_AGAIN;
	default:
		return ERR_REFUSED;
	}
}
