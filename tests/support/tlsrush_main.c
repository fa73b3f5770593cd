/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tlsrush_main.c - handshakes as fast as a server answers, for benches
 *
 *   tlsrush -p PORT -n HANDSHAKES [-c CONCURRENT] [-d NAMES] [-x SEED] [-r] [-2] [-u] [-s]
 *
 * To 127.0.0.1:PORT, for names d0000000.load.test .. drawn at random out of NAMES, each leaf
 * checked against its name. -r: resumed ones (each name is visited once before, uncounted); -2: TLS
 * 1.2; -u: random names that nobody serves, where a refusal is what is counted; -s: the names one
 * after the other. X25519 always, so that versions of OpenSSL compare. Closed loop: CONCURRENT
 * connections are on their way at any time. Prints one JSON object: done, failed, mismatched,
 * resumed, seconds, p50_ms and p99_ms from connect() to the end of the handshake. One thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONCURRENT_MAX = 1024, EVENTS = 64, BUCKETS = 20000 /* of 0.1 ms */, STALL_MS = 20000 };

struct conn {
	int fd;
	SSL *ssl;
	double began;
	unsigned name;
	bool shaken; /* hands are shaken; we wait for the ticket */
};

static struct options {
	int port;
	unsigned long count;
	unsigned concurrent;
	unsigned names;
	bool resume;
	bool tls12;
	bool unknown;
	bool in_turn;
} opt = {.count = 1000, .concurrent = 16, .names = 1};

static struct conn conns[CONCURRENT_MAX];
static SSL_CTX *ctx;
static SSL_SESSION **sessions; /* by name, for -r */
static int poller;
static uint64_t dice = 88172645463325252ULL;
static unsigned long started, ended, failed, mismatched, resumed;
static unsigned long buckets[BUCKETS];
static bool priming;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char request[] = "GET / HTTP/1.0\r\n\r\n";

static uint64_t
draw(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

__attribute__((noreturn)) static void
give_up(const char *what)
{
	fprintf(stderr, "tlsrush: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(2);
}

static void
name_of(unsigned name, char text[64])
{
	if (opt.unknown)
		snprintf(text, 64, "x%016llx.unknown.test", (unsigned long long)draw());
	else
		snprintf(text, 64, "d%07u.load.test", name);
}

static void
start(struct conn *c)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_port = htons((uint16_t)opt.port),
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	char host[64];

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	c->name = (unsigned)((priming || opt.in_turn ? started : draw()) % opt.names);
	c->shaken = false;
	c->ssl = SSL_new(ctx);
	name_of(c->name, host);
	if (c->fd < 0 || !c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 ||
	    SSL_set_tlsext_host_name(c->ssl, host) != 1)
		give_up("socket");
	if (opt.resume && sessions[c->name] && !SSL_set_session(c->ssl, sessions[c->name]))
		give_up("session");
	SSL_set_connect_state(c->ssl);
	SSL_set_app_data(c->ssl, c);
	started++;
	c->began = now();
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		give_up("connect");
	if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0)
		give_up("epoll");
}

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct conn *c = SSL_get_app_data(ssl);

	if (!opt.resume || !priming)
		return 0;
	SSL_SESSION_free(sessions[c->name]);
	sessions[c->name] = session;
	return 1;
}

static void
check(struct conn *c)
{
	X509 *leaf = SSL_get1_peer_certificate(c->ssl);
	size_t bucket = (size_t)((now() - c->began) * 10000);
	char host[64];

	name_of(c->name, host);
	buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	if (SSL_session_reused(c->ssl))
		resumed++;
	else if (!leaf || X509_check_host(leaf, host, 0, 0, NULL) != 1)
		mismatched++;
	X509_free(leaf);
}

static void
finish(struct conn *c, bool good)
{
	if (!good)
		failed++;
	if (good)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	ended++;
}

/* Whether the connection is through. */
static bool
step(struct conn *c)
{
	char byte;
	int rc, error;

	ERR_clear_error();
	rc = c->shaken ? SSL_read(c->ssl, &byte, 1) : SSL_connect(c->ssl);
	if (rc == 1 && !c->shaken) {
		check(c);
		if (!priming || opt.tls12) {
			finish(c, true);
			return true;
		}
		c->shaken =
			true; /* TLS 1.3's ticket comes behind the handshake, or with the answer */
		(void)SSL_write(c->ssl, request, sizeof(request) - 1);
		return step(c);
	}
	error = SSL_get_error(c->ssl, rc);
	if (priming && sessions[c->name]) {
		finish(c, true);
		return true;
	}
	if (rc != 1 && (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE))
		return false;
	finish(c, opt.unknown && error == SSL_ERROR_SSL);
	return true;
}

static void
rush(unsigned long count)
{
	struct epoll_event events[EVENTS];
	unsigned long most = count < opt.concurrent ? count : opt.concurrent;

	started = ended = 0;
	for (unsigned long i = 0; i < most; i++)
		start(&conns[i]);
	while (ended < count) {
		int n = epoll_wait(poller, events, EVENTS, STALL_MS);

		if (n == 0)
			give_up("the server is silent");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c->ssl && step(c) && started < count)
				start(c);
		}
	}
}

static double
percentile_ms(double share)
{
	unsigned long all = 0, below = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		all += buckets[i];
	for (size_t i = 0; i < BUCKETS; i++) {
		below += buckets[i];
		if (below > 0 && (double)below >= share * (double)all)
			return (double)(i + 1) / 10;
	}
	return 0;
}

static void
make_context(void)
{
	int version = opt.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;

	ctx = SSL_CTX_new(TLS_client_method());
	sessions = calloc(opt.names, sizeof(*sessions));
	if (!ctx || !sessions || !SSL_CTX_set_min_proto_version(ctx, version) ||
	    !SSL_CTX_set_max_proto_version(ctx, version) ||
	    !SSL_CTX_set1_groups_list(ctx, opt.tls12 ? "X25519:P-256" : "X25519"))
		give_up("context");
	SSL_CTX_set_session_cache_mode(
		ctx, opt.resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
				: SSL_SESS_CACHE_OFF);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
}

static void
read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:n:c:d:x:r2us")) != -1) {
		switch (c) {
		case 'p':
			opt.port = atoi(optarg);
			break;
		case 'n':
			opt.count = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			opt.concurrent = (unsigned)atoi(optarg);
			break;
		case 'd':
			opt.names = (unsigned)atoi(optarg);
			break;
		case 'x': /* other names are drawn */
			dice += strtoull(optarg, NULL, 10) * 0x9e3779b97f4a7c15ULL;
			break;
		case 'r':
			opt.resume = true;
			break;
		case '2':
			opt.tls12 = true;
			break;
		case 's':
			opt.in_turn = true;
			break;
		case 'u':
			opt.unknown = true;
			break;
		default:
			exit(2);
		}
	}
	if (opt.port <= 0 || !opt.count || !opt.names || !opt.concurrent ||
	    opt.concurrent > CONCURRENT_MAX) {
		fprintf(stderr, "usage: tlsrush -p PORT -n HANDSHAKES [-c CONCURRENT] [-d NAMES] "
		                "[-x SEED]\n");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	double began;

	read_options(argc, argv);
	make_context();
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (opt.resume) {
		priming = true;
		rush(opt.names);
		priming = false;
		/* With a cache, OpenSSL takes a session of TLS 1.3 for one connection only. */
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		failed = mismatched = resumed = 0;
		memset(buckets, 0, sizeof(buckets));
	}
	began = now();
	rush(opt.count);
	printf("{\"done\":%lu,\"failed\":%lu,\"mismatched\":%lu,\"resumed\":%lu,\"seconds\":%.2f,"
	       "\"p50_ms\":%.1f,\"p99_ms\":%.1f}\n",
	       ended - failed, failed, mismatched, resumed, now() - began, percentile_ms(0.5),
	       percentile_ms(0.99));
	return 0;
}
