/* SPDX-License-Identifier: Apache-2.0 */
/* How often all names are read for those that do not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/upkeep_inside.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 8, USUAL_MS = 5000, HOUR_MS = 3600 * 1000 };

struct fixture {
	struct tmpstore store;
	struct status *status;
	struct upkeep *u;
};

static const struct conf *
load_conf(const struct tmpstore *t)
{
	char path[128], error[CONF_ERROR_MAX + 1];
	const struct conf *conf;
	FILE *out;

	snprintf(path, sizeof(path), "%s/certd.conf", t->parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs("listen 127.0.0.1:1 { tls; }\n", out);
	fclose(out);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	return conf;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_txn *txn;

	tmpstore_init(&f->store);
	tmpstore_open(&f->store);
	txn = tmpstore_write(&f->store, STORE_SERVED);
	for (int i = 0; i < NAMES; i++) {
		struct domain d;
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		d = tmpstore_domain(name, 1000);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	assert_int_equal(status_new(&f->status), ERR_OK);
	f->u = calloc(1, sizeof(*f->u));
	pthread_mutex_init(&f->u->mail.mutex, NULL);
	f->u->config.status = f->status;
	f->u->conf = load_conf(&f->store);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	conf_unref(f->u->conf);
	pthread_mutex_destroy(&f->u->mail.mutex);
	free(f->u);
	status_free(f->status);
	tmpstore_done(&f->store);
	free(f);
	return 0;
}

/* One scan; answers how long the next one waits. */
static int64_t
scan(struct fixture *f)
{
	f->u->config.store = f->store.store;
	f->u->mend_at = 0;
	f->u->mend_wanted = true;
	upkeep_mend(f->u);
	assert_false(f->u->mend_wanted);
	assert_true(f->u->mend_at > clock_mono_ms() + f->u->mend_wait_ms - USUAL_MS);
	return f->u->mend_wait_ms;
}

static void
flip(struct tmpstore *t, const char *name)
{
	unsigned char data[RAWDB_MAX];
	struct rawdb raw;
	size_t len;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "domain");
	len = rawdb_get(&raw, name, strlen(name), data);
	data[len / 2] ^= 4;
	rawdb_put(&raw, name, strlen(name), data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
}

static void
what_cannot_be_repaired_is_scanned_for_ever_more_seldom(void **state)
{
	struct fixture *f = *state;
	int64_t wait = 0;

	tmpstore_break_pages(&f->store, "n3.example");
	for (int i = 0; i < 12; i++) {
		int64_t next = scan(f);

		assert_int_equal(next, i == 0 ? USUAL_MS : wait * 2 < HOUR_MS ? wait * 2 : HOUR_MS);
		wait = next;
	}
	assert_int_equal(wait, HOUR_MS);
	assert_int_equal(f->u->suspect_count, 0);
	/* Its event, and that of the counters without it. An hour may begin in between. */
	assert_in_range(f->u->event_count, 2, 3);
}

static void
a_repair_brings_the_usual_pace_back(void **state)
{
	struct fixture *f = *state;

	f->u->mend_wait_ms = HOUR_MS;
	flip(&f->store, "n5.example");
	assert_int_equal(scan(f), USUAL_MS);
	assert_int_equal(f->u->suspect_count, 1); /* its certificate is looked at */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_repaired_is_scanned_for_ever_more_seldom),
		TEST(a_repair_brings_the_usual_pace_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
