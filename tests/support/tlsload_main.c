/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tlsload_main.c - full TLS handshakes at a constant rate, each one checked
 *
 *   tlsload --connect ADDRESS:PORT --names FILE [--trust PEM] [--rate N] [--threads N]
 *           [--seconds N] [--least N] [--tls 1.2|1.3]
 *
 * Takes the names in turn, one connection per handshake, no resumption. Stops after --seconds, or
 * at SIGTERM once --least handshakes were tried; says "begun" after the first one, and prints one
 * JSON object at the end: how many handshakes were done, failed, unconnected (of those: there was
 * not even a TCP connection), mismatched (a leaf that does not carry the name), stale (a leaf older
 * than one that somebody had already been given before this handshake began), the median and 99th
 * percentile in milliseconds, the first errors in words, and per name the serial numbers in the
 * order of their first appearance.
 *
 * A schedule decides when a handshake is due and time counts from then, so a slow server makes the
 * numbers worse. `lock` guards everything that the threads report.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum {
	SERIAL_LEN = 48,
	SERIALS_MAX = 64, /* per name */
	ERRORS_MAX = 8,   /* kept in words */
	ERROR_LEN = 200,
	TIMEOUT_S = 10,  /* a handshake that takes longer has failed */
	BUCKETS = 20000, /* of 1/10 ms: the last one holds everything above 2 s */
	THREADS_MAX = 256,
};

struct serial {
	char hex[SERIAL_LEN];
	double first_done; /* when a handshake first ended with it */
};

struct name {
	char *text;
	struct serial serials[SERIALS_MAX];
	int serial_count;
};

static struct options {
	struct sockaddr_in address;
	const char *names_file;
	const char *trust;
	double rate;
	int threads;
	double seconds;
	unsigned long least; /* handshakes made before a signal ends it */
	int version;
} opt;

static struct name *names;
static size_t name_count;
static SSL_CTX *ssl_ctx;
static double began;
static atomic_ulong next_turn;
static atomic_flag told = ATOMIC_FLAG_INIT;
static volatile sig_atomic_t stopped;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long done, failed, unconnected, mismatched, stale;
static unsigned long buckets[BUCKETS];
static char errors[ERRORS_MAX][ERROR_LEN];
static int error_count;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static bool
time_is_up(double at)
{
	bool enough = atomic_load(&next_turn) > opt.least + (unsigned long)opt.threads;

	return (stopped && enough) || (opt.seconds > 0 && at >= began + opt.seconds);
}

__attribute__((format(printf, 2, 3))) static void
report_failure(const char *name, const char *format, ...)
{
	va_list words;
	int used;

	pthread_mutex_lock(&lock);
	failed++;
	if (error_count < ERRORS_MAX) {
		char *text = errors[error_count++];

		used = snprintf(text, ERROR_LEN, "at %.3f s, %s: ", now() - began, name);
		va_start(words, format);
		if (used > 0 && used < ERROR_LEN)
			vsnprintf(text + used, (size_t)(ERROR_LEN - used), format, words);
		va_end(words);
	}
	pthread_mutex_unlock(&lock);
}

/*
 * Notes which certificate NAME showed. A serial seen before is stale when a later one was already
 * complete at the moment this handshake began.
 */
static void
note_serial(struct name *name, const char *hex, double start, double end)
{
	int i = 0;

	while (i < name->serial_count && strcmp(name->serials[i].hex, hex) != 0)
		i++;
	if (i == name->serial_count) {
		if (i == SERIALS_MAX)
			return;
		snprintf(name->serials[i].hex, SERIAL_LEN, "%s", hex);
		name->serials[i].first_done = end;
		name->serial_count++;
	}
	for (int later = i + 1; later < name->serial_count; later++) {
		if (name->serials[later].first_done < start) {
			stale++;
			return;
		}
	}
}

static void
report_success(struct name *name, bool matches, const char *hex, double due, double start)
{
	double end = now();
	size_t bucket = (size_t)((end - due) * 10000);

	pthread_mutex_lock(&lock);
	done++;
	mismatched += !matches;
	buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	note_serial(name, hex, start, end);
	pthread_mutex_unlock(&lock);
}

static void
check_leaf(SSL *ssl, struct name *name, double due, double start)
{
	X509 *leaf = SSL_get1_peer_certificate(ssl);
	BIGNUM *number = leaf ? ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL) : NULL;
	char *hex = number ? BN_bn2hex(number) : NULL;

	if (!hex) {
		report_failure(name->text, "no certificate");
	} else {
		bool matches = X509_check_host(leaf, name->text, 0, 0, NULL) == 1;

		for (char *c = hex; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
		report_success(name, matches, hex + strspn(hex, "0"), due, start);
	}
	OPENSSL_free(hex);
	BN_free(number);
	X509_free(leaf);
}

static void
handshake(struct name *name, double due)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	double start = now();
	SSL *ssl = NULL;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&opt.address, sizeof(opt.address)) != 0) {
		report_failure(name->text, "connect: %s", strerror(errno));
		pthread_mutex_lock(&lock);
		unconnected++;
		pthread_mutex_unlock(&lock);
		goto out;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	ssl = SSL_new(ssl_ctx);
	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, name->text) != 1) {
		report_failure(name->text, "no memory");
		goto out;
	}
	ERR_clear_error();
	errno = 0;
	if (SSL_connect(ssl) != 1) {
		unsigned long error = ERR_peek_last_error();
		long verify = SSL_get_verify_result(ssl);

		report_failure(name->text, "%s%s%s",
		               error   ? ERR_reason_error_string(error)
		               : errno ? strerror(errno)
		                       : "closed",
		               verify == X509_V_OK ? "" : ": ",
		               verify == X509_V_OK ? "" : X509_verify_cert_error_string(verify));
		goto out;
	}
	check_leaf(ssl, name, due, start);
	SSL_shutdown(ssl);
out:
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
}

static void *
worker(void *unused)
{
	(void)unused;
	for (;;) {
		unsigned long turn = atomic_fetch_add(&next_turn, 1);
		double due = began + (double)turn / opt.rate;
		double wait = due - now();

		while (wait > 0 && !time_is_up(now())) {
			usleep((useconds_t)((wait < 0.05 ? wait : 0.05) * 1e6));
			wait = due - now();
		}
		if (time_is_up(due) || time_is_up(now()))
			return NULL;
		handshake(&names[turn % name_count], due);
		if (!atomic_flag_test_and_set(&told)) {
			puts("begun");
			fflush(stdout);
		}
	}
}

static double
percentile_ms(double share)
{
	unsigned long below = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		below += buckets[i];
		if (below > 0 && (double)below >= share * (double)done)
			return (double)(i + 1) / 10;
	}
	return 0;
}

static void
print_report(void)
{
	printf("{\"seconds\":%.1f,\"done\":%lu,\"failed\":%lu,\"unconnected\":%lu,"
	       "\"mismatched\":%lu,\"stale\":%lu,"
	       "\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"errors\":[",
	       now() - began, done, failed, unconnected, mismatched, stale, percentile_ms(0.5),
	       percentile_ms(0.99));
	for (int i = 0; i < error_count; i++) {
		for (char *t = errors[i]; *t; t++)
			*t = (unsigned char)*t < ' ' || strchr("\"\\", *t) ? ' ' : *t;
		printf("%s\"%s\"", i ? "," : "", errors[i]);
	}
	printf("],\"serials\":{");
	for (size_t i = 0; i < name_count; i++) {
		printf("%s\"%s\":[", i ? "," : "", names[i].text);
		for (int k = 0; k < names[i].serial_count; k++)
			printf("%s\"%s\"", k ? "," : "", names[i].serials[k].hex);
		printf("]");
	}
	printf("}}\n");
}

__attribute__((noreturn)) static void
give_up(const char *what, const char *detail)
{
	fprintf(stderr, "tlsload: %s: %s\n", what, detail);
	exit(2);
}

static void
read_names(void)
{
	FILE *file = fopen(opt.names_file, "r");
	char line[300];

	if (!file)
		give_up(opt.names_file, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!line[0])
			continue;
		names = realloc(names, (name_count + 1) * sizeof(*names));
		if (!names)
			give_up(opt.names_file, "no memory");
		names[name_count++] = (struct name){.text = strdup(line)};
	}
	if (fclose(file) || name_count == 0)
		give_up(opt.names_file, "no names");
}

static void
parse_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN] = "";

	if (colon && (size_t)(colon - text) < sizeof(host))
		memcpy(host, text, (size_t)(colon - text));
	opt.address.sin_family = AF_INET;
	if (!colon || inet_pton(AF_INET, host, &opt.address.sin_addr) != 1)
		give_up(text, "expected ADDRESS:PORT");
	opt.address.sin_port = htons((uint16_t)atoi(colon + 1));
}

static void
read_options(int argc, char **argv)
{
	const char *address = "", *threads = "4", *tls = "", *rate = "100", *seconds = "0";
	const char *least = "0";
	const char *words[] = {"--connect", "--names",   "--trust", "--rate",
	                       "--threads", "--seconds", "--least", "--tls"};
	const char **to[] = {&address, &opt.names_file, &opt.trust, &rate,
	                     &threads, &seconds,        &least,     &tls};
	size_t w;

	for (int i = 1; i + 1 < argc; i += 2) {
		for (w = 0; w < 8 && strcmp(words[w], argv[i]) != 0; w++)
			;
		if (w == 8)
			give_up(argv[i], "unknown option");
		*to[w] = argv[i + 1];
	}
	opt.rate = atof(rate);
	opt.threads = atoi(threads);
	opt.seconds = atof(seconds);
	opt.least = strtoul(least, NULL, 10);
	opt.version = !*tls ? 0 : strcmp(tls, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	if (!opt.names_file || opt.rate <= 0 || opt.threads < 1 || opt.threads > THREADS_MAX)
		give_up("usage", "tlsload --connect ADDRESS:PORT --names FILE ...");
	parse_address(address);
}

static void
make_ssl_ctx(void)
{
	ssl_ctx = SSL_CTX_new(TLS_client_method());
	if (!ssl_ctx)
		give_up("SSL_CTX_new", "no memory");
	SSL_CTX_set_min_proto_version(ssl_ctx, opt.version ? opt.version : TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ssl_ctx, opt.version);
	SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
	if (opt.trust) {
		if (SSL_CTX_load_verify_file(ssl_ctx, opt.trust) != 1)
			give_up(opt.trust, "no certificates in it");
		SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
	}
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t ours;

	sigemptyset(&ours);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	read_options(argc, argv);
	read_names();
	make_ssl_ctx();
	began = now();
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ours, NULL); /* no call of a worker's is interrupted */
	for (int i = 0; i < opt.threads; i++) {
		if (pthread_create(&threads[i], NULL, worker, NULL) != 0)
			give_up("pthread_create", "failed");
	}
	pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
	for (int i = 0; i < opt.threads; i++)
		pthread_join(threads[i], NULL);
	print_report();
	return 0;
}
