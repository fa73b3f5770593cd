/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tmphttps.h - an HTTPS server on loopback that says what a test wants said
 *
 * One thread serves one connection after the other; every request is answered with the bytes of the
 * row whose path it asks for, and the connection is closed. Its certificate is for "localhost".
 */
#ifndef TESTS_SUPPORT_TMPHTTPS_H
#define TESTS_SUPPORT_TMPHTTPS_H

#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct tmphttps_page {
	const char *path;
	const char
		*head; /* status line and headers, CRLF each; "%s" becomes the server's base URL */
	const char *body;  /* NULL: none */
	size_t repeat;     /* of `body`; 0: once */
	unsigned delay_ms; /* before the answer */
};

struct tmphttps {
	const struct tmphttps_page *pages;
	size_t count;
	int fd;
	int port;
	SSL_CTX *ctx;
	pthread_t thread;
	atomic_bool stop;
	char ca_file[64]; /* its certificate as PEM */
	char base[64];    /* "https://localhost:PORT" */
	char last[4096];  /* the last request, headers and body; read it when its reply is there */
	unsigned char leaf[1024];
	size_t leaf_len;
};

/* HOST: the name in the certificate. */
void tmphttps_start(struct tmphttps *s, const char *host, const struct tmphttps_page *pages,
                    size_t count);
void tmphttps_stop(struct tmphttps *s);

#endif
