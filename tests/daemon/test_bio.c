/* SPDX-License-Identifier: Apache-2.0 */
/* Both roles of TLS over one socket pair and one room: handshakes, floods both ways, odd ends, and
 * how many system calls it takes. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/loop.h"
#include "daemon/front/alpn01.h"
#include "daemon/front/bio.h"
#include "daemon/front/end.h"
#include "store/challenge.h"

enum { SERVER, CLIENT, ENDS, BIG = 1024 * 1024, SMALL_BUFFER = 4096, ROUNDS_MAX = 100000 };

static struct bio_room room;
static struct end ends[ENDS];
static SSL_CTX *ctx[ENDS];
static unsigned char pattern[BIG], got[BIG];
static int sends, recvs;

/* In front of libc's, to count. */
ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	sends++;
	return sendto(fd, data, len, flags, NULL, 0);
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	recvs++;
	return recvfrom(fd, data, len, flags, NULL, NULL);
}

static SSL_CTX *
make_ctx(int which)
{
	SSL_CTX *made = SSL_CTX_new(which == SERVER ? TLS_server_method() : TLS_client_method());

	assert_non_null(made);
	SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_num_tickets(made, 0);
	if (which == SERVER) {
		const struct challenge any = {.name = {13, "a.example.org"}, .keyauth = "any"};
		EVP_PKEY *key = EVP_EC_gen("P-256");
		X509 *leaf;

		assert_int_equal(alpn01_cert(&any, key, &leaf), ERR_OK); /* is at hand */
		assert_int_equal(SSL_CTX_use_certificate(made, leaf), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(made, key), 1);
		X509_free(leaf);
		EVP_PKEY_free(key);
	}
	return made;
}

static int
setup(void **state)
{
	int pair[ENDS];

	(void)state;
	assert_int_equal(bio_room_init(&room), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	                 0);
	for (int i = 0; i < ENDS; i++) {
		SSL *ssl;

		ctx[i] = make_ctx(i);
		end_init(&ends[i], &room);
		ends[i].fd = pair[i];
		assert_non_null(ssl = SSL_new(ctx[i]));
		assert_int_equal(bio_attach(&ends[i], ssl), ERR_OK);
		if (i == SERVER)
			SSL_set_accept_state(ssl);
		else
			SSL_set_connect_state(ssl);
	}
	for (size_t i = 0; i < BIG; i++)
		pattern[i] = (unsigned char)(i * 2654435761u >> 24);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (int i = 0; i < ENDS; i++) {
		end_done(&ends[i], false);
		SSL_CTX_free(ctx[i]);
	}
	bio_room_done(&room);
	return 0;
}

static void
small_buffers(void)
{
	const int size = SMALL_BUFFER;

	for (int i = 0; i < ENDS; i++)
		assert_int_equal(setsockopt(ends[i].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
		                 0);
}

static void
settle_both(void)
{
	for (int i = 0; i < ENDS; i++)
		assert_int_not_equal(bio_settle(&ends[i]), ERR_NOMEM);
}

/* One step of each, as if the loop had said that both may read. */
static bool
shake_once(void)
{
	bool done = true;

	for (int i = 0; i < ENDS; i++) {
		end_ready(&ends[i], LOOP_READ);
		ERR_clear_error();
		if (SSL_do_handshake(ends[i].tls) != 1)
			done = false;
		assert_int_not_equal(bio_settle(&ends[i]), ERR_CLOSED);
	}
	return done;
}

static void
shake(void)
{
	for (int i = 0; !shake_once(); i++)
		assert_true(i < ROUNDS_MAX);
	settle_both();
}

static void
use_version(int version)
{
	assert_int_equal(SSL_set_max_proto_version(ends[CLIENT].tls, version), 1);
}

/* One recv() and one send() for each flight that comes and goes. */
static void
test_calls_of_a_handshake(void **state)
{
	static const struct {
		int version, sends, recvs;
	} cases[] = {{TLS1_3_VERSION, 1, 2}, {TLS1_2_VERSION, 2, 2}};

	for (size_t i = 0; i < 2; i++) {
		int server_sends = 0, server_recvs = 0;
		bool done = false;

		if (i) {
			teardown(state);
			setup(state);
		}
		use_version(cases[i].version);
		while (!done) {
			done = SSL_do_handshake(ends[CLIENT].tls) == 1;
			settle_both();
			end_ready(&ends[SERVER], LOOP_READ);
			sends = recvs = 0;
			done = SSL_do_handshake(ends[SERVER].tls) == 1 && done;
			settle_both();
			server_sends += sends;
			server_recvs += recvs;
			end_ready(&ends[CLIENT], LOOP_READ);
		}
		assert_int_equal(SSL_version(ends[SERVER].tls), cases[i].version);
		assert_int_equal(server_sends, cases[i].sends);
		assert_int_equal(server_recvs, cases[i].recvs);
	}
}

struct way {
	int from, to;
	size_t sent, received;
};

/* Writes what FROM takes, CHUNK at a time, then reads what TO has. */
static void
push(struct way *w, size_t chunk)
{
	size_t n;

	while (w->sent < BIG) {
		size_t len = BIG - w->sent < chunk ? BIG - w->sent : chunk;

		if (end_write(&ends[w->from], pattern + w->sent, len, &n) != ERR_OK)
			break;
		w->sent += n;
	}
	settle_both();
	end_ready(&ends[w->to], LOOP_READ);
	while (w->received < BIG &&
	       end_read(&ends[w->to], got + w->received, BIG - w->received, &n) == ERR_OK)
		w->received += n;
	assert_memory_equal(got, pattern, w->received);
	settle_both();
}

static void
test_floods(void **state)
{
	static const size_t chunks[] = {1000, 16384, 100000};

	(void)state;
	small_buffers();
	shake();
	for (size_t i = 0; i < 2 * 3; i++) {
		struct way w = {.from = (int)i % 2, .to = !(i % 2)};

		for (int n = 0; w.received < BIG; n++) {
			assert_true(n < ROUNDS_MAX);
			push(&w, chunks[i / 2]);
		}
		assert_true(!ends[w.from].unsent.data && !ends[w.to].kept.data);
	}
}

/* Many records come at once and are read one by one: what is left goes on in memory of its own. */
static void
test_read_little_by_little(void **state)
{
	size_t n, at = 0;

	(void)state;
	shake();
	for (size_t sent = 0; sent < 20000; sent += n)
		assert_int_equal(end_write(&ends[CLIENT], pattern + sent, 100, &n), ERR_OK);
	settle_both();
	end_ready(&ends[SERVER], LOOP_READ);
	recvs = 0;
	while (at < 20000) {
		assert_int_equal(end_read(&ends[SERVER], got + at, 77, &n), ERR_OK);
		at += n;
		settle_both();
		assert_true(at >= 19900 || ends[SERVER].kept.data);
	}
	assert_memory_equal(got, pattern, 20000);
	assert_int_equal(recvs, 1);
	assert_null(ends[SERVER].kept.data);
	assert_int_equal(end_read(&ends[SERVER], got, 77, &n), ERR_AGAIN);
	assert_int_equal(ends[SERVER].want, LOOP_READ);
}

/* What comes before close_notify and FIN is not lost; an end without close_notify is no clean one.
 */
static void
test_ends(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct end *c = &ends[CLIENT], *s = &ends[SERVER];
		size_t n;

		if (i) {
			teardown(state);
			setup(state);
		}
		shake();
		assert_int_equal(end_write(c, "last words", 10, &n), ERR_OK);
		if (i == 0)
			assert_int_equal(end_shut(c), ERR_OK);
		settle_both();
		if (i == 1)
			assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
		end_ready(s, LOOP_READ);
		assert_int_equal(end_read(s, got, BIG, &n), ERR_OK);
		assert_int_equal(n, 10);
		assert_memory_equal(got, "last words", 10);
		end_ready(s, LOOP_READ);
		assert_int_equal(end_read(s, got, BIG, &n), i == 0 ? ERR_CLOSED : ERR_IO);
		assert_true(s->ended == (i == 0) && s->failed == (i == 1));
	}
}

/* The other side is gone: known at the end of the step at the latest, told once. */
static void
test_broken(void **state)
{
	size_t n;

	(void)state;
	shake();
	end_done(&ends[CLIENT], true);
	end_init(&ends[CLIENT], &room);
	assert_int_equal(end_write(&ends[SERVER], "x", 1, &n), ERR_OK);
	assert_int_equal(bio_settle(&ends[SERVER]), ERR_CLOSED);
	assert_true(ends[SERVER].deaf && ends[SERVER].failed);
	assert_int_equal(bio_settle(&ends[SERVER]), ERR_OK);
	assert_int_equal(end_write(&ends[SERVER], "x", 1, &n), ERR_CLOSED);
}

/* A close_notify waits its turn behind what the socket does not take yet, and the FIN behind it. */
static void
test_farewell_waits(void **state)
{
	struct way w = {.from = SERVER, .to = CLIENT};
	size_t n, at = 0;

	(void)state;
	small_buffers();
	shake();
	for (; w.sent < 25000; w.sent += n)
		assert_int_equal(end_write(&ends[w.from], pattern + w.sent, 5000, &n), ERR_OK);
	assert_int_equal(end_shut(&ends[SERVER]), ERR_AGAIN);
	for (int i = 0; end_shut(&ends[SERVER]) == ERR_AGAIN; i++) {
		assert_true(i < ROUNDS_MAX && (ends[SERVER].want & LOOP_WRITE));
		end_ready(&ends[CLIENT], LOOP_READ);
		if (end_read(&ends[CLIENT], got + at, BIG - at, &n) == ERR_OK)
			at += n;
		settle_both();
	}
	for (;;) {
		end_ready(&ends[CLIENT], LOOP_READ);
		if (end_read(&ends[CLIENT], got + at, BIG - at, &n) != ERR_OK)
			break;
		at += n;
	}
	assert_true(ends[CLIENT].ended && !ends[CLIENT].failed);
	assert_int_equal(at, w.sent);
	assert_memory_equal(got, pattern, at);
}

/* Raw bytes gathered before there is any TLS; then TLS starts with them. */
static void
test_input_before_tls(void **state)
{
	struct end raw;
	SSL *ssl = SSL_new(ctx[SERVER]);

	(void)state;
	end_init(&raw, &room);
	raw.fd = fcntl(ends[SERVER].fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(bio_fill(&raw, BIG), ERR_AGAIN); /* no turn */
	assert_int_equal(raw.want, LOOP_READ);
	assert_int_equal(send(ends[CLIENT].fd, "ab", 2, 0), 2);
	for (int i = 0; i < 3000; i++) {
		end_ready(&raw, LOOP_READ);
		assert_int_equal(bio_fill(&raw, 3002), ERR_OK);
		assert_int_equal(bio_fill(&raw, 3002), ERR_AGAIN);
		assert_int_equal(bio_input(&raw).len, i + 2);
		assert_int_equal(bio_settle(&raw), ERR_OK);
		assert_int_equal(send(ends[CLIENT].fd, "c", 1, 0), 1);
	}
	end_ready(&raw, LOOP_READ);
	assert_int_equal(bio_fill(&raw, 3002), ERR_OK);
	end_ready(&raw, LOOP_READ);
	assert_int_equal(bio_fill(&raw, 3002), ERR_TOOBIG);
	assert_int_equal(bio_input(&raw).len, 3002);
	assert_memory_equal(bio_input(&raw).data, "abccc", 5);
	assert_int_equal(bio_attach(&raw, ssl), ERR_OK);
	SSL_set_accept_state(ssl);
	assert_int_equal(SSL_do_handshake(ssl), -1); /* "ab" is no record */
	end_done(&raw, false);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_calls_of_a_handshake),
		CASE(test_floods),
		CASE(test_read_little_by_little),
		CASE(test_ends),
		CASE(test_broken),
		CASE(test_farewell_waits),
		CASE(test_input_before_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
