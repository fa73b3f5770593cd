/* SPDX-License-Identifier: Apache-2.0 */
/* The selection matrix: what each hello comes to, by `unknown-sni`, defaults and backends. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/choice.h"
#include "daemon/front/cred.h"
#include "daemon/front/credcache.h"
#include "daemon/front/hello.h"
#include "store/challenge.h"
#include "tests/support/tmpcert.h"

#define HTTP                                                                                       \
	"\x02h2\x08"                                                                               \
	"http/1.1"
#define ACME                                                                                       \
	"\x02h2\x0a"                                                                               \
	"acme-tls/1"

/* Serial numbers, so that it is known whose certificate came out. */
enum { EXACT = 11, WILDCARD = 12, EXPIRED = 13, FALLBACK = 14, BOUND = 15, LAPSED = 16 };

static struct tmpstore store;
static struct conf_backend backends[] = {
	{.name = "echo"}, {.name = "other"}, {.name = "raw", .passthrough = true}};
static struct conf_bind binds[] = {{.name = {17, "bound.example.net"}}};
static struct conf conf;
static struct conf_listen listen_tls;
static struct status *status;
static struct credcache *cache;
static struct chooser *chooser;
static SSL_CTX *ctx;

static void
store_names(void)
{
	int64_t past = clock_wall() - 3600;
	static const struct {
		const char *name, *backend;
		uint64_t serial;
		bool expired;
	} names[] = {
		{"exact.example.org", NULL, EXACT, false},
		{"*.example.org", "other", WILDCARD, false},
		{"lapsed.example.org", "echo", LAPSED, true},
		{"old.example.net", NULL, EXPIRED, true},
		{"fallback.example.net", "other", FALLBACK, false},
		{"bound.example.net", NULL, BOUND, false},
		{"raw.example.org", "raw", 90, false},
		{"*.raw.example.net", "raw", 91, true},
		{"own.raw.example.net", NULL, 92, false},
		{"nowhere.example.net", "gone", 93, false},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tmpcert_store(&store, &(struct tmpcert){.name = names[i].name,
		                                        .backend = names[i].backend,
		                                        .generation = names[i].serial,
		                                        .not_before = past - 3600,
		                                        .not_after = names[i].expired ? past : 0});
}

static void
store_pending(const char *name, const char *backend)
{
	struct domain d = tmpstore_domain(name, 0);
	struct store_txn *txn = tmpstore_write(&store, STORE_SERVED);

	snprintf(d.backend, sizeof(d.backend), "%s", backend);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static void
set_challenge(const char *name)
{
	struct challenge challenge = {.kind = CHALLENGE_TLS_ALPN_01,
	                              .name = tmpstore_name(name),
	                              .token = "token",
	                              .keyauth = "token.thumbprint",
	                              .created_at = clock_wall()};
	struct store_txn *txn = tmpstore_write(&store, STORE_SERVED);

	assert_int_equal(challenge_put(txn, &challenge), ERR_OK);
	tmpstore_commit(txn);
}

static int
setup(void **state)
{
	struct credcache_config cc = {.conf = &conf, .max_entries = 100, .retry_ms = 300};
	struct chooser_config config = {.conf = &conf};

	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	tmpstore_init(&store);
	tmpstore_open(&store);
	conf = (struct conf){.backends = backends, .backend_count = 3, .binds = binds};
	conf.otherwise.unknown_sni = UNKNOWN_SNI_REJECT;
	listen_tls = (struct conf_listen){.kind = LISTEN_TLS};
	binds[0].address.ss_family = AF_INET;
	((struct sockaddr_in *)&binds[0].address)->sin_addr.s_addr = htonl(0x7f000009);
	assert_int_equal(status_new(&status), ERR_OK);
	cc.store = config.store = store.store;
	cc.status = config.status = &status->slot[0];
	assert_int_equal(credcache_new(&cc, &cache), ERR_OK);
	config.creds = cache;
	assert_int_equal(chooser_new(&config, &chooser), ERR_OK);
	assert_non_null(ctx = SSL_CTX_new(TLS_method()));
	store_names();
	store_pending("pending.example.net", "echo");
	store_pending("pending.raw.example.com", "raw");
	set_challenge("exact.example.org");
	set_challenge("new.example.com");
	set_challenge("raw.example.org");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	SSL_CTX_free(ctx);
	chooser_free(chooser);
	credcache_free(cache);
	status_free(status);
	tmpstore_done(&store);
	return 0;
}

/* The serial number of what was chosen, 0: no certificate. */
static uint64_t
serial_of(const struct choice *choice)
{
	SSL *ssl = SSL_new(ctx);
	uint64_t serial = 0;

	if (choice->cred) {
		assert_int_equal(cred_attach(choice->cred, ssl), ERR_OK);
		ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(SSL_get_certificate(ssl)));
	}
	SSL_free(ssl);
	return serial;
}

struct hello_case {
	const char *name; /* NULL: none */
	const char *protocols;
	const char *local; /* NULL: not asked for */
};

static struct choice
choose(const struct hello_case *c)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(443)};
	struct choice choice = {0};
	struct hello hello = {0};
	struct choice_ask ask = {.listen = &listen_tls, .hello = &hello};

	if (c->name)
		hello.server_name = (struct span){(const unsigned char *)c->name, strlen(c->name)};
	if (c->protocols)
		hello.protocols =
			(struct span){(const unsigned char *)c->protocols, strlen(c->protocols)};
	if (c->local) {
		assert_int_equal(inet_pton(AF_INET, c->local, &in.sin_addr), 1);
		ask.local = (struct sockaddr *)&in;
	}
	choice_make(chooser, &ask, &choice);
	return choice;
}

/* Names of ours: the same whatever `unknown-sni` says. */
static const struct {
	struct hello_case hello;
	enum choice_kind kind;
	uint64_t serial;
	const char *backend; /* NULL: none */
	uint8_t alert;
} ours[] = {
	{{"exact.example.org", NULL, NULL}, CHOICE_TERMINATE, EXACT, "echo", 0},
	{{"EXACT.Example.ORG.", HTTP, NULL}, CHOICE_TERMINATE, EXACT, "echo", 0},
	{{"other.example.org", HTTP, NULL}, CHOICE_TERMINATE, WILDCARD, "other", 0},
	{{"xn--bcher-kva.example.org", NULL, NULL}, CHOICE_TERMINATE, WILDCARD, "other", 0},
	{{"lapsed.example.org", NULL, NULL},
         CHOICE_TERMINATE,
         WILDCARD,
         "echo",
         0}, /* valid first */
	{{"old.example.net", NULL, NULL}, CHOICE_TERMINATE, EXPIRED, "echo", 0},
	{{"exact.example.org", NULL, "127.0.0.9"}, CHOICE_TERMINATE, EXACT, "echo", 0},
	{{"nowhere.example.net", NULL, NULL}, CHOICE_TERMINATE, 93, NULL, 0},
	/* passed through: certificates do not matter, nor that there is none */
	{{"raw.example.org", HTTP, NULL}, CHOICE_PASSTHROUGH, 0, "raw", 0},
	{{"a.raw.example.net", NULL, NULL}, CHOICE_PASSTHROUGH, 0, "raw", 0},
	{{"own.raw.example.net", NULL, NULL}, CHOICE_TERMINATE, 92, "echo", 0},
	{{"pending.raw.example.com", NULL, NULL}, CHOICE_PASSTHROUGH, 0, "raw", 0},
	/* A10: the challenge certificate for a live challenge, and nothing else for acme-tls/1 */
	{{"exact.example.org", ACME, NULL}, CHOICE_CHALLENGE, 1, NULL, 0},
	{{"new.example.com", ACME, NULL}, CHOICE_CHALLENGE, 1, NULL, 0},
	{{"raw.example.org", ACME, NULL}, CHOICE_CHALLENGE, 1, NULL, 0},
	{{"a.raw.example.net", ACME, NULL}, CHOICE_PASSTHROUGH, 0, "raw", 0},
	{{"other.example.org", ACME, NULL}, CHOICE_REFUSE, 0, NULL, SSL_AD_NO_APPLICATION_PROTOCOL},
	{{"pending.example.net", ACME, NULL},
         CHOICE_REFUSE,
         0,
         NULL,
         SSL_AD_NO_APPLICATION_PROTOCOL},
};

static void
check_ours(size_t i)
{
	struct choice choice = choose(&ours[i].hello);
	uint64_t serial = serial_of(&choice);

	if (choice.kind != ours[i].kind || choice.alert != ours[i].alert || choice.fallback)
		fail_msg("%s: kind %d, alert %d", ours[i].hello.name, choice.kind, choice.alert);
	if (choice.kind != CHOICE_CHALLENGE && serial != ours[i].serial)
		fail_msg("%s: serial %lu", ours[i].hello.name, (unsigned long)serial);
	if (!choice.backend != !ours[i].backend ||
	    (choice.backend && strcmp(choice.backend->name, ours[i].backend) != 0))
		fail_msg("%s: backend %s", ours[i].hello.name,
		         choice.backend ? choice.backend->name : "none");
	choice_done(&choice);
}

static void
test_ours(void **state)
{
	(void)state;
	for (int policy = UNKNOWN_SNI_REJECT; policy < UNKNOWN_SNI_END; policy++) {
		conf.otherwise.unknown_sni = (enum conf_unknown_sni)policy;
		conf.otherwise.certificate = tmpstore_name("fallback.example.net");
		conf.bind_count = 1;
		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			check_ours(i);
	}
}

/* For each kind of name that is not: what comes out under reject, default, close. A serial number,
 * or below 0 an alert, or 0: a close without a word. */
enum { ALERT = -SSL_AD_UNRECOGNIZED_NAME, SILENT = 0 };

static const struct {
	struct hello_case hello;
	enum status_counter counter;
	int without[3];  /* nothing bound, no default certificate */
	int fallback[3]; /* with both */
} strangers[] = {
	{{NULL, NULL, NULL},
         STATUS_SNI_ABSENT,
         {ALERT, ALERT, SILENT},
         {FALLBACK, FALLBACK, FALLBACK}},
	{{NULL, HTTP, "127.0.0.8"},
         STATUS_SNI_ABSENT,
         {ALERT, ALERT, SILENT},
         {FALLBACK, FALLBACK, FALLBACK}},
	{{NULL, HTTP, "127.0.0.9"},
         STATUS_SNI_ABSENT,
         {ALERT, ALERT, SILENT},
         {BOUND, BOUND, BOUND}},
	{{NULL, ACME, "127.0.0.9"},
         STATUS_SNI_ABSENT,
         {ALERT, ALERT, SILENT},
         {ALERT, ALERT, SILENT}},
	{{"unknown.example.com", NULL, NULL},
         STATUS_SNI_UNKNOWN,
         {ALERT, ALERT, SILENT},
         {ALERT, FALLBACK, SILENT}},
	{{"unknown.example.com", NULL, "127.0.0.9"},
         STATUS_SNI_UNKNOWN,
         {ALERT, ALERT, SILENT},
         {ALERT, BOUND, SILENT}},
	{{"unknown.example.com", ACME, NULL},
         STATUS_SNI_UNKNOWN,
         {ALERT, ALERT, SILENT},
         {ALERT, ALERT, SILENT}},
	{{"a.b.example.org", NULL, NULL}, /* a wildcard covers one label */
         STATUS_SNI_UNKNOWN,
         {ALERT, ALERT, SILENT},
         {ALERT, FALLBACK, SILENT}},
	{{"192.0.2.1", NULL, NULL},
         STATUS_SNI_INVALID,
         {ALERT, ALERT, SILENT},
         {ALERT, FALLBACK, SILENT}},
	{{"\x1b]0;pwn", NULL, "127.0.0.9"},
         STATUS_SNI_INVALID,
         {ALERT, ALERT, SILENT},
         {ALERT, BOUND, SILENT}},
	{{"pending.example.net", NULL, NULL},
         STATUS_NO_CERTIFICATE,
         {ALERT, ALERT, SILENT},
         {ALERT, ALERT, SILENT}},
};

static void
check_stranger(size_t i, int policy, bool fallback)
{
	int wanted = fallback ? strangers[i].fallback[policy] : strangers[i].without[policy];
	uint64_t before = status_sum(status, strangers[i].counter);
	struct choice choice = choose(&strangers[i].hello);
	uint64_t serial = serial_of(&choice);
	int got = choice.kind == CHOICE_REFUSE ? -choice.alert : (int)serial;

	if (got != wanted || choice.fallback != (wanted > 0))
		fail_msg("%s at %s, policy %d, fallback %d: %d", strangers[i].hello.name,
		         strangers[i].hello.local, policy, fallback, got);
	if (wanted > 0)
		assert_string_equal(choice.name.name,
		                    wanted == BOUND ? "bound.example.net" : "fallback.example.net");
	assert_int_equal(status_sum(status, strangers[i].counter), before + 1);
	choice_done(&choice);
}

/* The listener's word, where it has one, goes before that of the default block. */
static void
test_strangers(void **state)
{
	static const enum conf_unknown_sni policies[] = {UNKNOWN_SNI_REJECT, UNKNOWN_SNI_DEFAULT,
	                                                 UNKNOWN_SNI_CLOSE};

	(void)state;
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		for (int policy = 0; policy < 3; policy++)
			for (int n = 0; n < 4; n++) {
				bool fallback = n & 1, own = n & 2;

				conf.bind_count = fallback;
				conf.otherwise.certificate = (struct hostname){0};
				if (fallback)
					conf.otherwise.certificate =
						tmpstore_name("fallback.example.net");
				listen_tls.unknown_sni = own ? policies[policy] : 0;
				conf.otherwise.unknown_sni =
					own ? policies[(policy + 1) % 3] : policies[policy];
				check_stranger(i, policy, fallback);
			}
}

/* A default that is not served is no default. */
static void
test_default_without_certificate(void **state)
{
	struct choice choice;

	(void)state;
	conf.otherwise.unknown_sni = UNKNOWN_SNI_DEFAULT;
	conf.otherwise.certificate = tmpstore_name("pending.example.net");
	choice = choose(&(struct hello_case){"unknown.example.com", NULL, NULL});
	assert_int_equal(choice.kind, CHOICE_REFUSE);
	assert_int_equal(choice.alert, SSL_AD_UNRECOGNIZED_NAME);
	conf.otherwise.certificate = tmpstore_name("raw.example.org");
	choice = choose(&(struct hello_case){NULL, NULL, NULL});
	assert_int_equal(choice.kind, CHOICE_PASSTHROUGH);
	assert_string_equal(choice.backend->name, "raw");
}

/* A5: what strangers ask for never gets into the cache. */
static void
test_row_A5(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct choice choice;

		snprintf(name, sizeof(name), "n%d.%s", i, i % 2 ? "example.com" : "x.example.org");
		choice = choose(&(struct hello_case){name, NULL, NULL});
		assert_int_equal(choice.kind, CHOICE_REFUSE);
		choice_done(&choice);
	}
	assert_int_equal(status_sum(status, STATUS_CRED_ENTRIES), 0);
	for (int i = 0; i < 1000; i++) {
		struct choice choice;

		snprintf(name, sizeof(name), "n%d.example.org", i);
		choice = choose(&(struct hello_case){name, NULL, NULL});
		assert_int_equal(choice.kind, CHOICE_TERMINATE);
		choice_done(&choice);
	}
	assert_int_equal(status_sum(status, STATUS_CRED_ENTRIES), 1); /* the wildcard's */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_ours),
		CASE(test_strangers),
		CASE(test_default_without_certificate),
		CASE(test_row_A5),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	tmpcert_done();
	return failed;
}
