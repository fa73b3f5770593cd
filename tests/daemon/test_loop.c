/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/common/loop.h"

static struct loop *loop;
static struct loop_watch *watch, *other;
static struct loop_timer *timer;
static int pair[2], calls, events_seen;

static int
setup(void **state)
{
	(void)state;
	calls = events_seen = 0;
	assert_int_equal(loop_new(&loop), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void
stop(void *arg)
{
	(void)arg;
	calls++;
	loop_stop(loop);
}

static void
unwatch_both(void *arg, int events)
{
	(void)arg;
	calls++;
	events_seen |= events;
	loop_unwatch(watch);
	loop_unwatch(other);
	loop_timer_start(timer, 50);
}

/* Both are ready in one turn; whoever comes first silences the other too. */
static void
test_unwatch_from_a_callback(void **state)
{
	(void)state;
	assert_int_equal(loop_watch(loop, pair[0], unwatch_both, NULL, &watch), ERR_OK);
	assert_int_equal(loop_watch(loop, pair[1], unwatch_both, NULL, &other), ERR_OK);
	assert_int_equal(loop_timer(loop, stop, NULL, &timer), ERR_OK);
	loop_want(watch, LOOP_READ | LOOP_WRITE);
	loop_want(other, LOOP_READ | LOOP_WRITE);
	loop_run(loop);
	assert_int_equal(calls, 2); /* one watch, one timer */
	assert_int_equal(events_seen, LOOP_WRITE);
	loop_timer_free(timer);
}

static void
read_until_end(void *arg, int events)
{
	char byte;
	ssize_t n = recv(pair[0], &byte, 1, 0);

	(void)arg;
	events_seen |= events;
	calls++;
	if (n == 0)
		loop_stop(loop);
}

static void
test_end_of_file_is_readable(void **state)
{
	(void)state;
	assert_int_equal(loop_watch(loop, pair[0], read_until_end, NULL, &watch), ERR_OK);
	loop_want(watch, LOOP_READ);
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
	shutdown(pair[1], SHUT_WR);
	loop_run(loop);
	assert_int_equal(calls, 2);
	assert_int_equal(events_seen, LOOP_READ);
	loop_unwatch(watch);
}

static void
test_wants_nothing(void **state)
{
	(void)state;
	assert_int_equal(loop_watch(loop, pair[0], read_until_end, NULL, &watch), ERR_OK);
	assert_int_equal(loop_timer(loop, stop, NULL, &timer), ERR_OK);
	loop_want(watch, LOOP_READ);
	loop_want(watch, 0);
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
	loop_timer_start(timer, 30);
	loop_run(loop);
	assert_int_equal(events_seen, 0);
	loop_timer_free(timer);
	loop_unwatch(watch);
}

/* A hang-up that nobody wants to know of is heard once, and does not keep the loop busy. */
static void
test_unwanted_hang_up(void **state)
{
	struct timespec before, after;

	(void)state;
	assert_int_equal(loop_watch(loop, pair[0], read_until_end, NULL, &watch), ERR_OK);
	assert_int_equal(loop_timer(loop, stop, NULL, &timer), ERR_OK);
	loop_want(watch, LOOP_READ);
	loop_want(watch, 0);
	shutdown(pair[1], SHUT_RDWR);
	loop_timer_start(timer, 500);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	loop_run(loop);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	assert_int_equal(calls, 1); /* the timer */
	assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec <
	            100 * 1000 * 1000);
	loop_want(watch, LOOP_READ); /* and is told when somebody wants to */
	loop_run(loop);
	assert_int_equal(events_seen, LOOP_READ);
	loop_timer_free(timer);
	loop_unwatch(watch);
}

static void
test_timer_restarts(void **state)
{
	int64_t start = clock_mono_ms();

	(void)state;
	assert_int_equal(loop_timer(loop, stop, NULL, &timer), ERR_OK);
	loop_timer_start(timer, 10);
	loop_timer_start(timer, 100);
	loop_run(loop);
	assert_int_equal(calls, 1);
	assert_true(clock_mono_ms() - start >= 95);
	loop_timer_start(timer, 10);
	loop_timer_stop(timer);
	loop_timer_free(timer);
}

static void *
wake(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		loop_wake(loop);
	return NULL;
}

static void
test_wake_from_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(loop_on_wake(loop, stop, NULL), ERR_OK);
	assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
	assert_true(calls >= 1);
}

/* loop_free() right after a stop that nobody ran into. */
static void
test_free_after_stop(void **state)
{
	(void)state;
	assert_int_equal(loop_watch(loop, pair[0], read_until_end, NULL, &watch), ERR_OK);
	loop_unwatch(watch);
	loop_stop(loop);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_unwatch_from_a_callback), CASE(test_end_of_file_is_readable),
		CASE(test_wants_nothing),           CASE(test_unwanted_hang_up),
		CASE(test_timer_restarts),          CASE(test_wake_from_another_thread),
		CASE(test_free_after_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
