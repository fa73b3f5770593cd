/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <endian.h>
#include <string.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/domain_due.h"
#include "store/domain_list.h"
#include "store/event.h"
#include "store/label.h"
#include "store/quarantine.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 60, NOW = 777, TOLD_MAX = 80 };

struct told {
	struct tmpstore *t;
	struct event events[TOLD_MAX];
	size_t count;
	uint64_t names;
	char ca_of_lists[NAME_WORD_MAX + 1]; /* what choose() was given last */
};

static void
number(int i, char text[32])
{
	snprintf(text, 32, "n%03d.example", i);
}

static void
put(struct store_txn *txn, int i, uint64_t generation)
{
	struct cert cert = tmpstore_cert((unsigned)generation, 500);
	struct buf chain = {0};
	struct domain d;
	char text[32];

	number(i, text);
	d = tmpstore_domain(text, 1000 + i);
	d.state = DOMAIN_VALID;
	d.generation = cert.generation = generation;
	d.not_before = cert.not_before;
	d.not_after = cert.not_after;
	buf_bytes32(&chain, "issuer", 6);
	assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	cert_done(&cert);
	buf_done(&chain);
}

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));
	struct store_txn *txn;

	tmpstore_init(t);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	for (int i = 0; i < NAMES; i++)
		put(txn, i, 5);
	tmpstore_commit(txn);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

static void
flip(struct tmpstore *t, const char *table, const char *name)
{
	unsigned char data[RAWDB_MAX];
	struct rawdb raw;
	size_t len;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", table);
	len = rawdb_get(&raw, name, strlen(name), data);
	data[len / 2] ^= 4;
	rawdb_put(&raw, name, strlen(name), data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
}

static void
overwrite_key(struct tmpstore *t, const char *table, const char *from, const char *to, size_t len)
{
	struct rawdb raw;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", table);
	rawdb_overwrite_key(&raw, from, to, len);
	rawdb_close(&raw);
	tmpstore_open(t);
}

static void
count_finding(void *arg, const struct check_finding *f)
{
	*(unsigned *)arg += f->err != ERR_OK;
}

static unsigned
findings(struct tmpstore *t)
{
	struct check_result result;
	struct problem why;
	unsigned found = 0;

	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, count_finding, &found, &result, &why),
	                 ERR_OK);
	tmpstore_open(t);
	return found;
}

static void
choose(void *arg, struct domain *d)
{
	struct told *told = arg;

	strcpy(told->ca_of_lists, d->ca);
	if (!d->ca[0] && d->state != DOMAIN_EXTERNAL)
		strcpy(d->ca, "first");
	strcpy(d->backend, "default");
}

static void
on_told(void *arg, const struct event *e)
{
	struct told *told = arg;

	assert_true(told->count < TOLD_MAX);
	told->events[told->count++] = *e;
}

/* Whether there is more. */
static bool
mend_once(struct tmpstore *t, struct told *told)
{
	struct mend_policy policy = {
		.now = NOW, .choose = choose, .told = on_told, .stuck = on_told, .arg = told};
	struct mend *m;
	uint64_t names, done;
	bool more;

	assert_int_equal(mend_scan(t->store, NULL, NULL, &m), ERR_OK);
	more = mend_has_more(m);
	assert_int_equal(mend_apply(t->store, m, &policy, &names, &done), ERR_OK);
	told->names += names;
	mend_free(m);
	return more;
}

/* Scans and repairs until nothing is left; then a check must find nothing. */
static void
mend(struct tmpstore *t, struct told *told)
{
	bool more = true;

	*told = (struct told){.t = t};
	assert_true(findings(t) > 0);
	for (int i = 0; i < 4 && more; i++)
		more = mend_once(t, told);
	assert_false(more);
	assert_int_equal(findings(t), 0);
}

static const struct event *
event_of(const struct told *told, const char *name)
{
	for (size_t i = 0; i < told->count; i++)
		if (strcmp(told->events[i].name, name) == 0)
			return &told->events[i];
	fail_msg("no event names \"%s\"", name);
	return NULL;
}

static struct domain
get(struct tmpstore *t, const char *text)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct hostname name = tmpstore_name(text);
	struct domain d;

	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	assert_int_equal(domain_check(txn, &name), ERR_OK);
	store_abort(txn);
	return d;
}

static void
assert_all_others_are_as_before(struct tmpstore *t, int but)
{
	char text[32];

	for (int i = 0; i < NAMES; i++) {
		number(i, text);
		if (i == but)
			continue;
		assert_int_equal(get(t, text).state, DOMAIN_VALID);
		assert_string_equal(get(t, text).backend, "web");
		assert_int_equal(get(t, text).generation, 5);
		assert_int_equal(get(t, text).due_at, 1000 + i);
	}
}

/* Made anew, with its certificate if KEPT. */
static void
assert_anew(struct tmpstore *t, const struct told *told, const char *name, bool kept)
{
	struct domain d = get(t, name);
	const struct event *e = event_of(told, name);

	assert_int_equal(d.state, DOMAIN_FAILING);
	assert_int_equal(d.problem.kind, PROBLEM_STORE_CORRUPT);
	assert_int_equal(d.due_at, NOW);
	assert_string_equal(d.backend, "default");
	assert_string_equal(d.labels, "");
	assert_int_equal(d.generation, kept ? 5 : 0);
	assert_int_equal(d.not_after, kept ? 2000 : 0);
	assert_string_equal(e->type, "store.corrupt");
	assert_non_null(strstr(e->detail, "backend"));
	assert_non_null(strstr(e->detail, "labels"));
	assert_non_null(strstr(e->detail, kept ? "is kept" : "not served"));
}

static void
a_damaged_domain_is_made_anew(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct label label = {"tenant", "x"};
	struct domain d = tmpstore_domain("n007.example", 9), other;
	struct quarantine q[4];
	struct hostname due[2];
	struct told told;
	uint64_t count;
	size_t n;

	d.state = DOMAIN_FAILING;
	d.generation = 5;
	d.not_after = 2000;
	strcpy(d.ca, "zerossl");
	problem_set(&d.problem, PROBLEM_AUTHZ_CAA, "no");
	strcpy(d.backend, "other");
	assert_int_equal(label_set(&d, &label), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	other = d; /* its name is the end of another one's */
	other.name = tmpstore_name("a.n007.example");
	other.generation = 0;
	assert_int_equal(domain_put(txn, &other), ERR_OK);
	tmpstore_commit(txn);
	flip(t, "domain", "n007.example");
	mend(t, &told);
	assert_int_equal(told.names, 1);
	assert_anew(t, &told, "n007.example", true);
	assert_non_null(strstr(told.events[0].detail, "tenant=x"));
	assert_string_equal(told.ca_of_lists, "zerossl");
	assert_all_others_are_as_before(t, 7);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_get(txn, &other.name, &other), ERR_OK);
	assert_string_equal(other.labels, d.labels);
	assert_int_equal(domain_count_backend(txn, "other", &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(domain_count_backend(txn, "default", &count), ERR_OK);
	assert_int_equal(count, 1);
	for (enum domain_lane lane = 0; lane < LANES; lane++, count += n)
		assert_int_equal(
			domain_due(txn, &(struct domain_queue){"zerossl", lane}, NOW, 2, due, &n),
			ERR_OK);
	assert_int_equal(count, 1 + 2);
	assert_int_equal(quarantine_page(txn, 0, 4, q, &n), ERR_OK);
	assert_int_equal(n, 1);
	assert_string_equal(q[0].name, "n007.example");
	assert_string_equal(q[0].table, "domain");
	store_abort(txn);
}

/* due_at is 0, so no list knows the CA; and the next certificate gets a generation above. */
static void
one_with_an_order_in_work(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name = tmpstore_name("n011.example");
	struct told told;
	struct domain d;
	uint64_t next;

	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	d.due_at = 0;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	flip(t, "domain", name.name);
	mend(t, &told);
	assert_string_equal(told.ca_of_lists, "");
	assert_anew(t, &told, name.name, true);
	d = get(t, name.name);
	assert_string_equal(d.ca, "first");
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(cert_next_generation(txn, &d, &next), ERR_OK);
	assert_true(next > 5);
	store_abort(txn);
}

/* No queue has it, and it must not get into one. */
static void
an_external_one_stays_so(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name = tmpstore_name("n011.example");
	struct told told;
	struct domain d;

	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	domain_make_external(&d);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	flip(t, "domain", name.name);
	mend(t, &told);
	d = get(t, name.name);
	assert_int_equal(d.state, DOMAIN_EXTERNAL);
	assert_int_equal(d.due_at, 0);
	assert_string_equal(d.ca, "");
	assert_string_equal(d.backend, "default");
	assert_int_equal(d.generation, 5);
	assert_int_equal(d.problem.kind, PROBLEM_STORE_CORRUPT);
	assert_non_null(strstr(event_of(&told, name.name)->detail, "external"));
}

static void
its_certificate_is_damaged_too(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn;
	struct told told;
	uint64_t count;

	flip(t, "domain", "n000.example");
	flip(t, "cert", "n000.example");
	mend(t, &told);
	assert_anew(t, &told, "n000.example", false);
	assert_all_others_are_as_before(t, 0);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(quarantine_count(txn, &count), ERR_OK);
	assert_int_equal(count, 2);
	store_abort(txn);
}

/* It opens, and was brought back from before: the log of changes knows a newer one. */
static void
its_certificate_is_an_old_one(void **state)
{
	const char *name = "n020.example";
	struct tmpstore *t = *state;
	unsigned char old[RAWDB_MAX];
	struct store_txn *txn;
	struct rawdb raw;
	struct told told;
	size_t len;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "cert");
	len = rawdb_get(&raw, name, strlen(name), old);
	rawdb_close(&raw);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	put(txn, 20, 6);
	tmpstore_commit(txn);
	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "cert");
	rawdb_put(&raw, name, strlen(name), old, len);
	rawdb_close(&raw);
	tmpstore_open(t);
	flip(t, "domain", name);
	mend(t, &told);
	assert_anew(t, &told, name, false);
}

/* A flipped key: in order or not, a name or none; the name that was there comes back, and those
 * beside it, which no search finds meanwhile, are not touched. */
static void
a_flipped_key_of_a_domain(void **state)
{
	static const char *const to[] = {"n030.examplf",  "n030.exampl;", "z030.example",
	                                 "n030\0example", "A030.example", "n031.example"};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct tmpstore *t;
		struct store_txn *txn;
		struct told told;
		uint64_t count;

		if (i) {
			teardown(state);
			setup(state);
		}
		t = *state;
		overwrite_key(t, "domain", "n030.example", to[i], 12);
		mend(t, &told);
		assert_int_equal(told.names, 1);
		assert_anew(t, &told, "n030.example", true);
		assert_non_null(strstr(told.events[0].detail, "under the damaged key"));
		assert_all_others_are_as_before(t, 30);
		txn = tmpstore_read(t, STORE_SERVED);
		assert_int_equal(domain_count_all(txn, &count), ERR_OK);
		assert_int_equal(count, NAMES);
		store_abort(txn);
	}
}

/* Wherever it is: a search may meet it by chance, and go the wrong way from there for others. */
static void
a_flipped_key_in_each_place(void **state)
{
	for (int i = 0; i < NAMES; i++) {
		char from[32], to[32];
		struct told told;

		if (i) {
			teardown(state);
			setup(state);
		}
		number(i, from);
		number(i, to);
		to[1] ^= 0x40; /* "np30.example" is behind all others */
		overwrite_key(*state, "domain", from, to, strlen(from));
		mend(*state, &told);
		assert_int_equal(told.names, 1);
		assert_anew(*state, &told, from, true);
		assert_all_others_are_as_before(*state, i);
	}
}

/* Of a certificate: the record is put aside, and what it was of has none, which a check tells. */
static void
a_flipped_key_of_a_certificate(void **state)
{
	static const char *const to[] = {"n030.examplf", "n030\0example", "z030.example",
	                                 "n031.example"};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct tmpstore *t;
		struct hostname name = tmpstore_name("n030.example");
		struct store_txn *txn;
		struct told told = {.names = 0};
		struct event e;

		if (i) {
			teardown(state);
			setup(state);
		}
		t = *state;
		overwrite_key(t, "cert", "n030.example", to[i], 12);
		assert_true(findings(t) > 0);
		mend_once(t, &told);
		mend_once(t, &told);
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(domain_check(txn, &name), ERR_CORRUPT);
		assert_int_equal(domain_quarantine(txn, &name, "gone", NOW, &e), ERR_OK);
		tmpstore_commit(txn);
		assert_string_equal(e.name, "n030.example");
		if (strcmp(to[i], "n031.example") == 0) { /* two under one key */
			txn = tmpstore_write(t, STORE_SERVED);
			name = tmpstore_name(to[i]);
			if (domain_check(txn, &name))
				assert_int_equal(domain_quarantine(txn, &name, "x", NOW, &e),
				                 ERR_OK);
			tmpstore_commit(txn);
		}
		assert_int_equal(findings(t), 0);
	}
}

static void
wrong_lists_and_counters_are_made_right(void **state)
{
	/* of n001: due at 1001, ca le; not_after 2000 */
	static const char due[] = "le\0\0\0\0\0\0\0\x03\xe9n001.example";
	static const char expiry[] = "\x80\0\0\0\0\0\x07\xd0n001.example";
	static const struct {
		const char *table, *from, *to; /* NULL: put, or removed */
		size_t len;
		const char *value;
		size_t value_len;
	} cases[] = {
		{"due", due, NULL, sizeof(due) - 1, "", 0},
		{"due", due, "le\0\0\0\0\0\0\0\x03\xe9n001.exampld", sizeof(due) - 1, "", 0},
		{"due", due, "me\0\0\0\0\0\0\0\x03\xe9n001.example", sizeof(due) - 1, "", 0},
		{"due", due, "le\0\0\0\0\0\0\0\x03\xc9n001.example", sizeof(due) - 1, "", 0},
		{"due", due, "le\0\x80\0\0\0\0\0\x03\xe9n001.example", sizeof(due) - 1, "", 0},
		{"due", NULL, "le\0\0\0\0\0\0\0\0\1zz.example", 21, "", 0},
		{"due", NULL, "short", 5, "", 0},
		{"expiry", expiry, NULL, sizeof(expiry) - 1, "", 0},
		{"expiry", expiry, "\x80\0\0\0\0\0\x07\xd0N001.example", sizeof(expiry) - 1, "", 0},
		{"expiry", NULL, "\x80\0\0\0\0\0\x07\xd0", 8, "", 0},
		{"state", NULL, "failing\0n001.example", 20, "", 0},
		{"label", NULL, "a=b\0n001.example", 16, "", 0},
		{"count", NULL, "ca\0le", 5, "\x13\0\0\0\0\0\0\0", 8},
		{"count", NULL, "ca\0le", 5, "\x14", 1},
		{"count", "ca\0le", NULL, 5, "", 0},
		{"count", "ca\0le", "ca\0lf", 5, "", 0},
		{"count", "ca\0le", "za\0le", 5, "", 0},
		{"count", NULL, "ca\0other", 8, "\1\0\0\0\0\0\0\0", 8},
		{"count", NULL, "ca\0other", 8, "\1", 1},
		{"count", NULL, "ca\0other", 8, "\0\0\0\0\0\0\0\0", 8},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpstore *t = *state;
		struct rawdb raw;
		struct told told;

		tmpstore_close(t);
		raw = rawdb_open(t->dir, "served", cases[i].table);
		if (cases[i].from && cases[i].to)
			rawdb_overwrite_key(&raw, cases[i].from, cases[i].to, cases[i].len);
		else if (cases[i].to)
			rawdb_put(&raw, cases[i].to, cases[i].len, cases[i].value,
			          cases[i].value_len);
		else
			rawdb_del(&raw, cases[i].from, cases[i].len);
		rawdb_close(&raw);
		tmpstore_open(t);
		mend(t, &told);
		assert_int_equal(told.names, 0);
		assert_int_equal(told.count, 1);
		assert_string_equal(told.events[0].type, "store.repaired");
		assert_all_others_are_as_before(t, -1);
	}
}

static void
set_label(struct tmpstore *t, int i, const char *text)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name;
	struct label label;
	struct domain d;
	char host[32];

	number(i, host);
	name = tmpstore_name(host);
	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	assert_int_equal(label_parse(text, &label, NULL), ERR_OK);
	assert_int_equal(label_set(&d, &label), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static uint64_t
label_count(struct tmpstore *t, const char *text)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	uint64_t count;

	assert_int_equal(domain_count_label(txn, text, &count), ERR_OK);
	store_abort(txn);
	return count;
}

/* Their list may be wrong at the same time, which must not make them wrong. */
static void
counters_of_labels_are_made_right(void **state)
{
	static const struct {
		const char *table, *from, *to; /* NULL: put, or removed */
		size_t len;
		const char *value;
		size_t value_len;
	} cases[] = {
		{"count", NULL, "label\0a=b", 9, "\2\0\0\0\0\0\0\0", 8},
		{"count", NULL, "label\0a=b", 9, "\2", 1},
		{"count", "label\0a=b", NULL, 9, "", 0},
		{"count", "label\0a=b", "label\0a=c", 9, "", 0},
		{"count", NULL, "label\0zz=1", 10, "\1\0\0\0\0\0\0\0", 8},
		{"count", NULL, "label\0", 6, "\7\0\0\0\0\0\0\0", 8},
		{"label", "a=b\0n002.example", NULL, 16, "", 0},
		{"label", "c=d\0n003.example", NULL, 16, "", 0},
		{"label", "a=b\0n002.example", "a=b\0n009.example", 16, "", 0},
		{"label", "a=b\0n002.example", "a=c\0n002.example", 16, "", 0},
		{"label", NULL, "a=b\0n005.example", 16, "", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpstore *t;
		struct rawdb raw;
		struct told told;

		if (i) {
			teardown(state);
			setup(state);
		}
		t = *state;
		for (int n = 1; n < 4; n++)
			set_label(t, n, "a=b");
		set_label(t, 3, "c=d");
		tmpstore_close(t);
		raw = rawdb_open(t->dir, "served", cases[i].table);
		if (cases[i].from && cases[i].to)
			rawdb_overwrite_key(&raw, cases[i].from, cases[i].to, cases[i].len);
		else if (cases[i].to)
			rawdb_put(&raw, cases[i].to, cases[i].len, cases[i].value,
			          cases[i].value_len);
		else
			rawdb_del(&raw, cases[i].from, cases[i].len);
		rawdb_close(&raw);
		tmpstore_open(t);
		mend(t, &told);
		assert_int_equal(told.names, 0);
		assert_int_equal(label_count(t, "a=b"), 3);
		assert_int_equal(label_count(t, "c=d"), 1);
	}
}

/* Its labels are lost, and not counted any more. */
static void
labels_of_a_damaged_domain_are_not_counted(void **state)
{
	struct tmpstore *t = *state;
	struct told told;

	set_label(t, 1, "a=b");
	set_label(t, 2, "a=b");
	flip(t, "domain", "n001.example");
	mend(t, &told);
	assert_int_equal(told.names, 1);
	assert_int_equal(label_count(t, "a=b"), 1);
}

/* Counters move on between the scan and the repair, and names are added and removed. */
static void
what_is_committed_in_between_counts(void **state)
{
	struct tmpstore *t = *state;
	struct told told = {.t = t};
	struct mend_policy policy = {
		.now = NOW, .choose = choose, .told = on_told, .stuck = on_told, .arg = &told};
	struct domain d = tmpstore_domain("new.example", 3);
	struct hostname gone = tmpstore_name("n002.example");
	struct store_txn *txn;
	struct mend *m;
	uint64_t names, done;

	flip(t, "domain", "n001.example");
	flip(t, "domain", "n003.example");
	assert_int_equal(mend_scan(t->store, NULL, NULL, &m), ERR_OK);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(domain_del(txn, &gone), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(mend_apply(t->store, m, &policy, &names, &done), ERR_OK);
	assert_int_equal(names, 2);
	mend_free(m);
	assert_int_equal(findings(t), 0);
	assert_anew(t, &told, "n001.example", true);
	assert_anew(t, &told, "n003.example", true);
}

static void
on_stuck(void *arg, const struct event *e)
{
	(void)arg;
	assert_string_equal(e->type, "store.corrupt");
	check_expected_ptr(e->name);
}

/* It is told as such, each time, and counts as no repair. */
static void
what_is_on_a_damaged_page_is_stuck(void **state)
{
	struct tmpstore *t = *state;
	struct told told = {.t = t};
	const struct mend_policy policy = {
		.now = NOW, .choose = choose, .told = on_told, .stuck = on_stuck, .arg = &told};
	uint64_t names, done;

	tmpstore_break_pages(t, "n007.example");
	for (int i = 0; i < 2; i++) {
		struct mend *m;

		assert_int_equal(mend_scan(t->store, NULL, NULL, &m), ERR_OK);
		expect_string(on_stuck, e->name, "n007.example");
		assert_int_equal(mend_apply(t->store, m, &policy, &names, &done), ERR_OK);
		assert_int_equal(names, 0);
		/* Counters without it are right, once. */
		assert_int_equal(done > 0, i == 0);
		assert_int_equal(told.count, 1);
		assert_string_equal(told.events[0].type, "store.repaired");
		mend_free(m);
	}
}

/* A certificate of the pool for COUNT names from FIRST on; its generation. */
static uint64_t
put_pooled(struct tmpstore *t, int first, int count, enum cert_key_kind kind, bool second)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct cert cert = tmpstore_cert(9, 500);
	struct hostname names[NAMES];
	struct buf chain = {0};
	struct domain d = {0};
	uint64_t generation;
	char text[32];

	cert.key_kind = kind;
	if (kind == CERT_KEY_PKCS8) {
		secret_done(&cert.key);
		assert_int_equal(secret_alloc(&cert.key, 600), ERR_OK);
	}
	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	for (int i = 0; i < count; i++) {
		number(first + i, text);
		names[i] = tmpstore_name(text);
	}
	assert_int_equal(cert_pool_put(txn, names, (size_t)count, &cert, &chain), ERR_OK);
	for (int i = 0; i < count; i++) {
		assert_int_equal(domain_get(txn, &names[i], &d), ERR_OK);
		if (second)
			d.second = (struct domain_second){cert.generation, 1000, 2000};
		else
			domain_take_cert(&d, &cert, true);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	generation = cert.generation;
	tmpstore_commit(txn);
	cert_done(&cert);
	return generation;
}

static uint64_t
put_aside_count(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	uint64_t count;

	assert_int_equal(quarantine_count(txn, &count), ERR_OK);
	store_abort(txn);
	return count;
}

/* All names of one, the first of two, a second one, and both of the same name. */
static void
what_the_pool_has_comes_back(void **state)
{
	struct tmpstore *t = *state;
	uint64_t old = put_pooled(t, 40, 3, CERT_KEY_P256, false);
	uint64_t shared = put_pooled(t, 40, 2, CERT_KEY_P256, false);
	uint64_t beside = put_pooled(t, 41, 1, CERT_KEY_PKCS8, true);
	uint64_t second = put_pooled(t, 43, 1, CERT_KEY_PKCS8, true);
	const struct {
		const char *name;
		uint64_t first, second;
	} cases[] = {
		{"n040.example", shared, 0},
		{"n041.example", shared, beside},
		{"n042.example", old, 0},
		{"n043.example", 5, second},
	};
	struct told told;

	for (size_t i = 0; i < 4; i++)
		flip(t, "domain", cases[i].name);
	mend(t, &told);
	assert_int_equal(told.names, 4);
	for (size_t i = 0; i < 4; i++) {
		struct domain d = get(t, cases[i].name);

		assert_int_equal(d.state, DOMAIN_FAILING);
		assert_int_equal(d.generation, cases[i].first);
		assert_int_equal(d.pooled, i < 3);
		assert_int_equal(d.second.generation, cases[i].second);
		assert_int_equal(d.not_after, 2000);
		assert_non_null(strstr(event_of(&told, cases[i].name)->detail, "is kept"));
	}
	assert_int_equal(put_aside_count(t), 4); /* the domains' own */
}

/* Without its own first one, the second one serves. */
static void
a_second_one_of_the_pool_is_better_than_none(void **state)
{
	struct tmpstore *t = *state;
	uint64_t second = put_pooled(t, 43, 1, CERT_KEY_PKCS8, true);
	struct told told;
	struct domain d;

	flip(t, "domain", "n043.example");
	flip(t, "cert", "n043.example");
	mend(t, &told);
	d = get(t, "n043.example");
	assert_int_equal(d.generation, second);
	assert_true(d.pooled);
	assert_int_equal(d.second.generation, 0);
}

/* As a kill between the names and the pool leaves it. */
static void
what_nobody_has_is_put_aside_by_a_later_one(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct cert cert = tmpstore_cert(9, 500);
	struct domain d = tmpstore_domain("n001.example", 1);
	struct buf chain = {0};
	struct quarantine q;
	struct told told;
	size_t n;

	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
	mend(t, &told);
	assert_int_equal(told.names, 0);
	assert_int_equal(told.count, 1);
	assert_string_equal(told.events[0].type, "store.repaired");
	assert_all_others_are_as_before(t, -1);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(quarantine_page(txn, 0, 1, &q, &n), ERR_OK);
	assert_int_equal(n, 1);
	assert_string_equal(q.table, "pool");
	store_abort(txn);
}

/* The record is put aside, also where its key is in order; neighbours that it hid are found again,
 * and what it was of has none, which a check tells. */
static void
a_flipped_key_of_the_pool(void **state)
{
	static const struct {
		size_t at;
		unsigned char bits;
	} flips[] = {{7, 1}, {0, 0x80}, {7, 2}, {3, 1}, {6, 4}};

	for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		struct hostname name = tmpstore_name("n041.example");
		struct told told = {.names = 0};
		struct store_txn *txn;
		struct tmpstore *t;
		uint64_t left, key;
		char to[8];
		struct event e;

		if (i) {
			teardown(state);
			setup(state);
		}
		t = *state;
		left = put_pooled(t, 40, 1, CERT_KEY_P256, false);
		key = htobe64(put_pooled(t, 41, 1, CERT_KEY_P256, false));
		(void)put_pooled(t, 42, 1, CERT_KEY_P256, false);
		memcpy(to, &key, sizeof(to));
		to[flips[i].at] = (char)(to[flips[i].at] ^ flips[i].bits);
		overwrite_key(t, "pool", (const char *)&key, to, sizeof(to));
		assert_true(findings(t) > 0);
		mend_once(t, &told);
		mend_once(t, &told);
		assert_int_equal(put_aside_count(t), 1);
		assert_non_null(strstr(event_of(&told, "")->detail, "the pool record under"));
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(domain_check(txn, &name), ERR_CORRUPT);
		assert_int_equal(domain_quarantine(txn, &name, "gone", NOW, &e), ERR_OK);
		tmpstore_commit(txn);
		assert_string_equal(e.name, "n041.example");
		assert_int_equal(get(t, "n040.example").generation, left);
		assert_true(get(t, "n042.example").pooled);
		assert_int_equal(findings(t), 0);
	}
}

/* A damaged one that a name has is that name's: see domain_quarantine(). */
static void
a_damaged_one_of_the_pool_stays_with_its_name(void **state)
{
	struct tmpstore *t = *state;
	uint64_t key = htobe64(put_pooled(t, 41, 1, CERT_KEY_P256, false));
	unsigned char data[RAWDB_MAX];
	struct told told = {.names = 0};
	struct rawdb raw;
	size_t len;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "pool");
	len = rawdb_get(&raw, &key, sizeof(key), data);
	data[len / 2] ^= 4;
	rawdb_put(&raw, &key, sizeof(key), data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
	mend_once(t, &told);
	assert_int_equal(told.count, 0);
	assert_int_equal(put_aside_count(t), 0);
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

static void
a_scan_can_be_stopped(void **state)
{
	struct tmpstore *t = *state;
	struct mend *m = NULL;

	assert_int_equal(mend_scan(t->store, never, NULL, &m), ERR_AGAIN);
	assert_null(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_damaged_domain_is_made_anew),
		TEST(one_with_an_order_in_work),
		TEST(an_external_one_stays_so),
		TEST(its_certificate_is_damaged_too),
		TEST(its_certificate_is_an_old_one),
		TEST(a_flipped_key_of_a_domain),
		TEST(a_flipped_key_in_each_place),
		TEST(a_flipped_key_of_a_certificate),
		TEST(wrong_lists_and_counters_are_made_right),
		TEST(counters_of_labels_are_made_right),
		TEST(labels_of_a_damaged_domain_are_not_counted),
		TEST(what_is_committed_in_between_counts),
		TEST(what_is_on_a_damaged_page_is_stuck),
		TEST(a_scan_can_be_stopped),
		TEST(what_the_pool_has_comes_back),
		TEST(a_second_one_of_the_pool_is_better_than_none),
		TEST(what_nobody_has_is_put_aside_by_a_later_one),
		TEST(a_flipped_key_of_the_pool),
		TEST(a_damaged_one_of_the_pool_stays_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
