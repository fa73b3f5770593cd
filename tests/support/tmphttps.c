/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmphttps.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "tmphttps: %s\n", what);
	abort();
}

static X509 *
make_certificate(const char *host, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *ext;
	char san[128];

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"tmphttps", -1,
	                           -1, 0);
	X509_set_issuer_name(cert, name);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	snprintf(san, sizeof(san), "DNS:%s", host);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	must(ext && X509_add_ext(cert, ext, -1) && X509_sign(cert, key, EVP_sha256()),
	     "certificate");
	X509_EXTENSION_free(ext);
	return cert;
}

static void
set_certificate(struct tmphttps *s, const char *host)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_certificate(host, key);
	unsigned char *at = s->leaf;
	int fd;
	FILE *f;

	s->leaf_len = (size_t)i2d_X509(cert, NULL);
	must(s->leaf_len <= sizeof(s->leaf), "a certificate so large");
	i2d_X509(cert, &at);
	strcpy(s->ca_file, "/tmp/tmphttps-XXXXXX");
	fd = mkstemp(s->ca_file);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	must(f && PEM_write_X509(f, cert) && fclose(f) == 0, "ca file");
	s->ctx = SSL_CTX_new(TLS_server_method());
	must(SSL_CTX_use_certificate(s->ctx, cert) && SSL_CTX_use_PrivateKey(s->ctx, key), "ctx");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
nap(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

/* Headers and as much of the body as Content-Length says. */
static bool
read_request(SSL *ssl, char *text, size_t size)
{
	size_t used = 0, want = 0;

	for (;;) {
		int n = SSL_read(ssl, text + used, (int)(size - used - 1));
		const char *end, *length;

		if (n <= 0)
			return false;
		used += (size_t)n;
		text[used] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		want = (size_t)(end + 4 - text) + (length ? (size_t)atoi(length + 17) : 0);
		if (used >= want)
			return true;
	}
}

static void
answer(struct tmphttps *s, SSL *ssl, const struct tmphttps_page *page)
{
	char *head = NULL;
	const char *mark = strstr(page->head, "%s");
	int len = asprintf(&head, "%.*s%s%s\r\n",
	                   mark ? (int)(mark - page->head) : (int)strlen(page->head), page->head,
	                   mark ? s->base : "", mark ? mark + 2 : "");

	nap(page->delay_ms);
	must(len > 0, "memory");
	if (SSL_write(ssl, head, len) == len)
		for (size_t i = 0; page->body && i < (page->repeat ? page->repeat : 1); i++)
			if (SSL_write(ssl, page->body, (int)strlen(page->body)) <= 0)
				break;
	free(head);
}

static void
serve(struct tmphttps *s, SSL *ssl)
{
	char path[256] = "";

	if (SSL_accept(ssl) != 1 || !read_request(ssl, s->last, sizeof(s->last)))
		return;
	sscanf(s->last, "%*s %255s", path);
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(path, s->pages[i].path) == 0)
			answer(s, ssl, &s->pages[i]);
	SSL_shutdown(ssl);
}

static void *
run(void *arg)
{
	struct tmphttps *s = arg;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL);
		SSL *ssl;

		if (s->stop)
			return NULL;
		must(fd >= 0, "accept");
		ssl = SSL_new(s->ctx);
		SSL_set_fd(ssl, fd);
		serve(s, ssl);
		SSL_free(ssl);
		close(fd);
	}
}

void
tmphttps_start(struct tmphttps *s, const char *host, const struct tmphttps_page *pages,
               size_t count)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	memset(s, 0, sizeof(*s));
	s->pages = pages;
	s->count = count;
	set_certificate(s, host);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, len) == 0 &&
	             listen(s->fd, 64) == 0 &&
	             getsockname(s->fd, (struct sockaddr *)&at, &len) == 0,
	     "socket");
	s->port = ntohs(at.sin_port);
	snprintf(s->base, sizeof(s->base), "https://localhost:%d", s->port);
	must(pthread_create(&s->thread, NULL, run, s) == 0, "thread");
}

void
tmphttps_stop(struct tmphttps *s)
{
	s->stop = true;
	shutdown(s->fd, SHUT_RDWR); /* wakes accept() */
	pthread_join(s->thread, NULL);
	close(s->fd);
	unlink(s->ca_file);
	SSL_CTX_free(s->ctx);
}
