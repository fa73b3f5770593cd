/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tlsflow_main.c - bytes through a TLS front and back, for benches
 *
 *   tlsflow backend                  a plain TCP server; prints its port, ends at SIGTERM
 *   tlsflow down PORT BYTES          one TLS connection, BYTES from the backend
 *   tlsflow up PORT BYTES            one TLS connection, BYTES to the backend
 *   tlsflow busy PORT IDLE BUSY S    IDLE connections that say nothing after their first message,
 *                                    BUSY ones that send 200 bytes and await them, for S seconds
 *   tlsflow idle PORT COUNT          COUNT connections, one message each; prints "ready", holds
 *                                    them until its input ends
 *
 * All to 127.0.0.1, server name d0000000.load.test, certificates unchecked. Each client prints one
 * JSON object. The backend takes one line: "d BYTES" sends that many, "u BYTES" reads that many and
 * answers one byte, "e" sends back whatever comes.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, PING = 200, STACK = 64 * 1024 + 64 * 1024 };

static SSL_CTX *ctx;
static int port;
static atomic_ulong pings;
static atomic_int stopped;

__attribute__((noreturn)) static void
give_up(const char *what)
{
	perror(what);
	exit(2);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static pthread_t
thread_start(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 4 * STACK);
	if (pthread_create(&thread, &attr, run, arg) != 0)
		give_up("pthread_create");
	pthread_attr_destroy(&attr);
	return thread;
}

/* The backend */

static void
send_bytes(int fd, unsigned long left)
{
	static const char zeros[CHUNK];

	while (left > 0) {
		ssize_t n = write(fd, zeros, left < CHUNK ? left : CHUNK);

		if (n <= 0)
			return;
		left -= (unsigned long)n;
	}
}

static void
read_bytes(int fd, unsigned long left)
{
	char *chunk = malloc(CHUNK);

	while (chunk && left > 0) {
		ssize_t n = read(fd, chunk, left < CHUNK ? left : CHUNK);

		if (n <= 0)
			break;
		left -= (unsigned long)n;
	}
	free(chunk);
	if (left == 0 && write(fd, "k", 1) != 1)
		return;
}

static void
echo(int fd)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (write(fd, chunk, (size_t)n) != n)
			return;
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char line[64];
	size_t len = 0;

	while (len < sizeof(line) - 1 && read(fd, &line[len], 1) == 1 && line[len] != '\n')
		len++;
	line[len] = '\0';
	if (line[0] == 'd')
		send_bytes(fd, strtoul(line + 2, NULL, 10));
	else if (line[0] == 'u')
		read_bytes(fd, strtoul(line + 2, NULL, 10));
	else
		echo(fd);
	close(fd);
	return NULL;
}

static void
backend(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		give_up("listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client >= 0)
			pthread_detach(thread_start(serve, (void *)(intptr_t)client));
	}
}

/* The clients */

static SSL *
open_tls(const char *line)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_port = htons((uint16_t)port),
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(ctx);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		give_up("connect");
	if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_set_tlsext_host_name(ssl, "d0000000.load.test") != 1 || SSL_connect(ssl) != 1 ||
	    SSL_write(ssl, line, (int)strlen(line)) <= 0)
		give_up("TLS");
	return ssl;
}

static void
download(unsigned long bytes)
{
	char line[64], *chunk = malloc(CHUNK);
	unsigned long got = 0;
	double began;
	SSL *ssl;
	int n;

	snprintf(line, sizeof(line), "d %lu\n", bytes);
	ssl = open_tls(line);
	began = now();
	while (got < bytes && (n = SSL_read(ssl, chunk, CHUNK)) > 0)
		got += (unsigned long)n;
	printf("{\"bytes\":%lu,\"seconds\":%.3f}\n", got, now() - began);
	free(chunk);
}

static void
upload(unsigned long bytes)
{
	static const char zeros[16 * 1024];
	char line[64];
	unsigned long sent = 0;
	double began;
	SSL *ssl;
	int n;

	snprintf(line, sizeof(line), "u %lu\n", bytes);
	ssl = open_tls(line);
	began = now();
	while (sent < bytes) {
		unsigned long left = bytes - sent;

		n = SSL_write(ssl, zeros, left < sizeof(zeros) ? (int)left : (int)sizeof(zeros));
		if (n <= 0)
			give_up("write");
		sent += (unsigned long)n;
	}
	if (SSL_read(ssl, line, 1) != 1)
		give_up("read");
	printf("{\"bytes\":%lu,\"seconds\":%.3f}\n", sent, now() - began);
}

static void
ping(SSL *ssl)
{
	char bytes[PING] = {0};
	int got = 0, n;

	if (SSL_write(ssl, bytes, PING) != PING)
		give_up("ping");
	while (got < PING && (n = SSL_read(ssl, bytes, PING)) > 0)
		got += n;
	if (got != PING)
		give_up("pong");
}

static void *
be_busy(void *arg)
{
	SSL *ssl = open_tls("e\n");

	(void)arg;
	while (!stopped) {
		ping(ssl);
		pings++;
	}
	return NULL;
}

static void
open_idle(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ping(open_tls("e\n"));
}

static void
busy(unsigned idle, unsigned count, unsigned seconds)
{
	pthread_t *threads = calloc(count, sizeof(*threads));

	open_idle(idle);
	for (unsigned i = 0; i < count; i++)
		threads[i] = thread_start(be_busy, NULL);
	sleep(1);
	pings = 0;
	printf("go\n");
	fflush(stdout);
	sleep(seconds);
	printf("{\"pings\":%lu}\n", (unsigned long)pings);
	fflush(stdout);
	stopped = 1;
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

int
main(int argc, char **argv)
{
	unsigned long number = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	signal(SIGPIPE, SIG_IGN);
	ctx = SSL_CTX_new(TLS_client_method());
	port = argc > 2 ? atoi(argv[2]) : 0;
	if (!ctx)
		give_up("SSL_CTX_new");
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (argc == 2 && strcmp(argv[1], "backend") == 0)
		backend();
	else if (argc == 4 && strcmp(argv[1], "down") == 0)
		download(number);
	else if (argc == 4 && strcmp(argv[1], "up") == 0)
		upload(number);
	else if (argc == 6 && strcmp(argv[1], "busy") == 0)
		busy((unsigned)number, (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]));
	else if (argc == 4 && strcmp(argv[1], "idle") == 0) {
		open_idle((unsigned)number);
		printf("ready\n");
		fflush(stdout);
		while (getchar() != EOF)
			;
	} else {
		return 2;
	}
	return 0;
}
