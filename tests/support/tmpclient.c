/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpclient.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tmpcert.h"
#include "tests/support/tmpserver.h"

static void
trust(struct tmpclient *c, const char *name)
{
	if (!name)
		return;
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), tmpcert_ca());
	SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_set1_host(c->ssl, name), 1);
}

void
tmpclient_prepare(struct tmpclient *c, const struct tmpclient_spec *spec)
{
	*c = (struct tmpclient){.fd = -1};
	assert_non_null(c->ctx = SSL_CTX_new(TLS_client_method()));
	SSL_CTX_set_mode(c->ctx, SSL_MODE_AUTO_RETRY);
	if (spec->version) {
		SSL_CTX_set_min_proto_version(c->ctx, spec->version);
		SSL_CTX_set_max_proto_version(c->ctx, spec->version);
	}
	if (spec->groups)
		assert_int_equal(SSL_CTX_set1_groups_list(c->ctx, spec->groups), 1);
	assert_non_null(c->ssl = SSL_new(c->ctx));
	trust(c, spec->verify);
	if (spec->sni)
		assert_int_equal(SSL_set_tlsext_host_name(c->ssl, spec->sni), 1);
	if (spec->alpn)
		assert_int_equal(SSL_set_alpn_protos(c->ssl, (const unsigned char *)spec->alpn,
		                                     (unsigned)strlen(spec->alpn)),
		                 0);
	SSL_set_connect_state(c->ssl);
}

static void
note_result(struct tmpclient *c)
{
	const unsigned char *alpn;
	unsigned len;
	X509 *leaf = SSL_get1_peer_certificate(c->ssl);

	SSL_get0_alpn_selected(c->ssl, &alpn, &len);
	if (len)
		snprintf(c->alpn, sizeof(c->alpn), "%.*s", (int)len, (const char *)alpn);
	if (leaf)
		ASN1_INTEGER_get_uint64(&c->serial, X509_get0_serialNumber(leaf));
	X509_free(leaf);
}

void
tmpclient_open(struct tmpclient *c, const struct tmpclient_spec *spec)
{
	tmpclient_prepare(c, spec);
	tmpclient_connect(c, spec->port);
}

void
tmpclient_connect(struct tmpclient *c, uint16_t port)
{
	int reason;

	c->fd = tmpserver_connect(port);
	assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
	ERR_clear_error();
	c->connected = SSL_do_handshake(c->ssl) == 1;
	reason = ERR_GET_REASON(ERR_peek_last_error());
	if (!c->connected && reason > SSL_AD_REASON_OFFSET)
		c->alert = reason - SSL_AD_REASON_OFFSET;
	note_result(c);
}

void
tmpclient_send(struct tmpclient *c, const void *data, size_t len)
{
	assert_int_equal(SSL_write(c->ssl, data, (int)len), (int)len);
}

void
tmpclient_expect(struct tmpclient *c, const void *data, size_t len)
{
	unsigned char *got = malloc(len);

	for (size_t at = 0; at < len;) {
		int n = SSL_read(c->ssl, got + at, (int)(len - at));

		if (n <= 0)
			fail_msg("the connection ended after %zu of %zu bytes", at, len);
		at += (size_t)n;
	}
	assert_memory_equal(got, data, len);
	free(got);
}

bool
tmpclient_ended_cleanly(struct tmpclient *c)
{
	char byte;
	int n;

	ERR_clear_error();
	n = SSL_read(c->ssl, &byte, 1);
	return n <= 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN;
}

void
tmpclient_close(struct tmpclient *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
