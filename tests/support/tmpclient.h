/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/tmpclient.h - a blocking TLS client that tells what it saw */
#ifndef TESTS_SUPPORT_TMPCLIENT_H
#define TESTS_SUPPORT_TMPCLIENT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tmpclient_spec {
	uint16_t port;
	const char *sni;    /* NULL: none */
	const char *alpn;   /* wire format, NULL: none */
	int version;        /* TLS1_2_VERSION, TLS1_3_VERSION; 0: any */
	const char *verify; /* the name the certificate must hold; NULL: no verification */
	const char *groups; /* key exchange, the first is guessed; NULL: OpenSSL's */
};

struct tmpclient {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	bool connected;  /* the handshake went well */
	int alert;       /* that the server sent instead, 0: none */
	uint64_t serial; /* of the leaf */
	char alpn[32];   /* "" when none was chosen */
};

/* Never fails the test by itself: look at `connected` and `alert`. */
void tmpclient_open(struct tmpclient *c, const struct tmpclient_spec *spec);
/* A client whose SSL is ready but has sent nothing; for tests that play with the bytes. */
void tmpclient_prepare(struct tmpclient *c, const struct tmpclient_spec *spec);
void tmpclient_connect(struct tmpclient *c, uint16_t port); /* the rest of tmpclient_open() */
void tmpclient_send(struct tmpclient *c, const void *data, size_t len);
/* Exactly LEN bytes. */
void tmpclient_expect(struct tmpclient *c, const void *data, size_t len);
/* True: close_notify came; false: the connection ended without, or data came. */
bool tmpclient_ended_cleanly(struct tmpclient *c);
void tmpclient_close(struct tmpclient *c);

#endif
