/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: row A8, TLS records that bring little or nothing, by the thousand. */
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/front/records.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

enum { FLOOD = 20000, MANY_SMALL = 3 * RECORDS_SMALL_MAX, LATE_MS = 5000 };

static struct tmpfront front;
static struct tmpserver server;
static atomic_size_t collected;

/* Echoes a hello, and then only counts. */
static void
serve(int fd)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, 5, MSG_WAITALL);

	if (n == 5)
		send(fd, bytes, 5, MSG_NOSIGNAL);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		atomic_fetch_add(&collected, (size_t)n);
}

static int
setup(void **state)
{
	(void)state;
	atomic_store(&collected, 0);
	tmpserver_start(&server, serve);
	tmpfront_init(&front);
	tmpfront_backend(&front, "echo", server.port);
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
	tmpfront_run(&front);
	return 0;
}

/* A backend whose server speaks TLS, and after a hello sends KeyUpdates, `updates` of them:
 * with data in between, or alone. */
static SSL_CTX *server_ctx;
static int updates;
static bool with_data;

static SSL_CTX *
server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	assert_true(ctx && key && cert);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void
serve_updates(int fd)
{
	SSL *ssl = SSL_new(server_ctx);
	char bytes[5];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, bytes, 5) == 5 && SSL_write(ssl, bytes, 5) == 5)
		for (int i = 0; i < updates; i++)
			if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
			    SSL_do_handshake(ssl) != 1 ||
			    (with_data && SSL_write(ssl, "x", 1) != 1))
				break;
	while (SSL_read(ssl, bytes, 1) > 0)
		continue;
	SSL_free(ssl);
}

static int
setup_tls_backend(void **state)
{
	struct conf_backend *b;

	(void)state;
	server_ctx = server_context();
	tmpserver_start(&server, serve_updates);
	tmpfront_init(&front);
	b = tmpfront_backend(&front, "echo", server.port);
	b->tls.on = b->tls.unverified = true;
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
	tmpfront_run(&front);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	tmpserver_stop(&server);
	SSL_CTX_free(server_ctx);
	server_ctx = NULL;
	return 0;
}

static void
check_echo(struct tmpclient *c)
{
	tmpclient_send(c, "hello", 5);
	tmpclient_expect(c, "hello", 5);
}

static struct tmpclient
shake(int version)
{
	struct tmpclient c;

	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = "a.example.org",
	                                            .version = version});
	assert_true(c.connected);
	check_echo(&c);
	return c;
}

/* A record of our own, under the client's keys: what no library sends. */

static unsigned char traffic_secret[32];

static void
on_key(const SSL *ssl, const char *line)
{
	static const char word[] = "CLIENT_TRAFFIC_SECRET_0 ";
	const char *hex = strrchr(line, ' ') + 1;

	(void)ssl;
	if (strncmp(line, word, sizeof(word) - 1) != 0)
		return;
	assert_int_equal(strlen(hex), 2 * sizeof(traffic_secret));
	for (size_t i = 0; i < sizeof(traffic_secret); i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &traffic_secret[i]), 1);
}

/* HKDF-Expand-Label(secret, LABEL, "", LEN) (RFC 8446, 7.1) */
static void
expand(const char *label, unsigned char *dst, size_t len)
{
	unsigned char info[64] = {0, (unsigned char)len, (unsigned char)(6 + strlen(label))};
	size_t info_len = 3 + 6 + strlen(label) + 1;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);

	snprintf((char *)info + 3, sizeof(info) - 3, "tls13 %s", label);
	assert_true(EVP_PKEY_derive_init(ctx) > 0);
	assert_true(EVP_PKEY_CTX_hkdf_mode(ctx, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY) > 0);
	assert_true(EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) > 0);
	assert_true(EVP_PKEY_CTX_set1_hkdf_key(ctx, traffic_secret, 32) > 0);
	assert_true(EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)info_len) > 0);
	assert_true(EVP_PKEY_derive(ctx, dst, &len) > 0);
	EVP_PKEY_CTX_free(ctx);
}

/* TLS_AES_128_GCM_SHA256: number SEQ, LEN bytes of DATA, type application_data. Returns its length.
 */
static size_t
seal(uint64_t seq, const char *data, size_t len, unsigned char dst[64])
{
	unsigned char key[16], nonce[12], inner[32];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	expand("key", key, sizeof(key));
	expand("iv", nonce, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (unsigned char)(seq >> 8 * i);
	memcpy(inner, data, len);
	inner[len] = 23;
	memcpy(dst, (unsigned char[]){23, 3, 3, 0, (unsigned char)(len + 1 + 16)}, 5);
	assert_true(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) > 0);
	assert_true(EVP_EncryptUpdate(ctx, NULL, &n, dst, 5) > 0);
	assert_true(EVP_EncryptUpdate(ctx, dst + 5, &n, inner, (int)len + 1) > 0);
	assert_true(EVP_EncryptFinal_ex(ctx, dst + 5 + n, &n) > 0);
	assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, dst + 5 + len + 1) > 0);
	EVP_CIPHER_CTX_free(ctx);
	return 5 + len + 1 + 16;
}

/* The other side has cut the connection, and only that one. */
static void
check_cut(struct tmpclient *c, struct tmpclient *other)
{
	int64_t start = clock_mono_ms();
	char bytes[512];

	while (recv(c->fd, bytes, sizeof(bytes), 0) > 0)
		continue;
	assert_true(clock_mono_ms() - start < LATE_MS);
	tmpfront_expect(&front, STATUS_RECORDS_CUT, 1);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 1);
	tmpclient_send(other, "x", 1);
	tmpclient_close(c);
	tmpclient_close(other);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_row_A8_key_update_flood(void **state)
{
	struct tmpclient other = shake(TLS1_3_VERSION), c = shake(TLS1_3_VERSION);
	int sent = 0;

	(void)state;
	while (sent < FLOOD && SSL_key_update(c.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
	       SSL_do_handshake(c.ssl) == 1)
		sent++;
	assert_true(sent >= RECORDS_BARREN_MAX);
	check_cut(&c, &other);
}

static void
test_some_key_updates_are_fine(void **state)
{
	struct tmpclient c = shake(TLS1_3_VERSION);

	(void)state;
	for (int i = 0; i < RECORDS_BARREN_MAX / 2; i++) {
		assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		tmpclient_send(&c, "x", 1);
	}
	for (int i = 0; i < 200 && atomic_load(&collected) < RECORDS_BARREN_MAX / 2; i++)
		usleep(10 * 1000);
	assert_int_equal(atomic_load(&collected), RECORDS_BARREN_MAX / 2);
	assert_int_equal(tmpfront_count(&front, STATUS_RECORDS_CUT), 0);
	tmpclient_close(&c);
}

/* 31 empty records and one with a byte, over and over: OpenSSL itself minds 32 in a row only. */
static void
test_row_A8_empty_record_flood(void **state)
{
	struct tmpclient other = shake(TLS1_3_VERSION), c;
	unsigned char record[64];
	uint64_t seq = 0;

	(void)state;
	tmpclient_prepare(
		&c, &(struct tmpclient_spec){.sni = "a.example.org", .version = TLS1_3_VERSION});
	assert_true(SSL_set_ciphersuites(c.ssl, "TLS_AES_128_GCM_SHA256"));
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(c.ssl), on_key);
	c.fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	SSL_set_fd(c.ssl, c.fd);
	assert_int_equal(SSL_do_handshake(c.ssl), 1);
	check_echo(&c);                  /* the client's record 0 */
	for (seq = 1; seq < 40; seq++) { /* fewer than the limit do no harm */
		size_t len = seal(seq, "y", seq % 32 == 0, record);

		assert_int_equal(send(c.fd, record, len, MSG_NOSIGNAL), len);
	}
	for (int i = 0; i < 200 && atomic_load(&collected) < 1; i++)
		usleep(10 * 1000);
	assert_int_equal(atomic_load(&collected), 1);
	for (; seq < FLOOD; seq++) {
		size_t len = seal(seq, "y", seq % 32 == 0, record);

		if (send(c.fd, record, len, MSG_NOSIGNAL) != (ssize_t)len)
			break;
	}
	check_cut(&c, &other);
}

/* A program that writes byte by byte is slowed down, and loses nothing. */
static void
check_small(int version)
{
	struct tmpclient other = shake(version), c = shake(version);
	int64_t start = clock_mono_ms();

	for (int i = 0; i < MANY_SMALL; i++)
		tmpclient_send(&c, "x", 1);
	tmpclient_send(&other, "x", 1);
	for (int i = 0; i < 1000 && atomic_load(&collected) < MANY_SMALL + 1; i++)
		usleep(10 * 1000);
	assert_int_equal(atomic_load(&collected), MANY_SMALL + 1);
	assert_true(clock_mono_ms() - start >= RECORDS_SMALL_MS);
	assert_true(tmpfront_count(&front, STATUS_RECORDS_SLOWED) > 0);
	assert_int_equal(tmpfront_count(&front, STATUS_RECORDS_CUT), 0);
	tmpclient_close(&c);
	tmpclient_close(&other);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_row_A8_small_records_in_tls_1_3(void **state)
{
	(void)state;
	check_small(TLS1_3_VERSION);
}

static void
test_row_A8_small_records_in_tls_1_2(void **state)
{
	(void)state;
	check_small(TLS1_2_VERSION);
}

static void
test_row_A8_key_update_flood_of_a_backend(void **state)
{
	char bytes[512];
	struct tmpclient c;

	(void)state;
	updates = FLOOD;
	with_data = false;
	c = shake(TLS1_3_VERSION);
	while (recv(c.fd, bytes, sizeof(bytes), 0) > 0)
		continue;
	tmpfront_expect(&front, STATUS_RECORDS_CUT, 1);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_key_updates_of_a_backend_with_data_are_fine(void **state)
{
	struct tmpclient c;

	(void)state;
	updates = 3 * RECORDS_BARREN_MAX / 4;
	with_data = true;
	c = shake(TLS1_3_VERSION);
	for (int i = 0; i < updates; i++)
		tmpclient_expect(&c, "x", 1);
	assert_int_equal(tmpfront_count(&front, STATUS_RECORDS_CUT), 0);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_row_A8_key_update_flood),
		CASE(test_some_key_updates_are_fine),
		CASE(test_row_A8_empty_record_flood),
		CASE(test_row_A8_small_records_in_tls_1_3),
		CASE(test_row_A8_small_records_in_tls_1_2),
		cmocka_unit_test_setup_teardown(test_row_A8_key_update_flood_of_a_backend,
	                                        setup_tls_backend, teardown),
		cmocka_unit_test_setup_teardown(test_key_updates_of_a_backend_with_data_are_fine,
	                                        setup_tls_backend, teardown),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
