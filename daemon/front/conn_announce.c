/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend is told about the client in front of the client's own bytes. */
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "daemon/conf/conf.h"
#include "daemon/front/client_cert.h"
#include "daemon/front/conn_inside.h"
#include "daemon/front/proxy.h"

_Static_assert((int)PROXY_CN_MAX == (int)CLIENT_CERT_CN_MAX &&
                       (int)PROXY_SUBJECT_MAX == (int)CLIENT_CERT_SUBJECT_MAX,
               "one is copied to the other");

static void
add_certificate(SSL *ssl, struct proxy_facts *f)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (!cert)
		return;
	f->client_cert = true;
	f->resumed = SSL_session_reused(ssl) == 1;
	f->verify_result = (uint32_t)SSL_get_verify_result(ssl);
	client_cert_cn(cert, f->cn);
	client_cert_subject(cert, f->subject);
}

struct span
conn_alpn(const struct conn *c)
{
	struct span alpn = {0};
	const unsigned char *data;
	unsigned len = 0;

	if (c->client.tls)
		SSL_get0_alpn_selected(c->client.tls, &data, &len);
	if (len)
		alpn = (struct span){data, len};
	return alpn;
}

static void
add_tls(SSL *ssl, struct proxy_facts *f)
{
	f->tls_version = SSL_get_version(ssl);
	f->cipher = SSL_get_cipher_name(ssl);
	add_certificate(ssl, f);
}

static void
gather(struct conn *c, struct proxy_facts *f)
{
	const struct sockaddr *local = conn_local(c);
	struct span alpn = conn_alpn(c);

	*f = (struct proxy_facts){.alpn = alpn.data, .alpn_len = alpn.len};
	memcpy(&f->client, &c->peer, sizeof(c->peer));
	memcpy(&f->local, local, sizeof(c->local));
	if (c->choice.name.len && !c->choice.fallback)
		f->authority = c->choice.name.name;
	if (c->client.tls)
		add_tls(c->client.tls, f);
}

/* A fresh socket takes a header of this size whole. MSG_MORE: it leaves with the first bytes. */
enum err
conn_send_proxy(struct conn *c)
{
	unsigned char header[PROXY_MAX];
	struct proxy_facts facts;
	int flags = MSG_NOSIGNAL | (c->client.held ? MSG_MORE : 0);
	uint32_t version = c->choice.backend->send_proxy;
	size_t len;

	if (version == 0)
		return ERR_OK;
	gather(c, &facts);
	len = version == 1 ? proxy_v1(&facts, header) : proxy_v2(&facts, header);
	return send(c->backend.fd, header, len, flags) == (ssize_t)len ? ERR_OK : ERR_IO;
}
