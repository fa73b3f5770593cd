/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of fault, put into the store: told once, over restarts too, renewed where that helps,
 * and told once more when it is over. What is good is never told. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "acme/key.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/auditor_front.h"
#include "daemon/watch/auditor_inside.h"
#include "daemon/watch/clockwatch.h"
#include "store/cert_pool.h"
#include "store/event.h"
#include "store/fault.h"
#include "store/memo.h"
#include "store/ocsp.h"
#include "store/renewal.h"
#include "tests/support/tmpcert.h"

enum { DAY = 86400, GOOD = 40 };

static const char usual[] = "listen 127.0.0.1:443 { tls; }\nca le { directory "
			    "https://127.0.0.1:14000/dir; }\n";
/* TLS under raw.example is the backend's, and who comes to 192.0.2.7 gets another name. */
static const char others[] = "listen 127.0.0.1:443 { tls; }\nca le { directory "
			     "https://127.0.0.1:14000/dir; }\nbackend raw { server 127.0.0.1:1; "
			     "passthrough; }\nbind 192.0.2.7 ec.example;\n";
/* No RSA certificate serves there. */
static const char ecdsa_only[] =
	"listen 127.0.0.1:443 { tls; protocols TLSv1.2; ciphers "
	"ECDHE-ECDSA-AES128-GCM-SHA256; }\nca le { directory https://127.0.0.1:14000/dir; }\n";

/* At the second one neither does it. */
static const char several[] =
	"listen 127.0.0.1:443 { tls; }\nlisten 127.0.0.1:444 { tls; protocols TLSv1.2; ciphers "
	"ECDHE-ECDSA-AES128-GCM-SHA256; }\nlisten 127.0.0.1:445 { tls; }\n"
	"ca le { directory https://127.0.0.1:14000/dir; }\n";

struct audit {
	struct tmpstore t;
	struct notice_queue *notices;
	struct auditor *a;
};

static void
no_wake(void *arg)
{
	(void)arg;
}

static void
start(struct audit *x, const char *text)
{
	struct auditor_config config = {.store = x->t.store, .notices = x->notices};
	char path[sizeof(x->t.parent) + 16], error[CONF_ERROR_MAX + 1];
	FILE *out;

	snprintf(path, sizeof(path), "%s/conf", x->t.parent);
	assert_non_null(out = fopen(path, "w"));
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	if (conf_load(path, &config.conf, error))
		fail_msg("%s", error);
	unlink(path);
	assert_int_equal(auditor_make(&config, &x->a), ERR_OK);
	assert_non_null(x->a->front);
	conf_unref(config.conf);
}

static void
restart(struct audit *x, const char *text)
{
	auditor_free(x->a);
	start(x, text);
}

static int
setup(void **state)
{
	struct audit *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	log_set_level(LOG_LEVEL_ERR);
	tmpstore_init(&x->t);
	tmpstore_open(&x->t);
	assert_int_equal(notice_new(no_wake, NULL, &x->notices), ERR_OK);
	start(x, usual);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct audit *x = *state;

	auditor_free(x->a);
	notice_free(x->notices);
	tmpstore_done(&x->t);
	tmpcert_done();
	free(x);
	return 0;
}

static void
walk(struct audit *x)
{
	while (auditor_step(x->a))
		;
}

/* How many events of TYPE there are of NAME; "" counts those without a name. */
static unsigned
told(struct audit *x, const char *type, const char *name)
{
	static struct event page[200];
	struct store_txn *txn = tmpstore_read(&x->t, STORE_PRIVATE);
	unsigned sum = 0;
	size_t count;

	assert_int_equal(event_page(txn, 0, 200, page, &count), ERR_OK);
	store_abort(txn);
	assert_true(count < 200);
	for (size_t i = 0; i < count; i++)
		if ((!type || strcmp(page[i].type, type) == 0) &&
		    (!name || strcmp(page[i].name, name) == 0))
			sum += page[i].count;
	return sum;
}

static uint64_t
faulty(struct audit *x)
{
	struct store_txn *txn = tmpstore_read(&x->t, STORE_PRIVATE);
	uint64_t count;

	assert_int_equal(fault_count(txn, &count), ERR_OK);
	store_abort(txn);
	return count;
}

static struct domain
domain_of(struct audit *x, const char *name)
{
	struct store_txn *txn = tmpstore_read(&x->t, STORE_SERVED);
	struct hostname h = tmpstore_name(name);
	struct domain d;

	assert_int_equal(domain_get(txn, &h, &d), ERR_OK);
	store_abort(txn);
	return d;
}

static void
put_domain(struct audit *x, const struct domain *d)
{
	struct store_txn *txn = tmpstore_write(&x->t, STORE_SERVED);

	assert_int_equal(domain_put(txn, d), ERR_OK);
	tmpstore_commit(txn);
}

/* A good certificate, to be renewed in a day. */
static void
put_good(struct audit *x, const char *name, uint64_t generation, bool rsa)
{
	struct domain d;

	tmpcert_store(&x->t, &(struct tmpcert){.name = name,
	                                       .generation = generation,
	                                       .not_after = time(NULL) + 5 * DAY,
	                                       .rsa = rsa});
	d = domain_of(x, name);
	d.due_at = time(NULL) + DAY;
	put_domain(x, &d);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* NAME's certificate and chain, to be changed. */
static void
take(struct audit *x, const char *name, struct cert *cert, struct buf *chain)
{
	struct store_txn *txn = tmpstore_read(&x->t, STORE_SERVED);
	struct hostname h = tmpstore_name(name);

	cert_init(cert);
	buf_init(chain);
	assert_int_equal(cert_get(txn, &h, cert), ERR_OK);
	assert_int_equal(cert_chain_get(txn, cert->chain_id, chain), ERR_OK);
	store_abort(txn);
}

/* What was taken becomes NAME's under the generation that NAME has. */
static void
give(struct audit *x, const char *name, struct cert *cert, struct buf *chain)
{
	struct domain d = domain_of(x, name);
	struct store_txn *txn = tmpstore_write(&x->t, STORE_SERVED);

	cert->generation = d.generation;
	assert_int_equal(cert_put(txn, &d.name, cert, chain), ERR_OK);
	tmpstore_commit(txn);
	cert_done(cert);
	buf_done(chain);
}

static void
break_key(struct audit *x, const char *name)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct cert cert;
	struct buf chain;

	take(x, name, &cert, &chain);
	assert_int_equal(key_save(other, &cert.key), ERR_OK);
	EVP_PKEY_free(other);
	give(x, name, &cert, &chain);
}

static void
break_san(struct audit *x, const char *name)
{
	struct domain d = domain_of(x, name), other;
	struct cert cert;
	struct buf chain;

	put_good(x, "g00.example", 1, false);
	other = domain_of(x, "g00.example");
	take(x, "g00.example", &cert, &chain);
	d.not_before = other.not_before;
	d.not_after = other.not_after;
	put_domain(x, &d);
	give(x, name, &cert, &chain);
}

/* The leaf stands where its issuer should. */
static void
break_chain(struct audit *x, const char *name)
{
	struct cert cert;
	struct buf chain;

	take(x, name, &cert, &chain);
	buf_reset(&chain);
	buf_bytes32(&chain, cert.leaf.data, cert.leaf.len);
	give(x, name, &cert, &chain);
}

static void
break_dates(struct audit *x, const char *name)
{
	struct domain d = domain_of(x, name);

	d.not_after += 30 * DAY;
	put_domain(x, &d);
}

static void
put_dated(struct audit *x, const char *name, int64_t begin, int64_t end)
{
	struct domain d;

	tmpcert_store(&x->t, &(struct tmpcert){.name = name,
	                                       .generation = 2,
	                                       .not_before = time(NULL) + begin,
	                                       .not_after = time(NULL) + end});
	d = domain_of(x, name);
	d.due_at = time(NULL) + DAY;
	put_domain(x, &d);
}

static void
break_not_yet(struct audit *x, const char *name)
{
	put_dated(x, name, DAY, 9 * DAY);
}

static void
break_expired(struct audit *x, const char *name)
{
	put_dated(x, name, -9 * DAY, -DAY);
}

static void
revoke_by_ocsp(struct audit *x, const char *name)
{
	struct domain d = domain_of(x, name);
	struct ocsp o = {.generation = d.generation, .this_update = time(NULL) - 60};
	struct store_txn *txn = tmpstore_write(&x->t, STORE_SERVED);

	assert_int_equal(ocsp_put(txn, &d.name, false, &o), ERR_OK);
	tmpstore_commit(txn);
}

static void
revoke_by_window(struct audit *x, const char *name)
{
	struct domain d = domain_of(x, name);
	struct store_txn *txn = tmpstore_write(&x->t, STORE_SERVED);
	struct renewal r;

	assert_int_equal(renewal_get(txn, &d.name, d.generation, &r), ERR_OK);
	r.window_start = time(NULL) - 2 * DAY;
	r.window_end = time(NULL) - DAY;
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	tmpstore_commit(txn);
}

/* Whose stored certificate seems to be another than the one that is served. */
static const char *differing;

enum err __real_audit_front_ask(struct audit_front *front, const struct audit_wanted *wanted,
                                enum audit_answer *ret_answer, char why[AUDIT_WHY_MAX]);
enum err __wrap_audit_front_ask(struct audit_front *front, const struct audit_wanted *wanted,
                                enum audit_answer *ret_answer, char why[AUDIT_WHY_MAX]);

enum err
__wrap_audit_front_ask(struct audit_front *front, const struct audit_wanted *wanted,
                       enum audit_answer *ret_answer, char why[AUDIT_WHY_MAX])
{
	struct audit_wanted other = *wanted;

	if (differing && strcmp(wanted->name->name, differing) == 0)
		other.leaf.len--;
	return __real_audit_front_ask(front, &other, ret_answer, why);
}

static void
break_served(struct audit *x, const char *name)
{
	(void)x;
	differing = name;
}

static const struct fault_row {
	const char *name, *type;
	void (*inject)(struct audit *x, const char *name);
	bool renewed;
} rows[] = {
	{"key.example", "mismatch.key", break_key, true},
	{"san.example", "mismatch.san", break_san, true},
	{"chain.example", "mismatch.chain", break_chain, true},
	{"dates.example", "mismatch.dates", break_dates, true},
	{"early.example", "mismatch.not_yet_valid", break_not_yet, false},
	{"expired.example", "mismatch.expired", break_expired, true},
	{"ocsp.example", "mismatch.revoked", revoke_by_ocsp, true},
	{"window.example", "mismatch.revoked", revoke_by_window, true},
	{"other.example", "mismatch.served_differs", break_served, false},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- tests ---------------------------------------------------------------------------------- */

static void
fill(struct audit *x)
{
	struct domain pending = tmpstore_domain("pending.example", time(NULL));
	char name[32];

	for (int i = 0; i < GOOD; i++) {
		snprintf(name, sizeof(name), "g%02d.example", i);
		put_good(x, name, 1, false);
	}
	put_good(x, "rsa.example", 1, true);
	put_good(x, "*.wild.example", 1, false);
	put_good(x, "192.0.2.7", 1, false);
	/* Its usual window was over before it was renewed. */
	put_dated(x, "late.example", -80 * DAY, 10 * DAY);
	revoke_by_window(x, "late.example");
	put_domain(x, &pending);
}

static void
what_is_good_is_not_told(void **state)
{
	struct audit *x = *state;
	struct auditor_state seen;

	fill(x);
	walk(x);
	walk(x);
	assert_int_equal(told(x, NULL, NULL), 0);
	assert_int_equal(faulty(x), 0);
	auditor_look(x->a, &seen);
	assert_int_equal(seen.looked, 2 * (GOOD + 5));
	assert_true(seen.walked_at > 0);
	assert_int_equal(seen.renewed, 0);
}

static void
check_row(struct audit *x, const struct fault_row *r, bool is_over)
{
	struct domain d = domain_of(x, r->name);

	if (told(x, r->type, r->name) != 1)
		fail_msg("%s: %s told %u times", r->name, r->type, told(x, r->type, r->name));
	if (told(x, "mismatch.healed", r->name) != is_over)
		fail_msg("%s: healed told %u times", r->name, told(x, "mismatch.healed", r->name));
	if (told(x, NULL, r->name) != 1u + is_over)
		fail_msg("%s: something else is told, too", r->name);
	if (!is_over && (d.due_at <= time(NULL)) != r->renewed)
		fail_msg("%s: due at %lld", r->name, (long long)d.due_at);
}

static void
each_fault_is_told_once_and_heals(void **state)
{
	struct audit *x = *state;

	fill(x);
	for (int i = 0; i < ROWS; i++)
		put_good(x, rows[i].name, 1, false);
	for (int i = 0; i < ROWS; i++)
		rows[i].inject(x, rows[i].name);
	for (int i = 0; i < 3; i++) {
		walk(x);
		auditor_step_faults(x->a);
	}
	for (int i = 0; i < ROWS; i++)
		check_row(x, &rows[i], false);
	assert_int_equal(faulty(x), ROWS);
	differing = NULL;
	for (int i = 0; i < ROWS; i++)
		put_good(x, rows[i].name, 3, false);
	auditor_step_faults(x->a); /* needs no walk */
	walk(x);
	for (int i = 0; i < ROWS; i++)
		check_row(x, &rows[i], true);
	assert_int_equal(faulty(x), 0);
	assert_int_equal(told(x, NULL, NULL), 2 * ROWS);
}

static struct fault
fault_of(struct audit *x, const char *name)
{
	struct store_txn *txn = tmpstore_read(&x->t, STORE_PRIVATE);
	struct hostname h = tmpstore_name(name);
	struct fault f;

	assert_int_equal(fault_get(txn, &h, &f), ERR_OK);
	store_abort(txn);
	return f;
}

/* Each name comes to each listener in as many rounds; what is wrong at one of them is found, told
 * once, and not over because another one is well. */
static void
each_listener_is_looked_at(void **state)
{
	struct audit *x = *state;
	struct fault f;

	restart(x, several);
	fill(x);
	for (int i = 0; i < 3; i++)
		walk(x);
	assert_int_equal(faulty(x), 1);
	f = fault_of(x, "rsa.example");
	assert_int_equal(f.open, 1u << AUDIT_NOT_SERVED);
	assert_non_null(strstr(f.why, ", at 127.0.0.1:444"));
	for (int i = 0; i < 3; i++) {
		walk(x);
		auditor_step_faults(x->a);
	}
	assert_int_equal(told(x, "mismatch.not_served", "rsa.example"), 1);
	assert_int_equal(told(x, NULL, NULL), 1);
	restart(x, usual);
	auditor_step_faults(x->a);
	assert_int_equal(faulty(x), 0);
	assert_int_equal(told(x, "mismatch.healed", "rsa.example"), 1);
}

static void
the_rate_follows_the_names(void **state)
{
	static const struct {
		uint32_t within_ms;
		uint64_t names, rate;
	} rows_[] = {
		{6 * 3600 * 1000, 0, 1},
		{6 * 3600 * 1000, 600, 1},
		{6 * 3600 * 1000, 1000, 2},
		{6 * 3600 * 1000, 9600, AUDITOR_RATE},
		{6 * 3600 * 1000, 345600, AUDITOR_RATE},
		{6 * 3600 * 1000, 345601, AUDITOR_RATE + 1},
		{6 * 3600 * 1000, 1000000, 47},
		{600 * 1000, 1000000, 1667},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++) {
		struct conf conf = {.audit = {.within_ms = rows_[i].within_ms}};

		assert_int_equal(auditor_rate(&conf, rows_[i].names), rows_[i].rate);
	}
}

static void
what_has_moved_may_end(void **state)
{
	struct audit *x = *state;
	struct domain d;

	put_dated(x, "away.example", -9 * DAY, -DAY);
	d = domain_of(x, "away.example");
	d.state = DOMAIN_MOVED;
	put_domain(x, &d);
	walk(x);
	assert_int_equal(told(x, NULL, NULL), 0);
}

/* As long as it is open; what is new is not. */
static void
an_acknowledgement_goes_with_its_fault(void **state)
{
	struct audit *x = *state;
	struct store_txn *txn;
	struct fault f;

	put_good(x, "key.example", 1, false);
	break_key(x, "key.example");
	walk(x);
	f = fault_of(x, "key.example");
	assert_int_equal(f.open, 1u << AUDIT_KEY);
	assert_true(*f.why);
	f.acked = f.open;
	f.acked_at = 77;
	txn = tmpstore_write(&x->t, STORE_PRIVATE);
	assert_int_equal(fault_put(txn, &f), ERR_OK);
	tmpstore_commit(txn);
	break_dates(x, "key.example");
	walk(x);
	f = fault_of(x, "key.example");
	assert_int_equal(f.open, 1u << AUDIT_KEY | 1u << AUDIT_DATES);
	assert_true(f.acked == 1u << AUDIT_KEY && f.acked_at == 77);
	put_good(x, "key.example", 3, false);
	walk(x);
	assert_int_equal(faulty(x), 0);
	break_key(x, "key.example");
	walk(x);
	f = fault_of(x, "key.example");
	assert_true(f.open == 1u << AUDIT_KEY && f.acked == 0 && f.acked_at == 0);
}

static void
one_fault_is_renewed_once(void **state)
{
	struct audit *x = *state;
	struct domain d;

	put_good(x, "key.example", 1, false);
	break_key(x, "key.example");
	walk(x);
	d = domain_of(x, "key.example");
	assert_true(d.due_at <= time(NULL));
	/* the new one has the same fault */
	put_good(x, "key.example", 2, false);
	break_key(x, "key.example");
	restart(x, usual);
	walk(x);
	d = domain_of(x, "key.example");
	assert_true(d.due_at > time(NULL));
	assert_int_equal(told(x, "mismatch.key", "key.example"), 1);
}

static void
what_no_client_can_get_is_not_served(void **state)
{
	struct audit *x = *state;

	put_good(x, "rsa.example", 1, true);
	put_good(x, "ec.example", 1, false);
	restart(x, ecdsa_only);
	walk(x);
	restart(x, ecdsa_only);
	walk(x);
	assert_int_equal(told(x, "mismatch.not_served", "rsa.example"), 1);
	assert_int_equal(told(x, NULL, NULL), 1);
	restart(x, usual);
	walk(x);
	assert_int_equal(told(x, "mismatch.healed", "rsa.example"), 1);
	assert_int_equal(faulty(x), 0);
}

static void
what_others_serve_is_not_asked_for(void **state)
{
	struct audit *x = *state;
	struct domain d;

	put_good(x, "ec.example", 1, false);
	put_good(x, "192.0.2.7", 1, false);
	put_good(x, "raw.example", 1, false);
	d = domain_of(x, "raw.example");
	strcpy(d.backend, "raw");
	put_domain(x, &d);
	restart(x, others);
	walk(x);
	assert_int_equal(told(x, NULL, NULL), 0);
	break_san(x, "raw.example");
	walk(x);
	assert_int_equal(told(x, "mismatch.san", "raw.example"), 1);
	assert_int_equal(told(x, NULL, NULL), 1);
}

static void
a_name_that_goes_takes_its_faults_along(void **state)
{
	struct audit *x = *state;
	struct hostname h = tmpstore_name("key.example");
	struct store_txn *txn;

	put_good(x, "key.example", 1, false);
	break_key(x, "key.example");
	walk(x);
	assert_int_equal(faulty(x), 1);
	txn = tmpstore_write(&x->t, STORE_SERVED);
	assert_int_equal(domain_del(txn, &h), ERR_OK);
	tmpstore_commit(txn);
	auditor_step_faults(x->a);
	assert_int_equal(faulty(x), 0);
	assert_int_equal(told(x, "mismatch.healed", NULL), 0);
}

static void
many_faults_are_bounded(void **state)
{
	struct audit *x = *state;
	struct domain d;

	put_good(x, "a.example", 1, false);
	put_good(x, "b.example", 1, false);
	break_key(x, "a.example");
	break_key(x, "b.example");
	x->a->hour_until = INT64_MAX;
	x->a->told = AUDITOR_TOLD - 1;
	x->a->renewals = AUDITOR_RENEWALS - 1;
	walk(x);
	walk(x);
	assert_int_equal(told(x, "mismatch.key", "a.example"), 1);
	assert_int_equal(told(x, "mismatch.key", ""), 1);
	d = domain_of(x, "b.example");
	assert_true(d.due_at > time(NULL));
	x->a->hour_until = 0; /* the next hour */
	walk(x);
	d = domain_of(x, "b.example");
	assert_true(d.due_at <= time(NULL));
	assert_int_equal(told(x, "mismatch.key", NULL), 2);
}

static void
an_external_name_is_only_told(void **state)
{
	struct audit *x = *state;
	struct domain d;

	put_good(x, "key.example", 1, false);
	d = domain_of(x, "key.example");
	domain_make_external(&d);
	put_domain(x, &d);
	break_key(x, "key.example");
	walk(x);
	d = domain_of(x, "key.example");
	assert_int_equal(d.due_at, 0);
	assert_int_equal(told(x, "mismatch.key", "key.example"), 1);
}

/* CERT, of NAME, becomes its second one. */
static void
put_second(struct audit *x, const char *name, struct cert *cert, struct buf *chain)
{
	struct domain d = domain_of(x, name);
	struct store_txn *txn = tmpstore_write(&x->t, STORE_SERVED);

	cert->generation = (d.second.generation ? d.second.generation : d.generation) + 1;
	d.second = (struct domain_second){cert->generation, cert->not_before, cert->not_after};
	assert_int_equal(cert_pool_put(txn, &d.name, 1, cert, chain), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

/* ECDSA and RSA: each is asked for, each is looked at. */
static void
both_of_two_are_looked_at(void **state)
{
	struct audit *x = *state;
	EVP_PKEY *other = EVP_RSA_gen(2048);
	struct cert cert;
	struct buf chain;

	put_good(x, "pair.example", 1, true);
	take(x, "pair.example", &cert, &chain);
	put_good(x, "pair.example", 2, false);
	put_second(x, "pair.example", &cert, &chain);
	walk(x);
	assert_int_equal(told(x, NULL, NULL), 0);
	assert_int_equal(key_save(other, &cert.key), ERR_OK);
	put_second(x, "pair.example", &cert, &chain);
	walk(x);
	assert_int_equal(told(x, "mismatch.key", "pair.example"), 1);
	/* The first one is served all the same. */
	assert_int_equal(told(x, NULL, NULL), 1);
	EVP_PKEY_free(other);
	cert_done(&cert);
	buf_done(&chain);
}

/* It is upkeep's, which puts it aside. */
static void
what_cannot_be_read_is_not_judged(void **state)
{
	struct audit *x = *state;
	struct hostname h = tmpstore_name("damaged.example");
	struct audit_finding finding;

	tmpcert_store(&x->t, &(struct tmpcert){.name = "damaged.example", .damaged = true});
	assert_int_equal(auditor_look_at(x->a, &h, &finding), ERR_CORRUPT);
	walk(x);
	assert_int_equal(told(x, NULL, NULL), 0);
	assert_int_equal(faulty(x), 0);
}

static void
the_thread_walks_by_itself(void **state)
{
	struct audit *x = *state;
	struct auditor_config config = {
		.conf = x->a->conf, .store = x->t.store, .notices = x->notices};
	struct auditor_state seen = {0};
	struct auditor *a;

	((struct conf *)(uintptr_t)x->a->conf)->audit.within_ms = 1000; /* or it has 10 minutes */
	fill(x);
	put_good(x, "key.example", 1, false);
	break_key(x, "key.example");
	assert_int_equal(clockwatch_new(0, time(NULL), clock_mono_ms(), &config.clock), ERR_OK);
	assert_int_equal(auditor_start(&config, &a), ERR_OK);
	for (int i = 0; i < 6000 && !seen.walked_at; i++) {
		auditor_set_conf(a, config.conf);
		usleep(10 * 1000);
		auditor_look(a, &seen);
	}
	auditor_stop(a);
	clockwatch_free(config.clock);
	assert_int_equal(seen.looked, GOOD + 6);
	assert_int_equal(told(x, "mismatch.key", "key.example"), 1);
	assert_int_equal(told(x, NULL, NULL), 1);
}

/* A walk that was cut short goes on behind its last name. */
static void
the_place_is_kept(void **state)
{
	struct audit *x = *state;
	struct auditor_state seen;

	fill(x);
	assert_true(auditor_step(x->a));
	auditor_store_place(x->a);
	restart(x, usual);
	assert_int_equal(x->a->after.len, strlen("g15.example"));
	walk(x);
	auditor_look(x->a, &seen);
	assert_true(seen.looked < GOOD + 5);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_good_is_not_told),
		TEST(each_fault_is_told_once_and_heals),
		TEST(each_listener_is_looked_at),
		TEST(the_rate_follows_the_names),
		TEST(what_has_moved_may_end),
		TEST(an_acknowledgement_goes_with_its_fault),
		TEST(one_fault_is_renewed_once),
		TEST(what_no_client_can_get_is_not_served),
		TEST(what_others_serve_is_not_asked_for),
		TEST(a_name_that_goes_takes_its_faults_along),
		TEST(many_faults_are_bounded),
		TEST(an_external_name_is_only_told),
		TEST(both_of_two_are_looked_at),
		TEST(what_cannot_be_read_is_not_judged),
		TEST(the_thread_walks_by_itself),
		TEST(the_place_is_kept),
	};

	return cmocka_run_group_tests_name("auditor", tests, NULL, NULL);
}
