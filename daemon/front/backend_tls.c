/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/backend_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/common/failure.h"
#include "daemon/conf/conf.h"
#include "daemon/front/bio.h"
#include "daemon/front/end.h"

enum { ALPN_MAX = 255, VERIFIED_S = 3600 };

/* Of one server. */
struct memory {
	SSL_SESSION *session; /* the latest; NULL: none */
	time_t verified_at;   /* when it last showed its certificate */
};

struct backend_tls {
	const struct conf *conf;
	SSL_CTX *ctx;
	X509_STORE *system;      /* loaded for the first backend that needs it */
	X509_STORE **stores;     /* of each backend; NULL where TLS is off or nothing is verified */
	struct memory *memories; /* of each server, CONF_SERVERS_MAX for each backend */
};

/* SSL's app data is the memory of its server. A ticket of TLS 1.3 is good for one connection, which
 * brings the next one. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct memory *memory = SSL_get_app_data(ssl);

	if (!SSL_session_reused(ssl))
		memory->verified_at = time(NULL);
	SSL_SESSION_free(memory->session);
	memory->session = session;
	return 1; /* the reference is ours */
}

static SSL_CTX *
context_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx,
	                               SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

/* Duplicates in the file are no error. */
static X509_STORE *
store_of_pem(const char *pem)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert;

	while (store && bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		X509_STORE_add_cert(store, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return store;
}

static X509_STORE *
system_store(struct backend_tls *tls)
{
	if (!tls->system && (tls->system = X509_STORE_new()))
		X509_STORE_set_default_paths(tls->system); /* none at all: nobody is believed */
	ERR_clear_error();
	if (tls->system)
		X509_STORE_up_ref(tls->system);
	return tls->system;
}

/* One store for all backends with the same file. */
static X509_STORE *
shared_store(const struct backend_tls *tls, size_t n)
{
	const struct conf_backend *backends = tls->conf->backends;

	for (size_t i = 0; i < n; i++)
		if (tls->stores[i] && backends[i].tls.ca_file &&
		    strcmp(backends[i].tls.ca_file, backends[n].tls.ca_file) == 0) {
			X509_STORE_up_ref(tls->stores[i]);
			return tls->stores[i];
		}
	return store_of_pem(backends[n].tls.ca_pem);
}

static enum err
open_stores(struct backend_tls *tls)
{
	for (size_t i = 0; i < tls->conf->backend_count; i++) {
		const struct conf_backend_tls *b = &tls->conf->backends[i].tls;

		if (!b->on || b->unverified)
			continue;
		tls->stores[i] = b->ca_file ? shared_store(tls, i) : system_store(tls);
		if (!tls->stores[i])
			return ERR_NOMEM;
	}
	return ERR_OK;
}

enum err
backend_tls_new(const struct conf *conf, struct backend_tls **ret_tls)
{
	struct backend_tls *tls = calloc(1, sizeof(*tls));
	enum err err;

	if (!tls)
		return ERR_NOMEM;
	tls->conf = conf;
	tls->ctx = context_new();
	tls->stores = calloc(conf->backend_count + 1, sizeof(tls->stores[0]));
	tls->memories =
		calloc(conf->backend_count * CONF_SERVERS_MAX + 1, sizeof(tls->memories[0]));
	err = tls->ctx && tls->stores && tls->memories ? open_stores(tls) : ERR_NOMEM;
	if (err)
		backend_tls_free(tls);
	else
		*ret_tls = tls;
	return err;
}

void
backend_tls_free(struct backend_tls *tls)
{
	if (!tls)
		return;
	for (size_t i = 0; tls->stores && i < tls->conf->backend_count; i++)
		X509_STORE_free(tls->stores[i]);
	for (size_t i = 0; tls->memories && i < tls->conf->backend_count * CONF_SERVERS_MAX; i++)
		SSL_SESSION_free(tls->memories[i].session);
	free(tls->memories);
	free(tls->stores);
	X509_STORE_free(tls->system);
	SSL_CTX_free(tls->ctx);
	free(tls);
}

/* The name or address that the certificate must hold; a name is asked for, too. */
static bool
expect_identity(SSL *ssl, const struct conf_backend *b, const struct conf_server *s)
{
	const char *name = b->tls.name ? b->tls.name : s->host;
	const struct sockaddr_in *v4 = (const void *)&s->address.sa;
	const struct sockaddr_in6 *v6 = (const void *)&s->address.sa;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (name)
		return SSL_set_tlsext_host_name(ssl, name) == 1 &&
		       X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
	if (v4->sin_family == AF_INET)
		return X509_VERIFY_PARAM_set1_ip(param, (const void *)&v4->sin_addr, 4) == 1;
	return X509_VERIFY_PARAM_set1_ip(param, (const void *)&v6->sin6_addr, 16) == 1;
}

/* A zero is success there, against the habit. */
static bool
offer(SSL *ssl, struct span alpn)
{
	unsigned char wire[1 + ALPN_MAX];

	if (alpn.len == 0 || alpn.len > ALPN_MAX)
		return true;
	wire[0] = (unsigned char)alpn.len;
	memcpy(wire + 1, alpn.data, alpn.len);
	return SSL_set_alpn_protos(ssl, wire, 1 + (unsigned)alpn.len) == 0;
}

/* Whoever resumes a session shows no certificate, so that is not for ever. */
static bool
resume(SSL *ssl, struct memory *memory)
{
	if (time(NULL) - memory->verified_at >= VERIFIED_S) {
		SSL_SESSION_free(memory->session);
		memory->session = NULL;
	}
	return SSL_set_app_data(ssl, memory) == 1 &&
	       (!memory->session || SSL_set_session(ssl, memory->session) == 1);
}

enum err
backend_tls_start(struct backend_tls *tls, const struct conf_backend *backend, size_t n,
                  struct span alpn, struct end *end)
{
	size_t i = (size_t)(backend - tls->conf->backends);
	X509_STORE *store = tls->stores[i];
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl || !expect_identity(ssl, backend, &backend->servers[n]) || !offer(ssl, alpn) ||
	    !resume(ssl, &tls->memories[i * CONF_SERVERS_MAX + n]) ||
	    (store && !SSL_set1_verify_cert_store(ssl, store)) || bio_attach(end, ssl) != ERR_OK) {
		SSL_free(ssl);
		ERR_clear_error();
		return ERR_NOMEM;
	}
	SSL_set_verify(ssl, store ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_connect_state(ssl);
	return ERR_OK;
}

uint32_t
backend_tls_failure(const struct end *end)
{
	long result = SSL_get_verify_result(end->tls);

	if (SSL_get_verify_mode(end->tls) == SSL_VERIFY_PEER && result != X509_V_OK)
		return failure_of(FAILURE_CERT, (int)result);
	return failure_of(FAILURE_TLS, 0);
}
