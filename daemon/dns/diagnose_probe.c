/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { STOP_LOOK_MS = 250, REQUEST_MAX = 1024, PATH_LEN_MAX = 256 };

static const char no_way[] = "this machine has no way to such addresses";

/* ---- the connection ------------------------------------------------------------------------- */

static enum err
wait_for(const struct dns_call *call, int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = until - clock_mono_ms();
		int n;

		if (call->stop && atomic_load(call->stop))
			return ERR_STOPPED;
		if (left <= 0)
			return ERR_TIMEOUT;
		n = poll(&p, 1, (int)(left < STOP_LOOK_MS ? left : STOP_LOOK_MS));
		if (n > 0)
			return ERR_OK;
		if (n < 0 && errno != EINTR)
			return ERR_IO;
	}
}

static int64_t
until_of(const struct probe *p)
{
	int64_t until = clock_mono_ms() + PROBE_MS;

	return until < p->call->deadline ? until : p->call->deadline;
}

static enum err
finish_connect(const struct probe *p, int fd, int64_t until)
{
	int error = 0;
	socklen_t len = sizeof(error);
	enum err err = wait_for(p->call, fd, POLLOUT, until);

	if (!err && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error))
		err = error == ETIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE;
	return err;
}

static enum err
open_to(const struct probe *p, int64_t until, int *ret_fd)
{
	struct sockaddr_storage sa = p->address->sa;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enum err err = ERR_OK;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? ERR_UNSUPPORTED : ERR_UNREACHABLE;
	((struct sockaddr_in *)&sa)->sin_port = htons((uint16_t)p->port); /* as in sockaddr_in6 */
	if (connect(fd, (struct sockaddr *)&sa, p->address->len))
		err = errno == EINPROGRESS   ? finish_connect(p, fd, until)
		      : errno == ENETUNREACH ? ERR_UNSUPPORTED
		                             : ERR_UNREACHABLE;
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

static enum probe_result
tell(struct probe *p, enum probe_result result, const char *what)
{
	snprintf(p->what, sizeof(p->what), "%s", what);
	return result;
}

/* ---- http ----------------------------------------------------------------------------------- */

static enum err
send_all(const struct probe *p, int fd, const char *text, int64_t until)
{
	size_t len = strlen(text);
	ssize_t n;

	do {
		enum err err = wait_for(p->call, fd, POLLOUT, until);

		if (err)
			return err;
		n = send(fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ERR_CLOSED;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	} while (len > 0);
	return ERR_OK;
}

static enum err
receive_all(const struct probe *p, int fd, char answer[PROBE_ANSWER_MAX + 1], int64_t until)
{
	size_t len = 0;
	ssize_t n = -1;
	enum err err = ERR_OK;

	while (len < PROBE_ANSWER_MAX && n != 0 && !err) {
		err = wait_for(p->call, fd, POLLIN, until);
		if (err)
			break;
		n = recv(fd, answer + len, PROBE_ANSWER_MAX - len, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	return len > 0 && err == ERR_TIMEOUT ? ERR_OK
	                                     : err; /* an answer that does not end is one */
}

static enum err
ask(const struct probe *p, const char *host, const char *path, char answer[PROBE_ANSWER_MAX + 1])
{
	bool v6 = strchr(host, ':') != NULL;
	int64_t until = until_of(p);
	char request[REQUEST_MAX];
	int fd = -1;
	enum err err = open_to(p, until, &fd);

	if (err)
		return err;
	snprintf(request, sizeof(request),
	         "GET %s HTTP/1.1\r\nHost: %s%s%s\r\n"
	         "User-Agent: certd (diagnosis)\r\nConnection: close\r\n\r\n",
	         path, v6 ? "[" : "", host, v6 ? "]" : "");
	err = send_all(p, fd, request, until);
	if (!err)
		err = receive_all(p, fd, answer, until);
	close(fd);
	return err;
}

enum probe_result
probe_http(struct probe *p, const struct challenge *c)
{
	char path[PATH_LEN_MAX];

	snprintf(path, sizeof(path), "/.well-known/acme-challenge/%s", c->token);
	return probe_page(p, c->name.name, path, c->keyauth);
}

enum probe_result
probe_page(struct probe *p, const char *host, const char *path, const char *text)
{
	char answer[PROBE_ANSWER_MAX + 1] = "", what[32];
	const char *body;
	unsigned status = 0;
	enum err err = ask(p, host, path, answer);

	if (err == ERR_UNSUPPORTED)
		return tell(p, PROBE_NO_WAY, no_way);
	if (err)
		return tell(p, PROBE_UNREACHABLE, err_text(err));
	if (sscanf(answer, "HTTP/1.%*1[01] %3u", &status) != 1)
		return tell(p, PROBE_OTHER, "something that speaks no HTTP answers");
	body = strstr(answer, "\r\n\r\n");
	if (status == 200 && body && strstr(body, text)) /* a CDN may send it in chunks */
		return PROBE_US;
	snprintf(what, sizeof(what), "status %u", status);
	if (status >= 300 && status < 400)
		return tell(p, PROBE_REDIRECT, what);
	return tell(p, PROBE_OTHER, status == 200 ? "another page" : what);
}

/* ---- tls ------------------------------------------------------------------------------------ */

static enum err
shake_hands(const struct probe *p, SSL *ssl, int fd, int64_t until)
{
	for (;;) {
		int n = SSL_connect(ssl), why = SSL_get_error(ssl, n);
		enum err err;

		if (n == 1)
			return ERR_OK;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return why == SSL_ERROR_SSL ? ERR_REFUSED : ERR_CLOSED;
		err = wait_for(p->call, fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until);
		if (err)
			return err;
	}
}

static bool
is_leaf(SSL *ssl, const unsigned char *leaf)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	X509 *x = SSL_get0_peer_certificate(ssl);
	unsigned len = 0;

	return x && X509_digest(x, EVP_sha256(), hash, &len) == 1 && len == PROBE_HASH_LEN &&
	       memcmp(hash, leaf, len) == 0;
}

static enum err
handshake(const struct probe *p, SSL *ssl, const char *name)
{
	int64_t until = until_of(p);
	int fd = -1;
	enum err err = open_to(p, until, &fd);

	if (err)
		return err == ERR_CLOSED ? ERR_UNREACHABLE : err;
	SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* who it is shows in the leaf */
	if (SSL_set_fd(ssl, fd) != 1 || (name && SSL_set_tlsext_host_name(ssl, name) != 1))
		err = ERR_NOMEM;
	if (!err)
		err = shake_hands(p, ssl, fd, until);
	close(fd);
	return err;
}

enum probe_result
probe_tls(struct probe *p, const char *name, const unsigned char *leaf)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	enum err err = ssl ? handshake(p, ssl, name) : ERR_NOMEM;
	enum probe_result result = PROBE_US;

	bool refused = err == ERR_REFUSED || err == ERR_CLOSED;

	if (err == ERR_UNSUPPORTED)
		result = tell(p, PROBE_NO_WAY, no_way);
	else if (refused && leaf)
		result = tell(p, PROBE_OTHER, "the handshake is refused");
	else if (err && !refused)
		result = tell(p, PROBE_UNREACHABLE, err_text(err));
	else if (!err && leaf && !is_leaf(ssl, leaf))
		result = tell(p, PROBE_OTHER, "another certificate is shown");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return result;
}
