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
#include "daemon/watch/upkeep.h"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_workers_in_one_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flood_is_one_row, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
