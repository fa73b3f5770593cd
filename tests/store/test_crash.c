/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at any instant: what was acknowledged is there, indexes and counters are right. */
#include "store/store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/label.h"
#include "store/rotate.h"
#include "tests/support/tmpstore.h"

enum { KILLS = 200, NAMES = 50, LONGEST_US = 40000 };

/* Step I: one name moves on (added, issued, renewed, failed, removed and added); its generation is
 * I. Nothing here may use asserts: it runs in a child. */
static enum err
step(struct store *store, uint64_t i)
{
	static const char *const words[] = {"le", "zerossl", "internal"};
	struct domain d = {.state = (enum domain_state)(DOMAIN_PENDING + i % 3),
	                   .due_at = (int64_t)(i % 7),
	                   .not_after = (int64_t)(i % 11 * 3000),
	                   .generation = i};
	struct label label = {.key = "step"};
	struct cert cert = tmpstore_cert((unsigned)i, 700);
	struct buf chain = {0};
	struct store_txn *txn;
	enum err err;

	d.name.len =
		(uint8_t)snprintf(d.name.name, sizeof(d.name.name), "n%u", (unsigned)(i % NAMES));
	strcpy(d.ca, words[i % 3]);
	if (d.state == DOMAIN_FAILING)
		problem_set(&d.problem, PROBLEM_AUTHZ_DNS, "step %u", (unsigned)i);
	snprintf(label.value, sizeof(label.value), "%u", (unsigned)(i % 5));
	(void)!label_set(&d, &label);
	cert.generation = i;
	err = store_begin_write(store, STORE_SERVED, &txn);
	if (!err) {
		if (i % 11 == 0)
			(void)!domain_del(txn, &d.name);
		(void)!domain_put(txn, &d);
		(void)!cert_put(txn, &d.name, &cert, &chain);
		err = store_commit(txn);
	}
	cert_done(&cert);
	return err;
}

/* Now and then a new data key, and always a bit of moving over to it. */
static enum err
rotate(struct store *store, uint64_t i)
{
	uint64_t left;
	enum err err = i % 20 == 0 ? store_key_rotate_begin(store) : ERR_OK;

	if (!err || err == ERR_BUSY)
		err = store_reseal_step(store, 10, &left);
	return err;
}

static void
work(struct tmpstore *t, uint64_t from, int out)
{
	struct event e = {.type = "test"};
	struct store_txn *txn;

	tmpstore_open(t);
	for (uint64_t i = from;; i++) {
		if (step(t->store, i) || write(out, &i, sizeof(i)) != sizeof(i))
			_exit(1);
		snprintf(e.detail, sizeof(e.detail), "%u", (unsigned)(i % 3));
		if (store_begin_write(t->store, STORE_PRIVATE, &txn) || event_put(txn, &e) ||
		    store_commit(txn) || rotate(t->store, i))
			_exit(1);
	}
}

/* Lets a child work from FROM on, kills it, returns the last step it acknowledged. */
static uint64_t
work_and_kill(struct tmpstore *t, uint64_t from)
{
	uint64_t i, acked = from - 1;
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		work(t, from, pipes[1]);
	}
	close(pipes[1]);
	usleep((useconds_t)(rand() % LONGEST_US));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(pipes[0], &i, sizeof(i)) == sizeof(i))
		acked = i;
	close(pipes[0]);
	return acked;
}

/* Each of the last steps up to ACKED, and at most the one behind it, is in the store. */
static void
check(struct tmpstore *t, uint64_t acked, uint64_t *ret_next)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	uint64_t first = acked >= NAMES ? acked - NAMES + 1 : 1, newest = acked;

	for (uint64_t i = first; i <= acked; i++) {
		struct hostname name = {0};
		struct domain d;
		struct cert cert;

		cert_init(&cert);
		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%u",
		                             (unsigned)(i % NAMES));
		assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
		/* Committed, but killed before it could say so. */
		if (d.generation == i + NAMES)
			newest = i + NAMES;
		else
			assert_int_equal(d.generation, i);
		assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
		cert_done(&cert);
	}
	assert_true(newest <= acked + 1);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
	*ret_next = acked + 2;
}

static void
ignore(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		print_message("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

static void
nothing_acknowledged_is_lost(void **state)
{
	struct tmpstore t;
	uint64_t next = 1, acked = 0, from;
	struct check_result result;
	struct problem why;

	(void)state;
	srand((unsigned)getpid());
	tmpstore_init(&t);
	tmpstore_open(&t);
	/* One round of every name, so that each step below replaces one. */
	for (; next <= NAMES; next++)
		assert_int_equal(step(t.store, next), ERR_OK);
	for (int k = 0; k < KILLS; k++) {
		tmpstore_close(&t);
		from = next;
		acked = work_and_kill(&t, from);
		tmpstore_open(&t);
		if (acked >= from)
			check(&t, acked, &next);
		/* The step behind the last may be in the store: do it over, then go on. */
		next = acked + 1;
		assert_int_equal(step(t.store, next), ERR_OK);
		check(&t, next, &from);
		next++;
	}
	print_message("%d kills, %u steps\n", KILLS, (unsigned)next);
	tmpstore_close(&t);
	assert_int_equal(store_check(t.dir, &t.master, ignore, NULL, &result, &why), ERR_OK);
	assert_int_equal(result.damaged, 0);
	tmpstore_done(&t);
}

static void
hold_a_reader(struct tmpstore *t, int out)
{
	struct store_txn *txn;

	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	if (!txn || write(out, "r", 1) != 1)
		_exit(1);
	pause();
}

static void
a_killed_readers_slot_is_freed(void **state)
{
	struct store_stat before, during, after;
	struct tmpstore t;
	int pipes[2];
	char c;
	pid_t pid;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	store_abort(tmpstore_read(&t, STORE_SERVED));
	store_abort(tmpstore_read(&t, STORE_PRIVATE));
	assert_int_equal(store_stat(t.store, &before), ERR_OK);
	assert_int_equal(before.readers, 2);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0)
		hold_a_reader(&t, pipes[1]);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(store_stat(t.store, &during), ERR_OK);
	assert_int_equal(during.readers, 3);
	assert_int_equal(store_check_readers(t.store), ERR_OK);
	assert_int_equal(store_stat(t.store, &after), ERR_OK);
	assert_int_equal(after.readers, 2);
	close(pipes[0]);
	close(pipes[1]);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
		cmocka_unit_test(a_killed_readers_slot_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
