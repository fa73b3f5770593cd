/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/prove.h"
#include "store/presented.h"
#include "tests/support/tmpstore.h"

enum { OF_DEAD = 600, OF_LIVE = 3, PATIENCE_S = 60 };

static void
post(void *arg)
{
	sem_post(arg);
}

static void
write_file(const char *path, mode_t mode, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A program that never ends, and one that does what it should. */
static const struct conf *
make_conf(const char *dir)
{
	char dead[96], live[96], path[96], text[512], error[CONF_ERROR_MAX + 1];
	const struct conf *conf;

	snprintf(dead, sizeof(dead), "%s/dead", dir);
	snprintf(live, sizeof(live), "%s/live", dir);
	snprintf(path, sizeof(path), "%s/conf", dir);
	write_file(dead, 0700, "#!/bin/sh\nexec sleep 1000\n");
	write_file(live, 0700, "#!/bin/sh\ncat >/dev/null\n");
	snprintf(text, sizeof(text),
	         "listen 127.0.0.1:443 { tls; }\nca le { directory https://127.0.0.1:1/dir; }\n"
	         "dns dead { hook %s; timeout 10m; }\ndns live { hook %s; }\n",
	         dead, live);
	write_file(path, 0600, text);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	return conf;
}

static void
put(struct tmpstore *t, const char *dns, char first, unsigned count)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	for (unsigned i = 0; i < count; i++) {
		struct presented r = {.kind = CHALLENGE_DNS_01, .created_at = clock_wall()};
		char name[64];

		snprintf(name, sizeof(name), "%c%u.test", first, i);
		r.name = r.identifier = tmpstore_name(name);
		snprintf(r.dns, sizeof(r.dns), "%s", dns);
		snprintf(r.record, sizeof(r.record), "_acme-challenge.%.40s", name);
		snprintf(r.value, sizeof(r.value), "value-%u", i);
		assert_int_equal(presented_put(txn, &r), ERR_OK);
	}
	tmpstore_commit(txn);
}

static size_t
count_of(struct tmpstore *t, const char *dns)
{
	static struct presented list[OF_DEAD + 2 * OF_LIVE];
	struct store_txn *txn = tmpstore_read(t, STORE_PRIVATE);
	size_t count, found = 0;

	assert_int_equal(presented_page(txn, NULL, OF_DEAD + 2 * OF_LIVE, list, &count), ERR_OK);
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		found += strcmp(list[i].dns, dns) == 0;
	return found;
}

/* False when nothing more was said in time. */
static bool
wait_for(sem_t *woken, time_t until)
{
	struct timespec at = {.tv_sec = until};
	int rc;

	do
		rc = sem_timedwait(woken, &at);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}

/* Both in the list of what is to be removed, and on the threads that remove it. */
static void
a_dead_block_does_not_hold_up_another(void **state)
{
	struct prover_config config = {.wake = post};
	struct tmpstore t;
	struct prover *prover;
	const struct conf *conf;
	time_t until = time(NULL) + PATIENCE_S;
	sem_t woken;

	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	assert_int_equal(sem_init(&woken, 0, 0), 0);
	tmpstore_init(&t);
	tmpstore_open(&t);
	conf = make_conf(t.parent);
	put(&t, "live", '0', OF_LIVE); /* whichever way the names are gone through */
	put(&t, "dead", 'a', OF_DEAD);
	put(&t, "live", 'z', OF_LIVE);
	config.store = t.store;
	config.arg = &woken;
	assert_int_equal(notice_new(post, &woken, &config.notices), ERR_OK);
	assert_int_equal(prover_new(&config, &prover), ERR_OK);
	do
		prover_run(prover, conf, NULL);
	while (count_of(&t, "live") && wait_for(&woken, until));
	assert_int_equal(count_of(&t, "live"), 0);
	assert_int_equal(count_of(&t, "dead"), OF_DEAD);
	assert_true(prover_next(prover) > clock_mono_ms()); /* and nobody spins */
	prover_free(prover);
	notice_free(config.notices);
	conf_unref(conf);
	tmpstore_done(&t);
	sem_destroy(&woken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_block_does_not_hold_up_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
