/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/client_cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conf/conf.h"

/* Of one backend. */
struct trust {
	X509_STORE *store; /* NULL: it asks for none */
	STACK_OF(X509_NAME) * names;
};

struct client_certs {
	const struct conf *conf;
	struct trust *of; /* one per conf->backends */
};

static void
trust_done(struct trust *t)
{
	X509_STORE_free(t->store);
	sk_X509_NAME_pop_free(t->names, X509_NAME_free);
	*t = (struct trust){0};
}

static bool
trust_add(struct trust *t, X509 *cert)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));

	if (!name || !sk_X509_NAME_push(t->names, name)) {
		X509_NAME_free(name);
		return false;
	}
	return X509_STORE_add_cert(t->store, cert) == 1;
}

/* Every certificate of the file; what stands between them is for people. NULL, or why not. */
static const char *
trust_read(struct trust *t, BIO *in)
{
	const char *why = NULL;
	int count = 0;
	X509 *cert;

	while (!why && (cert = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		if (count++ == CLIENT_CERT_TRUSTED_MAX)
			why = "has too many certificates";
		else if (!trust_add(t, cert))
			why = "cannot be kept in memory";
		X509_free(cert);
	}
	if (!why && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		why = "has a certificate that cannot be read";
	if (!why && count == 0)
		why = "has no certificate";
	ERR_clear_error();
	return why;
}

static const char *
trust_init(struct trust *t, const void *pem, size_t len)
{
	BIO *in = len <= CLIENT_CERT_FILE_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	const char *why = "cannot be kept in memory";

	*t = (struct trust){.store = X509_STORE_new(), .names = sk_X509_NAME_new_null()};
	if (in && t->store && t->names) {
		/* An intermediate may be trusted without its root. */
		X509_STORE_set_flags(t->store, X509_V_FLAG_PARTIAL_CHAIN);
		why = trust_read(t, in);
	}
	BIO_free(in);
	if (why)
		trust_done(t);
	return why;
}

bool
client_cert_is_file(const void *pem, size_t len, const char **ret_why)
{
	struct trust t;
	const char *why = trust_init(&t, pem, len);

	trust_done(&t);
	if (why)
		*ret_why = why;
	return !why;
}

enum err
client_certs_new(const struct conf *conf, struct client_certs **ret_certs)
{
	struct client_certs *c = calloc(1, sizeof(*c));

	if (!c || !(c->of = calloc(conf->backend_count + 1, sizeof(*c->of)))) {
		free(c);
		return ERR_NOMEM;
	}
	c->conf = conf;
	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *b = &conf->backends[i];

		/* conf_load() has read it before us. */
		if (b->client_cert &&
		    trust_init(&c->of[i], b->client_trust, strlen(b->client_trust))) {
			client_certs_free(c);
			return ERR_NOMEM;
		}
	}
	*ret_certs = c;
	return ERR_OK;
}

void
client_certs_free(struct client_certs *certs)
{
	if (!certs)
		return;
	for (size_t i = 0; i < certs->conf->backend_count; i++)
		trust_done(&certs->of[i]);
	free(certs->of);
	free(certs);
}

enum err
client_certs_ask(struct client_certs *certs, SSL *ssl, const struct conf_backend *backend)
{
	const struct trust *t;
	STACK_OF(X509_NAME) * names;
	int mode = SSL_VERIFY_PEER;

	if (!backend || !backend->client_cert)
		return ERR_OK;
	t = &certs->of[backend - certs->conf->backends];
	names = SSL_dup_CA_list(t->names);
	if (!names || SSL_set1_verify_cert_store(ssl, t->store) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return ERR_NOMEM;
	}
	SSL_set_client_CA_list(ssl, names);
	if (backend->client_cert == CLIENT_CERT_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_set_verify(ssl, mode, NULL);
	SSL_set_verify_depth(ssl, CLIENT_CERT_DEPTH_MAX);
	SSL_set_max_cert_list(ssl, CLIENT_CERT_LIST_MAX);
	return ERR_OK;
}

bool
client_cert_was_refused(const SSL *ssl)
{
	int reason = ERR_GET_REASON(ERR_peek_error());

	return SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
	       (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
	        reason == SSL_R_CERTIFICATE_VERIFY_FAILED);
}

void
client_cert_cn(const X509 *cert, char ret_cn[CLIENT_CERT_CN_MAX + 1])
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), len;
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, at);
	unsigned char *text = NULL;

	*ret_cn = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
	if (len > 0 && len <= CLIENT_CERT_CN_MAX && !memchr(text, 0, (size_t)len)) {
		memcpy(ret_cn, text, (size_t)len);
		ret_cn[len] = '\0';
	}
	OPENSSL_free(text);
	ERR_clear_error();
}

void
client_cert_subject(const X509 *cert, char ret_subject[CLIENT_CERT_SUBJECT_MAX + 1])
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	*ret_subject = '\0';
	if (out && X509_NAME_print_ex(out, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(out, &text);
	if (len > 0 && len <= CLIENT_CERT_SUBJECT_MAX) {
		memcpy(ret_subject, text, (size_t)len);
		ret_subject[len] = '\0';
	}
	BIO_free(out);
	ERR_clear_error();
}
