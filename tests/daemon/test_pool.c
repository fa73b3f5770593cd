/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/pool.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 3, QUEUE = 4 };

/* Tasks wait here until they are let go. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool open;
	int inside; /* tasks that wait */
	int most;
	int woken;
};

struct task {
	struct pool_task pool; /* first */
	struct gate *gate;
	bool ran, stopped;
};

static struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
wait_at_gate(struct pool_task *pool_task, const atomic_bool *stop)
{
	struct task *task = (struct task *)pool_task;
	struct gate *g = task->gate;

	pthread_mutex_lock(&g->mutex);
	g->inside++;
	g->most = g->inside > g->most ? g->inside : g->most;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->mutex);
	g->inside--;
	pthread_mutex_unlock(&g->mutex);
	task->ran = true;
	task->stopped = atomic_load(stop);
}

static void
run_until_stopped(struct pool_task *pool_task, const atomic_bool *stop)
{
	struct task *task = (struct task *)pool_task;

	task->ran = true;
	while (!atomic_load(stop))
		sched_yield();
	task->stopped = true;
}

static void
wake(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->mutex);
	g->woken++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->mutex);
}

/* Until COUNT tasks are at the gate, or have been done. */
static void
wait_for(const int *value, int count)
{
	pthread_mutex_lock(&gate.mutex);
	while (*value < count)
		pthread_cond_wait(&gate.changed, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
}

static int
setup(void **state)
{
	struct pool_config config = {
		.threads = THREADS, .queue = QUEUE, .wake = wake, .arg = &gate};
	struct pool *pool;

	gate.open = false;
	gate.inside = gate.most = gate.woken = 0;
	assert_int_equal(pool_new(&config, &pool), ERR_OK);
	*state = pool;
	return 0;
}

static void
so_many_at_once_and_so_many_wait(void **state)
{
	struct task tasks[THREADS + QUEUE + 1] = {0};
	size_t taken = 0;

	for (size_t i = 0; i < THREADS + QUEUE; i++) {
		tasks[i] = (struct task){.pool = {.run = wait_at_gate}, .gate = &gate};
		assert_int_equal(pool_submit(*state, &tasks[i].pool), ERR_OK);
		if (i < THREADS)
			wait_for(&gate.inside, (int)i + 1);
	}
	tasks[THREADS + QUEUE] = tasks[0];
	assert_int_equal(pool_submit(*state, &tasks[THREADS + QUEUE].pool), ERR_FULL);
	assert_null(pool_take(*state));
	pthread_mutex_lock(&gate.mutex);
	gate.open = true;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.mutex);
	wait_for(&gate.woken, THREADS + QUEUE);
	while (pool_take(*state))
		taken++;
	assert_int_equal(taken, THREADS + QUEUE);
	assert_int_equal(gate.most, THREADS);
	for (size_t i = 0; i < THREADS + QUEUE; i++)
		assert_true(tasks[i].ran && !tasks[i].stopped);
	pool_end(*state);
	assert_null(pool_take(*state));
	pool_free(*state);
}

static void
the_end_gives_everything_back(void **state)
{
	struct task tasks[THREADS + QUEUE] = {0};
	size_t taken = 0, ran = 0;

	for (size_t i = 0; i < THREADS + QUEUE; i++) {
		tasks[i].pool.run = run_until_stopped;
		while (pool_submit(*state, &tasks[i].pool) == ERR_FULL)
			sched_yield();
	}
	pool_end(*state);
	while (pool_take(*state))
		taken++;
	assert_int_equal(taken, THREADS + QUEUE);
	for (size_t i = 0; i < THREADS + QUEUE; i++) {
		ran += tasks[i].ran;
		assert_int_equal(tasks[i].ran, tasks[i].stopped);
	}
	assert_true(ran <= THREADS);
	pool_free(*state);
}

static void
one_that_was_never_used_ends(void **state)
{
	assert_null(pool_take(*state));
	pool_end(*state);
	pool_free(*state);
	pool_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(so_many_at_once_and_so_many_wait, setup),
		cmocka_unit_test_setup(the_end_gives_everything_back, setup),
		cmocka_unit_test_setup(one_that_was_never_used_ends, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
