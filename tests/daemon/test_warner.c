/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over time, held against plain arithmetic: each point of each certificate once, whatever
 * the steps in which time passes, and over restarts in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/notice.h"
#include "daemon/watch/warner_inside.h"
#include "store/cert.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { DAY = 86400, NAMES = 300, BEGIN = 1000000000, DAYS = 120 };

/* Usual lives; what a point is of each, is written out in points_of(). */
static const int lives[] = {6, 10, 47, 90, 397};
enum { LIVES = sizeof(lives) / sizeof(lives[0]) };

struct expected {
	char name[32];
	int64_t not_after;
	int life; /* days */
	unsigned told[6];
};
static struct expected certs[NAMES];

/* In the order of `words`: 1/6, 14d, 1d, late, expired. -1: it has none. */
static const char *const words[] = {"1/6 of its life is left", "14d is left", "1d is left",
                                    "it ends ", "it ended "};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static int64_t
point_of(const struct expected *c, int which)
{
	int64_t life = c->life * (int64_t)DAY;

	switch (which) {
	case 0:
		return life / 6;
	case 1:
		return life / 4 >= 14 * DAY ? 14 * DAY : -1;
	case 2: /* of six days it is the same as 1/6, which stands before it */
		return life / 4 >= DAY && life / 6 != DAY ? DAY : -1;
	case 3:
		return life / 4;
	default:
		return 0;
	}
}

static const struct conf *
load(const struct tmpstore *t)
{
	char path[sizeof(t->parent) + 16], error[CONF_ERROR_MAX + 1];
	const struct conf *conf = NULL;
	FILE *out;

	snprintf(path, sizeof(path), "%s/conf", t->parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "listen 127.0.0.1:443 { tls; }\nexpiry-events 1/6 14d 1d;\n");
	assert_int_equal(fclose(out), 0);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	unlink(path);
	return conf;
}

static void
fill(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	srand(7);
	for (int i = 0; i < NAMES; i++) {
		struct expected *c = &certs[i];
		struct domain d;

		snprintf(c->name, sizeof(c->name), "n%03d.example", i);
		c->life = lives[i % LIVES];
		c->not_after = BEGIN + (int64_t)rand() % (DAYS * (int64_t)DAY);
		d = tmpstore_domain(c->name, BEGIN);
		d.state = DOMAIN_VALID;
		d.generation = (uint64_t)i + 1;
		d.not_before = c->not_after - c->life * (int64_t)DAY;
		/* as CAs do it */
		d.not_after = i % 2 ? c->not_after : c->not_after - 1;
		c->not_after = d.not_after;
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
}

static void
no_wake(void *arg)
{
	(void)arg;
}

static struct warner *
make(struct tmpstore *t, const struct conf *conf, struct notice_queue *notices)
{
	struct warner *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->store = t->store;
	w->notices = notices;
	w->conf = conf;
	warner_make_ranges(w);
	warner_load_place(w, BEGIN);
	return w;
}

static void
note(const struct event *e)
{
	struct expected *c = &certs[atoi(e->name + 1)];

	for (int i = 0; i < WORDS; i++)
		if (strncmp(e->detail, words[i], strlen(words[i])) == 0) {
			c->told[i] += e->count;
			return;
		}
	fail_msg("%s: %s", e->type, e->detail);
}

static void
read_events(struct tmpstore *t)
{
	static struct event page[100];
	struct store_txn *txn = tmpstore_read(t, STORE_PRIVATE);
	uint64_t after = 0;
	size_t count;

	do {
		assert_int_equal(event_page(txn, after, 100, page, &count), ERR_OK);
		for (size_t i = 0; i < count; i++) {
			note(&page[i]);
			after = page[i].id;
		}
	} while (count);
	store_abort(txn);
}

/* Time passes in steps of at most MOST_S; RESTART: each step is another process. */
static void
pass(struct tmpstore *t, int64_t most_s, bool restart)
{
	const struct conf *conf = load(t);
	struct notice_queue *notices;
	struct warner *w;
	int64_t end = BEGIN + (DAYS + 1) * (int64_t)DAY;

	assert_int_equal(notice_new(no_wake, NULL, &notices), ERR_OK);
	w = make(t, conf, notices);
	for (int64_t now = BEGIN; now < end; now += 1 + rand() % most_s) {
		if (restart) {
			assert_int_equal(warner_store(w), ERR_OK);
			free(w);
			w = make(t, conf, notices);
		}
		while (warner_walk(w, now))
			;
	}
	while (warner_walk(w, end))
		;
	free(w);
	notice_free(notices);
	conf_unref(conf);
	read_events(t);
}

static void
each_point_is_told_once(void **state)
{
	struct tmpstore t;

	(void)state;
	memset(certs, 0, sizeof(certs));
	tmpstore_init(&t);
	tmpstore_open(&t);
	fill(&t);
	pass(&t, 6 * 3600, true);
	for (int i = 0; i < NAMES; i++)
		for (int k = 0; k < WORDS; k++) {
			int64_t point = point_of(&certs[i], k);
			/* what was passed before the beginning is not told */
			unsigned want = point >= 0 && certs[i].not_after - point > BEGIN;
			int64_t edge = certs[i].not_after - point - BEGIN;

			if (certs[i].told[k] != want && (edge < -3600 || edge > 3600))
				fail_msg("%s of %d days, end %lld: \"%s\" %u times", certs[i].name,
				         certs[i].life, (long long)(certs[i].not_after - BEGIN),
				         words[k], certs[i].told[k]);
		}
	tmpstore_done(&t);
}

/* Months at once: of each certificate the last point, and those that have ended are late, too. */
static void
what_was_missed_is_told_by_its_last_point(void **state)
{
	struct tmpstore t;
	struct store_txn *txn;
	uint64_t late;

	(void)state;
	memset(certs, 0, sizeof(certs));
	tmpstore_init(&t);
	tmpstore_open(&t);
	fill(&t);
	pass(&t, 1000 * DAY, false);
	for (int i = 0; i < NAMES; i++) {
		assert_int_equal(certs[i].told[4], certs[i].not_after > BEGIN);
		for (int k = 0; k < 4; k++)
			assert_int_equal(certs[i].told[k], 0);
	}
	txn = tmpstore_read(&t, STORE_PRIVATE);
	assert_int_equal(late_count(txn, &late), ERR_OK);
	assert_true(late > NAMES - 5);
	store_abort(txn);
	tmpstore_done(&t);
}

static void
a_paused_name_is_told_as_one(void **state)
{
	struct tmpstore t;
	struct store_txn *txn;
	struct event e[4];
	struct domain d;
	size_t count;

	(void)state;
	memset(certs, 0, sizeof(certs));
	tmpstore_init(&t);
	tmpstore_open(&t);
	txn = tmpstore_write(&t, STORE_SERVED);
	d = tmpstore_domain("n000.example", BEGIN);
	d.state = DOMAIN_PAUSED;
	d.generation = 1;
	d.not_before = BEGIN - 60 * (int64_t)DAY;
	d.not_after = BEGIN + DAY / 2;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	pass(&t, 1000 * DAY, false);
	txn = tmpstore_read(&t, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 0, 4, e, &count), ERR_OK);
	store_abort(txn);
	assert_int_equal(count, 1);
	assert_non_null(strstr(e[0].detail, "it is paused"));
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_point_is_told_once),
		cmocka_unit_test(a_paused_name_is_told_as_one),
		cmocka_unit_test(what_was_missed_is_told_by_its_last_point),
	};

	return cmocka_run_group_tests_name("warner", tests, NULL, NULL);
}
