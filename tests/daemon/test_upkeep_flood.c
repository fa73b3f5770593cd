/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: row A4, the keeper's one event row about names nobody serves. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/notice.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/domain.h"
#include "store/event.h"
#include "tests/support/tmpstore.h"

static struct tmpstore store;
static struct status *status;
static struct notice_queue *notices;
static struct upkeep *upkeep;
static const struct conf *conf;

static void
on_wake(void *arg)
{
	(void)arg;
}

static void
start(void)
{
	struct upkeep_config config = {.directory = store.dir,
	                               .store = store.store,
	                               .status = status,
	                               .notices = notices,
	                               .conf = conf};

	assert_int_equal(upkeep_start(&config, &upkeep), ERR_OK);
}

static void
load_conf(void)
{
	char path[128], error[CONF_ERROR_MAX + 1];
	FILE *out;

	snprintf(path, sizeof(path), "%s/certd.conf", store.parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs("listen 127.0.0.1:1 { tls; }\n", out);
	fclose(out);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
}

static int
setup(void **state)
{
	(void)state;
	tmpstore_init(&store);
	tmpstore_open(&store);
	load_conf();
	assert_int_equal(status_new(&status), ERR_OK);
	assert_int_equal(notice_new(on_wake, NULL, &notices), ERR_OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	upkeep_stop(upkeep);
	upkeep = NULL;
	conf_unref(conf);
	notice_free(notices);
	status_free(status);
	tmpstore_done(&store);
	return 0;
}

/* As worker SLOT does it. */
static void
ask(int slot, enum flood_reason reason, const char *client, const char *name)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};

	assert_int_equal(inet_pton(AF_INET, client, &sa.sin_addr), 1);
	flood_add(&status->slot[slot].flood, reason, (struct sockaddr *)&sa, name,
	          name ? strlen(name) : 0);
}

static size_t
rows(struct event *event)
{
	struct event page[8];
	struct store_txn *txn = tmpstore_read(&store, STORE_PRIVATE);
	size_t count, found = 0;

	assert_int_equal(event_page(txn, 0, 8, page, &count), ERR_OK);
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		if (strcmp(page[i].type, "mismatch.sni_unknown") == 0) {
			*event = page[i];
			found++;
		}
	return found;
}

static struct event
wait_row(uint32_t counted)
{
	struct event event = {0};

	for (int i = 0; i < 3000 && (rows(&event) == 0 || event.count < counted); i++)
		usleep(10 * 1000);
	assert_int_equal(rows(&event), 1);
	assert_int_equal(event.count, counted);
	return event;
}

static void
test_all_workers_in_one_row(void **state)
{
	struct event event;

	(void)state;
	for (int i = 0; i < 50; i++)
		ask(i % 2, FLOOD_UNKNOWN, "192.0.2.7", "x.example");
	for (int i = 0; i < 7; i++)
		ask(3, FLOOD_INVALID, "203.0.113.9", "a\x1b]0;pwn, b");
	ask(127, FLOOD_ABSENT, "198.51.100.1", NULL);
	start(); /* it begins with what it finds, so nothing of that is told */
	usleep(1500 * 1000);
	assert_int_equal(rows(&event), 0);
	for (int i = 0; i < 5; i++)
		ask(i % 2, FLOOD_UNKNOWN, "192.0.2.7", "y.example");
	upkeep_wake(upkeep);
	event = wait_row(5);
	assert_string_equal(event.detail,
	                    "5 unknown; from 192.0.2.0/24 (5 unknown); such as y.example");
}

static void
test_a_flood_is_one_row(void **state)
{
	struct event event;
	char client[32], name[32];

	(void)state;
	start();
	ask(0, FLOOD_INVALID, "203.0.113.9", "a\x1b]0;pwn, b");
	ask(0, FLOOD_ABSENT, "198.51.100.1", NULL);
	event = wait_row(2);
	assert_string_equal(event.name, "");
	assert_non_null(strstr(event.detail, "1 invalid, 1 without a name; from "));
	assert_non_null(strstr(event.detail, "; such as a\\x1b\\x5d0\\x3bpwn\\x2c\\x20b"));
	for (int i = 0; i < 30000; i++) {
		snprintf(client, sizeof(client), "10.%d.%d.1", i % 3 ? 1 : i / 250, i % 3 ? 1 : 2);
		snprintf(name, sizeof(name), "n%d.example", i);
		ask(i % 3, FLOOD_UNKNOWN, client, name);
	}
	event = wait_row(30002);
	assert_non_null(strstr(event.detail, "30000 unknown, 1 invalid, 1 without a name; from "
	                                     "10.1.1.0/24 (20000 unknown), 10."));
	assert_true(strlen(event.detail) < EVENT_DETAIL_MAX);
}

/* ---- its end -------------------------------------------------------------------------------- */

enum { BEGUN = 1700000000 };

static void
put_row(int64_t at)
{
	struct store_txn *txn = tmpstore_write(&store, STORE_PRIVATE);
	struct event e = {.at = at, .type = UPKEEP_UNKNOWN, .detail = "1 unknown"};

	assert_int_equal(event_tally(txn, &e), ERR_OK);
	tmpstore_commit(txn);
}

static void
add_name(const char *text)
{
	struct store_txn *txn = tmpstore_write(&store, STORE_SERVED);
	struct domain d = {.state = DOMAIN_PENDING, .created_at = 1, .due_at = 1};

	assert_int_equal(hostname_parse(text, &d.name, NULL), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static bool
is_open(int64_t at)
{
	struct store_txn *txn = tmpstore_read(&store, STORE_PRIVATE);
	struct event row;
	enum err err = upkeep_unknown_names(txn, at, &row);

	store_abort(txn);
	assert_true(err == ERR_OK || err == ERR_NOTFOUND);
	return err == ERR_OK;
}

static size_t
healed(void)
{
	struct event page[64];
	struct store_txn *txn = tmpstore_read(&store, STORE_PRIVATE);
	size_t count, found = 0;

	assert_int_equal(event_page(txn, 0, 64, page, &count), ERR_OK);
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		found += strcmp(page[i].type, "mismatch.healed") == 0;
	return found;
}

static const struct {
	const char *title;
	const char *names[2]; /* that were asked for, as far as known */
	int64_t heard, now;   /* seconds since the row */
	bool ends;
} ends[] = {
	{"just now", {NULL}, 0, 1, false},
	{"nearly an hour", {NULL}, 0, UPKEEP_QUIET_S - 1, false},
	{"an hour", {NULL}, 0, UPKEEP_QUIET_S, true},
	{"after a restart", {NULL}, -BEGUN, UPKEEP_QUIET_S, true},
	{"asked again, not told yet", {NULL}, 1800, UPKEEP_QUIET_S, false},
	{"over the end of its day", {NULL}, 86300, 86300 + UPKEEP_QUIET_S, true},
	{"a name that is here now", {"here.test"}, 0, UPKEEP_KNOWN_S, true},
	{"the same, asked for meanwhile", {"here.test"}, 59, UPKEEP_KNOWN_S, false},
	{"below a wildcard", {"x.wild.test"}, 0, UPKEEP_KNOWN_S, true},
	{"one of two", {"here.test", "nobody.test"}, 0, UPKEEP_KNOWN_S, false},
	{"both", {"here.test", "x.wild.test"}, 0, UPKEEP_KNOWN_S, true},
	{"no name at all", {"a\\x1b"}, 0, UPKEEP_KNOWN_S, false},
};

static void
test_it_ends(void **state)
{
	struct upkeep u = {.config = {.store = store.store, .notices = notices}};
	int64_t row_at = BEGUN;
	size_t before = 0;

	(void)state;
	add_name("here.test");
	add_name("*.wild.test");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++, row_at += 2 * 86400) {
		char names[2][FLOOD_NAME_MAX + 1] = {"", ""};
		struct flood_seen seen = {.names = (const char(*)[FLOOD_NAME_MAX + 1]) names,
		                          .heard_at = row_at + ends[i].heard};
		int64_t now = row_at + ends[i].now;

		if (ends[i].heard == -BEGUN)
			seen.heard_at = 0;
		while (seen.name_count < 2 && ends[i].names[seen.name_count]) {
			snprintf(names[seen.name_count], sizeof(names[0]), "%s",
			         ends[i].names[seen.name_count]);
			seen.name_count++;
		}
		put_row(row_at);
		if (upkeep_end_flood(&u, &seen, now) != ends[i].ends)
			fail_msg("%s", ends[i].title);
		assert_int_equal(healed() - before, ends[i].ends);
		before = healed();
		if (ends[i].now < 86400)
			assert_int_equal(is_open(now), !ends[i].ends);
		assert_false(ends[i].ends && upkeep_end_flood(&u, &seen, now + 1));
	}
}

/* The row of the day counts on, and is open again. */
static void
test_it_begins_again(void **state)
{
	struct upkeep u = {.config = {.store = store.store, .notices = notices}};
	struct flood_seen seen = {.heard_at = BEGUN};
	struct event row;

	(void)state;
	put_row(BEGUN);
	assert_true(upkeep_end_flood(&u, &seen, BEGUN + 4000));
	assert_false(is_open(BEGUN + 4000));
	put_row(BEGUN + 5000);
	assert_true(is_open(BEGUN + 5000));
	assert_int_equal(rows(&row), 1);
	assert_int_equal(row.count, 2);
	seen.heard_at = BEGUN + 5000;
	assert_true(upkeep_end_flood(&u, &seen, BEGUN + 9000));
	assert_false(is_open(BEGUN + 9000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_workers_in_one_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flood_is_one_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_begins_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
