/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of the keeper ends when it is told to, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "daemon/common/mailbox.h"
#include "daemon/conf/conf.h"

enum { LONG_MS = 3600 * 1000 };

/* What the transport says: failures first. */
static atomic_int failures, runs;

enum err __real_transport_run(struct transport *t, int timeout_ms);
enum err __wrap_transport_run(struct transport *t, int timeout_ms);

enum err
__wrap_transport_run(struct transport *t, int timeout_ms)
{
	atomic_fetch_add(&runs, 1);
	if (atomic_fetch_sub(&failures, 1) > 0)
		return ERR_IO;
	return __real_transport_run(t, timeout_ms);
}

struct thread {
	struct mailbox mail;
	pthread_t thread;
	atomic_int turns, confs;
};

static void *
run_main(void *arg)
{
	struct thread *t = arg;
	const struct conf *conf;

	while (mailbox_read(&t->mail, &conf)) {
		atomic_fetch_add(&t->confs, conf != NULL);
		conf_unref(conf);
		atomic_fetch_add(&t->turns, 1);
		mailbox_run(&t->mail, LONG_MS);
	}
	return NULL;
}

static void *
wait_main(void *arg)
{
	struct thread *t = arg;
	const struct conf *conf;

	while (mailbox_wait(&t->mail, LONG_MS, &conf)) {
		atomic_fetch_add(&t->confs, conf != NULL);
		conf_unref(conf);
		atomic_fetch_add(&t->turns, 1);
	}
	return NULL;
}

static void
begin(struct thread *t, void *(*main_of)(void *), struct transport *transport)
{
	*t = (struct thread){0};
	mailbox_init(&t->mail, "test");
	t->mail.transport = transport;
	assert_int_equal(pthread_create(&t->thread, NULL, main_of, t), 0);
}

static void
end(struct thread *t)
{
	mailbox_stop(&t->mail, t->thread);
	mailbox_done(&t->mail);
}

static void
reach(atomic_int *value, int wanted)
{
	int64_t until = clock_mono_ms() + 20000;

	while (atomic_load(value) < wanted) {
		assert_true(clock_mono_ms() < until);
		usleep(1000);
	}
}

static const struct conf *
load(void)
{
	char path[] = "/tmp/certd-mailbox-XXXXXX", error[CONF_ERROR_MAX + 1];
	static const char text[] = "listen 127.0.0.1:443 { tls; }\n";
	const struct conf *conf = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	unlink(path);
	return conf;
}

static void
goes_on_when_its_transport_fails(void **state)
{
	struct transport *transport;
	struct thread t;

	(void)state;
	assert_int_equal(transport_new("test", &transport), ERR_OK);
	atomic_store(&failures, 2);
	begin(&t, run_main, transport);
	reach(&t.turns, 3); /* two that failed, each with a pause behind it */
	assert_true(atomic_load(&runs) >= 2);
	mailbox_wake(&t.mail);
	reach(&t.turns, 4);
	end(&t);
	transport_free(transport);
}

/* One that always fails makes no busy thread, takes its mail, and ends. */
static void
ends_though_its_transport_fails(void **state)
{
	const struct conf *conf = load();
	struct transport *transport;
	struct thread t;
	int64_t began;

	(void)state;
	assert_int_equal(transport_new("test", &transport), ERR_OK);
	atomic_store(&failures, INT32_MAX);
	atomic_store(&runs, 0);
	began = clock_mono_ms();
	begin(&t, run_main, transport);
	reach(&t.turns, 1);
	mailbox_set_conf(&t.mail, conf);
	for (int i = 0; i < 1000; i++)
		mailbox_wake(&t.mail);
	reach(&t.confs, 1);
	assert_true(atomic_load(&runs) <= 2 + (clock_mono_ms() - began) / 1000);
	end(&t);
	atomic_store(&failures, 0);
	transport_free(transport);
	conf_unref(conf);
}

static void
hears_what_is_said(void **state)
{
	const struct conf *conf = load();
	struct thread t;

	(void)state;
	begin(&t, wait_main, NULL);
	mailbox_wake(&t.mail);
	reach(&t.turns, 1);
	mailbox_set_conf(&t.mail, conf);
	reach(&t.confs, 1);
	end(&t);
	conf_unref(conf);
}

/* A configuration that nobody has fetched is let go of. */
static void
the_last_one_counts(void **state)
{
	const struct conf *a = load(), *b = load(), *got = NULL;
	struct mailbox mail;

	(void)state;
	mailbox_init(&mail, "test");
	mailbox_set_conf(&mail, a);
	mailbox_set_conf(&mail, b);
	assert_true(mailbox_read(&mail, NULL)); /* leaves it there */
	assert_true(mailbox_read(&mail, &got));
	assert_ptr_equal(got, b);
	conf_unref(got);
	assert_true(mailbox_wait(&mail, 0, &got));
	assert_null(got);
	mailbox_set_conf(&mail, a);
	mailbox_done(&mail);
	conf_unref(a);
	conf_unref(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_when_its_transport_fails),
		cmocka_unit_test(ends_though_its_transport_fails),
		cmocka_unit_test(hears_what_is_said),
		cmocka_unit_test(the_last_one_counts),
	};

	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
