/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/selfcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/problem.h"
#include "daemon/conf/conf.h"
#include "daemon/front/alpn01.h"
#include "store/challenge.h"

enum { ANSWER_MAX = 4096, REQUEST_MAX = 1024 };

const struct conf_listen *
selfcheck_listener(const struct conf *conf, enum conf_listen_kind kind)
{
	const struct conf_listen *found = NULL;

	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *l = &conf->listens[i];

		if (l->kind == kind && (!found || (found->proxy_count && !l->proxy_count)))
			found = l;
	}
	return found;
}

enum err
selfcheck_target(const struct conf *conf, enum conf_listen_kind kind,
                 struct selfcheck_target *ret_target)
{
	const struct conf_listen *l = selfcheck_listener(conf, kind);
	struct selfcheck_target t = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&t.address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&t.address;

	if (!l)
		return ERR_NOTFOUND;
	t.address = l->address.sa;
	t.len = l->address.len;
	t.proxy = l->proxy_count > 0;
	if (t.address.ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (t.address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
	memcpy(t.text, l->address.text, sizeof(t.text));
	*ret_target = t;
	return ERR_OK;
}

static void
complain(struct problem *ret_why, const struct selfcheck_target *t, const struct challenge *c,
         const char *what)
{
	problem_set(ret_why, PROBLEM_CHALLENGE_NOT_SERVED,
	            "the CA was not asked to look: %s for %s, seen at our own listener %s: %s",
	            challenge_kind_word(c->kind), c->name.name, t->text, what);
}

/* ---- the connection ------------------------------------------------------------------------- */

static enum err
err_of(int error)
{
	return error == EAGAIN || error == EINPROGRESS || error == ETIMEDOUT ? ERR_TIMEOUT
	                                                                     : ERR_UNREACHABLE;
}

/* "PROXY TCP4 ..." of this very connection: its own end is the client. */
static enum err
send_proxy(int fd, const struct selfcheck_target *t)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	char host[INET6_ADDRSTRLEN], line[128];
	bool v6 = t->address.ss_family == AF_INET6;
	const void *address;
	int n, port;

	if (getsockname(fd, (struct sockaddr *)&own, &len))
		return ERR_IO;
	address = v6 ? (const void *)&((struct sockaddr_in6 *)&own)->sin6_addr
	             : (const void *)&((struct sockaddr_in *)&own)->sin_addr;
	port = ntohs(((struct sockaddr_in *)&own)->sin_port); /* at the same place in both */
	if (!inet_ntop(own.ss_family, address, host, sizeof(host)))
		return ERR_IO;
	n = snprintf(line, sizeof(line), "PROXY TCP%c %s %s %d %d\r\n", v6 ? '6' : '4', host, host,
	             port, ntohs(((const struct sockaddr_in *)&t->address)->sin_port));
	return send(fd, line, (size_t)n, MSG_NOSIGNAL) == n ? ERR_OK : err_of(errno);
}

static enum err
open_to(const struct selfcheck_target *t, int *ret_fd)
{
	struct timeval limit = {.tv_sec = SELFCHECK_MS / 1000};
	int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum err err = ERR_OK;

	if (fd < 0)
		return ERR_IO;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		err = ERR_IO;
	else if (connect(fd, (const struct sockaddr *)&t->address, t->len))
		err = err_of(errno);
	else if (t->proxy)
		err = send_proxy(fd, t);
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

/* ---- http-01 -------------------------------------------------------------------------------- */

static enum err
ask(int fd, const struct challenge *c, char answer[ANSWER_MAX + 1])
{
	bool v6 = strchr(c->name.name, ':') != NULL;
	char request[REQUEST_MAX];
	size_t len = 0;
	ssize_t n;
	int want = snprintf(request, sizeof(request),
	                    "GET /.well-known/acme-challenge/%s HTTP/1.1\r\nHost: %s%s%s\r\n"
	                    "User-Agent: certd (look at itself)\r\nConnection: close\r\n\r\n",
	                    c->token, v6 ? "[" : "", c->name.name, v6 ? "]" : "");

	if (send(fd, request, (size_t)want, MSG_NOSIGNAL) != want)
		return err_of(errno);
	while (len < ANSWER_MAX && (n = recv(fd, answer + len, ANSWER_MAX - len, 0)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_of(errno);
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	return ERR_OK;
}

enum err
selfcheck_http(const struct selfcheck_target *target, const struct challenge *c,
               struct problem *ret_why)
{
	char answer[ANSWER_MAX + 1] = "", what[64];
	const char *body;
	int fd = -1, status = 0;
	enum err err = open_to(target, &fd);

	if (!err) {
		err = ask(fd, c, answer);
		close(fd);
	}
	if (err) {
		complain(ret_why, target, c, err_text(err));
		return err;
	}
	body = strstr(answer, "\r\n\r\n");
	if (sscanf(answer, "HTTP/1.1 %3d ", &status) == 1 && status == 200 && body &&
	    strcmp(body + 4, c->keyauth) == 0)
		return ERR_OK;
	snprintf(what, sizeof(what), status == 200 ? "another answer" : "status %d", status);
	complain(ret_why, target, c, status ? what : "no HTTP");
	return ERR_PROTO;
}

/* ---- tls-alpn-01 ---------------------------------------------------------------------------- */

static enum err
shake_hands(SSL *ssl, const struct challenge *c, const char **ret_what)
{
	static const unsigned char protocols[] = "\x0a" ALPN01_PROTOCOL;
	const unsigned char *chosen = NULL;
	unsigned len = 0;
	struct hostname name;
	X509 *leaf;

	alpn01_server_name(&c->name, &name);
	if (SSL_set_tlsext_host_name(ssl, name.name) != 1 ||
	    SSL_set_alpn_protos(ssl, protocols, sizeof(protocols) - 1) != 0)
		return ERR_CRYPTO;
	*ret_what = "the handshake fails";
	if (SSL_connect(ssl) != 1)
		return ERR_PROTO;
	SSL_get0_alpn_selected(ssl, &chosen, &len);
	*ret_what = "acme-tls/1 is not agreed on";
	if (len != sizeof(protocols) - 2 || memcmp(chosen, protocols + 1, len) != 0)
		return ERR_PROTO;
	leaf = SSL_get0_peer_certificate(ssl);
	*ret_what = "another certificate";
	return leaf && alpn01_is_for(leaf, c) ? ERR_OK : ERR_PROTO;
}

enum err
selfcheck_alpn(const struct selfcheck_target *target, const struct challenge *c,
               struct problem *ret_why)
{
	const char *what = "no memory";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	int fd = -1;
	enum err err = ssl ? open_to(target, &fd) : ERR_NOMEM;

	if (!err) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* it is self-signed */
		err = SSL_set_fd(ssl, fd) == 1 ? shake_hands(ssl, c, &what) : ERR_NOMEM;
		close(fd);
	} else if (ssl) {
		what = err_text(err);
	}
	if (err)
		complain(ret_why, target, c, what);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return err;
}
