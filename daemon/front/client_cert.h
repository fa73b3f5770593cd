/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/client_cert.h - certificates that clients show: which backend asks, whom it trusts
 *
 * A backend's FILE holds the certificates it trusts, each for itself: a root, or an intermediate
 * alone. OpenSSL verifies (purpose TLS client, CLIENT_CERT_DEPTH_MAX issuers at most), and ends a
 * handshake that does not do with an alert: of TLS 1.3 certificate_required (RFC 8446 6.2) or what
 * is wrong with the certificate. `optional` lets a client pass that shows none, never one that
 * shows a bad one. Revocation is not looked up.
 * Threads: one per struct client_certs, that of its worker.
 */
#ifndef DAEMON_FRONT_CLIENT_CERT_H
#define DAEMON_FRONT_CLIENT_CERT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct client_certs;
struct conf;
struct conf_backend;

enum {
	CLIENT_CERT_FILE_MAX = 256 * 1024, /* bytes of FILE */
	CLIENT_CERT_TRUSTED_MAX = 64,      /* their names go to every client that is asked */
	CLIENT_CERT_DEPTH_MAX = 4,
	CLIENT_CERT_LIST_MAX = 16 * 1024, /* bytes of what a client shows */
	CLIENT_CERT_CN_MAX = 255,
	CLIENT_CERT_SUBJECT_MAX = 512,
};

/* Whether PEM would do as a FILE; else RET_WHY has the rest of a sentence about it. */
bool client_cert_is_file(const void *pem, size_t len, const char **ret_why);

/* For CONF's backends; CONF is borrowed. */
MUST_CHECK enum err client_certs_new(const struct conf *conf, struct client_certs **ret_certs);
void client_certs_free(struct client_certs *certs); /* accepts NULL */
/* Makes SSL, which has not answered the hello yet, ask as BACKEND (NULL: nobody does) says. */
MUST_CHECK enum err client_certs_ask(struct client_certs *certs, SSL *ssl,
                                     const struct conf_backend *backend);
/* After a failed handshake: whether it failed by what the client showed, or did not. */
bool client_cert_was_refused(const SSL *ssl);
/* The one common name of CERT's subject in UTF-8; "" when it has none, several, or one that is too
 * long or has a NUL, which whoever reads on would end at. */
void client_cert_cn(const X509 *cert, char ret_cn[CLIENT_CERT_CN_MAX + 1]);
/* CERT's whole subject as RFC 2253 writes it, the last RDN first, in ASCII: any other byte is \XX.
 * "" when it has none, or a longer one: a part of a name would be another name. */
void client_cert_subject(const X509 *cert, char ret_subject[CLIENT_CERT_SUBJECT_MAX + 1]);

#endif
