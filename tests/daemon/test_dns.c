/* SPDX-License-Identifier: Apache-2.0 */
/* dns*.c against a server that answers what it is told to, also wrongly. */
#include "daemon/dns/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/problem.h"
#include "daemon/dns/dns_inside.h"
#include "daemon/dns/dns_tsig.h"

#define NAME "_acme-challenge.a.test"

/* ---- the server ---- */

/* Writes into ANSWER; QUERY is what came. NTH: of the datagrams to this question. */
typedef void answer_fn(const struct buf *query, struct buf *answer);

struct script {
	const char *what;
	answer_fn *udp[4]; /* datagrams sent for one that comes, one after the other */
	answer_fn *tcp;
	enum err want;
	const char *why;
	bool find; /* asked by dns_find(), with the server as resolver */
};

static struct {
	const struct script *script;
	int udp, tcp, stop[2];
	struct conf_address address;
	unsigned questions;
} server;

static void
send_all(int fd, const void *data, size_t len)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

static void
serve_udp(void)
{
	static unsigned char space[4096];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct buf query = {.data = space}, answer = {0};
	ssize_t n =
		recvfrom(server.udp, space, sizeof(space), 0, (struct sockaddr *)&from, &from_len);

	if (n < DNS_HEADER_LEN)
		return;
	query.len = (size_t)n;
	for (size_t i = 0; i < 4 && server.script->udp[i]; i++) {
		buf_reset(&answer);
		server.script->udp[i](&query, &answer);
		sendto(server.udp, answer.data ? (void *)answer.data : "", answer.len, 0,
		       (struct sockaddr *)&from, from_len);
	}
	buf_done(&answer);
	server.questions++;
}

/* The answer is what goes into the stream: with its length in front, or not. */
static void
serve_tcp(void)
{
	static unsigned char space[4096];
	int fd = accept(server.tcp, NULL, NULL);
	ssize_t n = fd < 0 ? 0 : recv(fd, space, sizeof(space), MSG_WAITALL & 0);
	struct buf query = {.data = space + 2, .len = n > 2 ? (size_t)n - 2 : 0}, answer = {0};

	if (query.len >= DNS_HEADER_LEN && server.script->tcp) {
		server.script->tcp(&query, &answer);
		send_all(fd, answer.data, answer.len);
	}
	buf_done(&answer);
	if (fd >= 0)
		close(fd);
}

static void *
serve(void *unused)
{
	struct pollfd p[3] = {
		{server.udp, POLLIN, 0}, {server.tcp, POLLIN, 0}, {server.stop[0], POLLIN, 0}};

	(void)unused;
	while (poll(p, 3, -1) > 0 && !p[2].revents) {
		if (p[0].revents)
			serve_udp();
		if (p[1].revents)
			serve_tcp();
	}
	return NULL;
}

static pthread_t
start(const struct script *script)
{
	struct sockaddr_in *sa = (struct sockaddr_in *)&server.address.sa;
	pthread_t thread;
	bool bound = false;

	server.script = script;
	server.questions = 0;
	strcpy(server.address.text, "the server");
	for (int tries = 0; tries < 100 && !bound; tries++) { /* the same port of both kinds */
		*sa = (struct sockaddr_in){.sin_family = AF_INET,
		                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		server.address.len = sizeof(*sa);
		server.udp = socket(AF_INET, SOCK_DGRAM, 0);
		server.tcp = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(server.udp, (struct sockaddr *)sa, sizeof(*sa)), 0);
		assert_int_equal(
			getsockname(server.udp, (struct sockaddr *)sa, &server.address.len), 0);
		bound = bind(server.tcp, (struct sockaddr *)sa, sizeof(*sa)) == 0;
		if (!bound) {
			close(server.udp);
			close(server.tcp);
		}
	}
	assert_true(bound);
	assert_int_equal(listen(server.tcp, 5), 0);
	assert_int_equal(pipe(server.stop), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	return thread;
}

static void
stop(pthread_t thread)
{
	assert_int_equal(write(server.stop[1], "", 1), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(server.udp);
	close(server.tcp);
	close(server.stop[0]);
	close(server.stop[1]);
}

/* ---- what it may answer ---- */

/* The query's header and question, as an answer with COUNT records. */
static void
head(const struct buf *query, struct buf *answer, uint16_t flags, uint16_t count)
{
	const unsigned char *end = query->data + DNS_HEADER_LEN;

	assert_int_equal(ns_name_skip(&end, query->data + query->len), 0);
	buf_add(answer, query->data, (size_t)(end + 4 - query->data));
	dns_set_u16_at(answer->data, 2, DNS_FLAG_QR | DNS_FLAG_AA | flags);
	dns_set_u16_at(answer->data, 4, 1);
	dns_set_u16_at(answer->data, 6, count);
	dns_set_u16_at(answer->data, 8, 0);
	dns_set_u16_at(answer->data, 10, 0);
}

/* A record's beginning, of the question's name. */
static void
record(struct buf *answer, ns_type type, size_t len)
{
	dns_put_u16(answer, 0xc000 | DNS_HEADER_LEN);
	dns_put_u16(answer, (uint16_t)type);
	dns_put_u16(answer, ns_c_in);
	dns_put_u32(answer, 1);
	dns_put_u16(answer, (uint16_t)len);
}

static void
txt(struct buf *answer, const char *value)
{
	struct buf data = {0};

	dns_put_txt(&data, value);
	record(answer, ns_t_txt, data.len);
	buf_add(answer, data.data, data.len);
	buf_done(&data);
}

static void
good(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 2);
	txt(answer, "other");
	txt(answer, "value");
}

static void
other_id(const struct buf *query, struct buf *answer)
{
	good(query, answer);
	answer->data[0] ^= 1;
}

static void
no_answer_bit(const struct buf *query, struct buf *answer)
{
	good(query, answer);
	answer->data[2] &= 0x7f;
}

static void
other_question(const struct buf *query, struct buf *answer)
{
	good(query, answer);
	answer->data[DNS_HEADER_LEN + 1] = 'x';
}

static void
nothing(const struct buf *query, struct buf *answer)
{
	(void)query;
	(void)answer;
}

static void
short_head(const struct buf *query, struct buf *answer)
{
	good(query, answer);
	answer->len = DNS_HEADER_LEN - 1;
}

static void
refused(const struct buf *query, struct buf *answer)
{
	head(query, answer, ns_r_refused, 0);
}

static void
refused_without_question(const struct buf *query, struct buf *answer)
{
	head(query, answer, ns_r_refused, 0);
	answer->len = DNS_HEADER_LEN;
	dns_set_u16_at(answer->data, 4, 0);
}

static void
formerr_for_edns(const struct buf *query, struct buf *answer)
{
	if (dns_u16_at(query->data, DNS_ARCOUNT_AT))
		head(query, answer, ns_r_formerr, 0);
	else
		good(query, answer);
}

static void
without_authority(const struct buf *query, struct buf *answer)
{
	good(query, answer);
	dns_set_u16_at(answer->data, 2, DNS_FLAG_QR);
}

static void
truncated(const struct buf *query, struct buf *answer)
{
	head(query, answer, DNS_FLAG_TC, 0);
}

/* A record whose name is a pointer to itself. */
static void
loop(const struct buf *query, struct buf *answer)
{
	size_t at;

	head(query, answer, 0, 2);
	at = answer->len;
	txt(answer, "value");
	dns_set_u16_at(answer->data, at, (uint16_t)(0xc000 | at));
}

static void
forward_pointers(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 60000);
	while (answer->len < 1200)
		dns_put_u16(answer, (uint16_t)(0xc000 | (answer->len + 2)));
}

static void
counts_lie(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 65535);
	for (size_t at = 4; at < DNS_HEADER_LEN; at += 2)
		dns_set_u16_at(answer->data, at, at == 4 ? 1 : 65535);
	txt(answer, "other");
}

static void
data_beyond_end(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 1);
	record(answer, ns_t_txt, 200);
	buf_add_str(answer, "\5value");
}

static void
string_beyond_data(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 2);
	record(answer, ns_t_txt, 6);
	buf_add_str(answer, "\xc8value");
	txt(answer, "other");
}

static void
other_class_of_types(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 1);
	record(answer, ns_t_a, 6);
	buf_add_str(answer, "\5value");
}

/* 65535 bytes of records, VALUE behind BEFORE others. */
static void
stream_of(const struct buf *query, struct buf *answer, int before)
{
	struct buf message = {0};
	uint16_t count = 0;

	head(query, &message, 0, 0);
	for (int i = 0; message.len + 30 < DNS_MESSAGE_MAX; i++, count++)
		txt(&message, i == before ? "value" : "filler-filler-filler");
	dns_set_u16_at(message.data, 6, count);
	dns_put_u16(answer, (uint16_t)message.len);
	buf_add(answer, message.data, message.len);
	buf_done(&message);
}

static void
stream_early(const struct buf *query, struct buf *answer)
{
	stream_of(query, answer, 200);
}

static void
stream_late(const struct buf *query, struct buf *answer)
{
	stream_of(query, answer, DNS_RECORDS_MAX + 1);
}

static void
stream_long_value(const struct buf *query, struct buf *answer)
{
	static char value[DNS_VALUE_MAX + 100];
	struct buf message = {0};

	memset(value, 'v', sizeof(value) - 1);
	head(query, &message, 0, 2);
	txt(&message, value);
	txt(&message, "value");
	dns_put_u16(answer, (uint16_t)message.len);
	buf_add(answer, message.data, message.len);
	buf_done(&message);
}

static void
stream_cut(const struct buf *query, struct buf *answer)
{
	stream_of(query, answer, 0);
	answer->len = 5000;
}

static void
stream_empty(const struct buf *query, struct buf *answer)
{
	(void)query;
	dns_put_u16(answer, 0);
}

static void
stream_other_question(const struct buf *query, struct buf *answer)
{
	stream_of(query, answer, 0);
	answer->data[2 + DNS_HEADER_LEN + 1] = 'x';
}

/* ---- for dns_find() ---- */

static void
put_soa(struct buf *answer, const char *owner)
{
	assert_true(dns_put_name(answer, owner));
	dns_put_u16(answer, ns_t_soa);
	dns_put_u16(answer, ns_c_in);
	dns_put_u32(answer, 1);
	dns_put_u16(answer, 0);
	dns_set_u16_at(answer->data, 8, 1);
}

static void
zone_elsewhere(const struct buf *query, struct buf *answer)
{
	head(query, answer, ns_r_nxdomain, 0);
	put_soa(answer, "elsewhere.test");
}

static void
zone_is_root(const struct buf *query, struct buf *answer)
{
	head(query, answer, ns_r_nxdomain, 0);
	put_soa(answer, "");
}

static void
always_cname(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 1);
	record(answer, ns_t_cname, 2);
	dns_put_u16(answer, 0xc000 | DNS_HEADER_LEN);
}

static void
zone_without_servers(const struct buf *query, struct buf *answer)
{
	head(query, answer, 0, 0);
	put_soa(answer, "a.test");
}

/* NS records by the dozen, each a name that has no address. */
static void
servers_without_end(const struct buf *query, struct buf *answer)
{
	const unsigned char *at = query->data + DNS_HEADER_LEN;
	uint16_t type;

	assert_int_equal(ns_name_skip(&at, query->data + query->len), 0);
	type = dns_u16_at(at, 0);
	if (type == ns_t_soa || type == ns_t_a || type == ns_t_aaaa) {
		zone_without_servers(query, answer);
		return;
	}
	head(query, answer, 0, 60);
	for (int i = 0; i < 60; i++) {
		record(answer, ns_t_ns, 6);
		buf_u8(answer, 3);
		buf_printf(answer, "n%02d", i);
		dns_put_u16(answer, 0xc000 | DNS_HEADER_LEN);
	}
}

static const struct script scripts[] = {
	{"a good answer", {good}, NULL, ERR_OK, "", false},
	{"behind others' answers",
         {other_id, no_answer_bit, other_question, good},
         NULL,
         ERR_OK,
         "",
         false},
	{"behind scraps", {nothing, short_head, good}, NULL, ERR_OK, "", false},
	{"a server that has never heard of EDNS", {formerr_for_edns}, NULL, ERR_OK, "", false},
	{"refused", {refused}, NULL, ERR_UNREACHABLE, "does not answer: REFUSED", false},
	{"refused, question left out",
         {refused_without_question},
         NULL,
         ERR_UNREACHABLE,
         "does not answer: REFUSED",
         false},
	{"not in charge", {without_authority}, NULL, ERR_UNREACHABLE, "not in charge", false},
	{"a pointer to itself", {loop}, NULL, ERR_NOTFOUND, "has no TXT record there", false},
	{"pointers ahead", {forward_pointers}, NULL, ERR_NOTFOUND, "has no TXT record", false},
	{"counts that lie", {counts_lie}, NULL, ERR_NOTFOUND, "has 1 TXT record", false},
	{"data beyond the end", {data_beyond_end}, NULL, ERR_NOTFOUND, "has no TXT record", false},
	{"a string beyond its record",
         {string_beyond_data},
         NULL,
         ERR_NOTFOUND,
         "has 1 TXT record",
         false},
	{"an address", {other_class_of_types}, NULL, ERR_NOTFOUND, "has no TXT record", false},
	{"cut short, no TCP answer", {truncated}, NULL, ERR_UNREACHABLE, "closed", false},
	{"65535 bytes", {truncated}, stream_early, ERR_OK, "", false},
	{"more records than we look at",
         {truncated},
         stream_late,
         ERR_NOTFOUND,
         "has 256 TXT records",
         false},
	{"a value that is too long beside ours", {truncated}, stream_long_value, ERR_OK, "", false},
	{"cut off", {truncated}, stream_cut, ERR_UNREACHABLE, "closed", false},
	{"no bytes", {truncated}, stream_empty, ERR_UNREACHABLE, "broke the protocol", false},
	{"another question's answer",
         {truncated},
         stream_other_question,
         ERR_UNREACHABLE,
         "broke the protocol",
         false},

	{"a zone that is not above the name",
         {zone_elsewhere},
         NULL,
         ERR_PROTO,
         "no zone was found for " NAME,
         true},
	{"the root", {zone_is_root}, NULL, ERR_PROTO, "no zone was found", true},
	{"CNAMEs all the way up", {always_cname}, NULL, ERR_PROTO, "no zone was found", true},
	{"no servers",
         {zone_without_servers},
         NULL,
         ERR_PROTO,
         "no server of the zone a.test has an address",
         true},
	{"servers without addresses",
         {servers_without_end},
         NULL,
         ERR_PROTO,
         "no server of the zone a.test has an address",
         true},
	{"refused by the resolver",
         {refused},
         NULL,
         ERR_UNREACHABLE,
         "(the server: REFUSED)",
         true},
};

static void
run(const struct script *s)
{
	pthread_t thread = start(s);
	struct conf_dns_resolvers resolvers = {.count = 1, .addresses = {server.address}};
	struct dns_call call = {.resolvers = &resolvers, .deadline = clock_mono_ms() + 60000};
	struct dns_place place = {.name = NAME, .zone = "a.test", .server_count = 1};
	struct problem why = {0};
	enum err err;

	place.servers[0].address = server.address;
	err = s->find ? dns_find(&call, NAME, &place, &why)
	              : dns_txt_everywhere(&call, &place, "value", &why);
	stop(thread);
	if (err != s->want || !strstr(why.detail, s->why))
		fail_msg("%s: %s: %s", s->what, err_word(err), why.detail);
	assert_true(server.questions <= 60);
}

static void
test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		run(&scripts[i]);
}

/* A server that says nothing: the deadline ends it, or `stop`. */
static void
test_silence(void **state)
{
	static const struct script silence = {"silence", {NULL}, NULL, ERR_OK, "", false};
	pthread_t thread = start(&silence);
	struct conf_dns_resolvers resolvers = {.count = 1, .addresses = {server.address}};
	atomic_bool stopped = false;
	struct dns_call call = {&resolvers, clock_mono_ms() + 400, &stopped};
	struct dns_place place = {.name = NAME, .zone = "a.test", .server_count = 1};
	struct problem why = {0};

	(void)state;
	place.servers[0].address = server.address;
	assert_int_equal(dns_txt_everywhere(&call, &place, "value", &why), ERR_UNREACHABLE);
	assert_int_equal(why.kind, PROBLEM_DNS_LOOKUP);
	assert_non_null(strstr(why.detail, "the server does not answer: timed out"));
	assert_int_equal(dns_find(&call, NAME, &place, &why), ERR_TIMEOUT);
	assert_int_equal(why.kind, PROBLEM_DNS_LOOKUP);
	call.deadline = clock_mono_ms() + 3600 * 1000;
	atomic_store(&stopped, true);
	assert_int_equal(dns_txt_everywhere(&call, &place, "value", &why), ERR_STOPPED);
	assert_int_equal(dns_find(&call, NAME, &place, &why), ERR_STOPPED);
	stop(thread);
}

/* Servers that are away do not keep those that answer from being heard. */
static void
test_some_are_silent(void **state)
{
	static const struct script answers = {"good", {good}, NULL, ERR_OK, "", false};
	pthread_t thread = start(&answers);
	struct dns_call call = {.deadline = clock_mono_ms() + 500};
	struct dns_place place = {.name = NAME, .zone = "a.test", .server_count = DNS_SERVERS_MAX};
	struct problem why = {0};
	int mute[DNS_SERVERS_MAX];

	(void)state;
	for (size_t i = 0; i < DNS_SERVERS_MAX; i++) {
		struct conf_address *a = &place.servers[i].address;

		*a = server.address;
		((struct sockaddr_in *)&a->sa)->sin_port = 0;
		mute[i] = socket(AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(bind(mute[i], (struct sockaddr *)&a->sa, a->len), 0);
		assert_int_equal(getsockname(mute[i], (struct sockaddr *)&a->sa, &a->len), 0);
	}
	place.servers[DNS_SERVERS_MAX - 1].address = server.address;
	assert_int_equal(dns_txt_everywhere(&call, &place, "value", &why), ERR_OK);
	call.deadline = clock_mono_ms() + 500;
	assert_int_equal(dns_txt_everywhere(&call, &place, "another", &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.detail, ": the server has 2 TXT records there, but not ours; "
	                                   "the server does not answer: timed out"));
	for (size_t i = 0; i < DNS_SERVERS_MAX; i++)
		close(mute[i]);
	stop(thread);
}

/* ---- signatures ---- */

enum { NOW = 1800000000 };

static const struct dns_key *
key(enum dns_hmac algorithm)
{
	static struct dns_key k = {.name = "k"};

	secret_done(&k.secret);
	assert_int_equal(secret_set(&k.secret, "0123456789abcdef0123456789abcdef", 32), ERR_OK);
	k.algorithm = algorithm;
	return &k;
}

/* An answer that is signed as RFC 8945 5.3 says: dns_sign() signs requests, so the request's mac
 * goes in front by hand, and the result is what dns_verify() must take. */
static void
test_tsig(void **state)
{
	(void)state;
	for (int algorithm = DNS_HMAC_SHA256; algorithm <= DNS_HMAC_SHA512; algorithm++) {
		const struct dns_key *k = key((enum dns_hmac)algorithm);
		struct buf message = {0};
		struct dns_mac mac, none = {.len = 0};

		assert_int_equal(dns_put_query(&message, NAME, ns_t_soa, false, false), ERR_OK);
		assert_int_equal(dns_sign(k, NOW, &message, &mac), ERR_OK);
		assert_int_equal(dns_u16_at(message.data, DNS_ARCOUNT_AT), 1);
		/* a request is signed over nothing in front */
		assert_int_equal(dns_verify(k, NOW, NULL, &message, &(int){0}), ERR_OK);
		assert_int_equal(dns_verify(k, NOW + 300, NULL, &message, &(int){0}), ERR_OK);
		assert_int_equal(dns_verify(k, NOW + 301, NULL, &message, &(int){0}), ERR_TIMEOUT);
		assert_int_equal(dns_verify(k, NOW - 301, NULL, &message, &(int){0}), ERR_TIMEOUT);
		assert_int_equal(dns_verify(k, NOW, &none, &message, &(int){0}), ERR_CRYPTO);
		assert_int_equal(dns_verify(k, NOW, &mac, &message, &(int){0}), ERR_CRYPTO);
		buf_done(&message);
	}
}

/* No byte may change, and nothing may be missing. */
static void
test_tsig_every_byte(void **state)
{
	const struct dns_key *k = key(DNS_HMAC_SHA256);
	struct buf message = {0}, cut;
	struct dns_mac mac;
	size_t ttl_at;

	(void)state;
	assert_int_equal(dns_put_query(&message, "a.test", ns_t_soa, false, false), ERR_OK);
	ttl_at = message.len + strlen("\1k") + 1 + 2 + 2;
	assert_int_equal(dns_sign(k, NOW, &message, &mac), ERR_OK);
	for (size_t i = 2; i < message.len; i++) {
		if (i >= ttl_at && i < ttl_at + 4)
			continue; /* of the record itself: it means nothing and is not signed */
		message.data[i] ^= 0x40;
		if (dns_verify(k, NOW, NULL, &message, &(int){0}) == ERR_OK)
			fail_msg("byte %zu", i);
		message.data[i] ^= 0x40;
	}
	for (size_t len = 0; len < message.len; len++) {
		cut = message;
		cut.len = len;
		assert_int_not_equal(dns_verify(k, NOW, NULL, &cut, &(int){0}), ERR_OK);
	}
	assert_int_equal(dns_verify(k, NOW, NULL, &message, &(int){0}), ERR_OK);
	buf_add_str(&message, "more");
	assert_int_not_equal(dns_verify(k, NOW, NULL, &message, &(int){0}), ERR_OK);
	buf_done(&message);
}

static void
test_names(void **state)
{
	static const struct {
		const char *name, *zone;
		bool want;
	} cases[] = {
		{"a.test", "a.test", true},   {"x.a.test", "a.test", true},
		{"xa.test", "a.test", false}, {"test", "a.test", false},
		{"a.test", "", true},         {"a.test", "b.test", false},
	};
	char label[80];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(dns_is_in(cases[i].name, cases[i].zone), cases[i].want);
	memset(label, 'a', 64);
	label[64] = '\0';
	assert_false(dns_is_name(label));
	assert_true(dns_is_name(label + 1));
	assert_false(dns_is_name("a..b"));
	assert_false(dns_is_name("a\\.b"));
	assert_true(dns_is_name("_acme-challenge.a.test"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),         cmocka_unit_test(test_silence),
		cmocka_unit_test(test_some_are_silent), cmocka_unit_test(test_tsig),
		cmocka_unit_test(test_tsig_every_byte), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
