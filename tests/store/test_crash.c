/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at any instant: what was acknowledged is there, and what was removed is not; indexes and
 * counters are right; orders, accounts and events are what was acknowledged, too. */
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
#include "store/account.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/label.h"
#include "store/order.h"
#include "store/rotate.h"
#include "store/domain_list.h"
#include "store/table.h"
#include "tests/support/tmpstore.h"

enum { KILLS = 200, NAMES = 50, LONGEST_US = 40000, REMOVE_EVERY = 7 };

/* Which of its steps leaves a name removed. */
static bool
removes(uint64_t i)
{
	return i % REMOVE_EVERY == 3;
}

/* Step I: one name moves on (added, issued, renewed, failed, removed, removed and added); its
 * generation is I. Nothing here may use asserts: it runs in a child. */
static enum err
step(struct store *store, uint64_t i)
{
	static const char *const words[] = {"le", "zerossl", "internal"};
	struct domain d = {.state = (enum domain_state)(DOMAIN_PENDING + i % 3),
	                   .due_at = (int64_t)(i % 7),
	                   .not_after = (int64_t)(i % 11 * 3000),
	                   .generation = i,
	                   .pooled = true};
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
		if (i % 11 == 0 || removes(i))
			(void)!domain_del(txn, &d.name);
		if (!removes(i)) {
			(void)!domain_put(txn, &d);
			if (!cert_pool_has(txn, i)) /* step I is done over */
				(void)!cert_pool_put(txn, &d.name, 1, &cert, &chain);
		}
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

/* Of step I in private/: an event, which folds into one of three but for each tenth; its name's
 * order, which is there or not as the name is; and the one account. */
static enum err
step_private(struct store *store, uint64_t i, uint64_t *ret_event)
{
	struct event e = {.type = "test", .at = 1000};
	struct account account = {.created_at = (int64_t)i};
	struct order order;
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	order_init(&order);
	order.name.len = (uint8_t)snprintf(order.name.name, sizeof(order.name.name), "n%u",
	                                   (unsigned)(i % NAMES));
	order.created_at = (int64_t)i;
	buf_u64(&order.state, i);
	snprintf(e.detail, sizeof(e.detail), "%u", (unsigned)(i % 10 ? i % 3 : i));
	snprintf(account.directory, sizeof(account.directory), "https://ca/directory");
	(void)!secret_alloc(&account.key, 32);
	(void)!account_put(txn, &account);
	if (removes(i))
		(void)!order_del(txn, &order.name);
	else
		(void)!order_put(txn, &order);
	(void)!event_put(txn, &e);
	err = store_commit(txn);
	*ret_event = e.id;
	order_done(&order);
	account_done(&account);
	return err;
}

/* What the child has acknowledged last. */
struct ack {
	uint64_t step;
	uint64_t private_step; /* with its event and order */
	uint64_t event;
};

static void
work(struct tmpstore *t, uint64_t from, int out)
{
	struct ack ack = {.private_step = from - 1};

	tmpstore_open(t);
	for (uint64_t i = from;; i++) {
		ack.step = i;
		if (step(t->store, i) || write(out, &ack, sizeof(ack)) != sizeof(ack))
			_exit(1);
		ack.private_step = i;
		if (step_private(t->store, i, &ack.event) ||
		    write(out, &ack, sizeof(ack)) != sizeof(ack) || rotate(t->store, i))
			_exit(1);
	}
}

/* Lets a child work from FROM on, kills it behind its first step, returns what it acknowledged. */
static struct ack
work_and_kill(struct tmpstore *t, uint64_t from)
{
	struct ack ack, acked = {.step = from - 1, .private_step = from - 1};
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		work(t, from, pipes[1]);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &acked, sizeof(acked)), sizeof(acked));
	usleep((useconds_t)(rand() % LONGEST_US));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(pipes[0], &ack, sizeof(ack)) == sizeof(ack))
		acked = ack;
	close(pipes[0]);
	return acked;
}

/* Every name that is there has one, so none is left of those that were removed or replaced. */
static void
assert_one_certificate_each(struct store_txn *txn)
{
	uint64_t names, certificates;

	assert_int_equal(domain_count_all(txn, &names), ERR_OK);
	assert_int_equal(table_size(txn, TABLE_POOL, &certificates), ERR_OK);
	assert_int_equal(certificates, names);
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
		enum err err;

		cert_init(&cert);
		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%u",
		                             (unsigned)(i % NAMES));
		err = domain_get(txn, &name, &d);
		/* The one behind it may be committed, killed before it could say so. */
		if (i + NAMES == acked + 1 &&
		    (err ? removes(i + NAMES) && !removes(i) : d.generation == i + NAMES)) {
			newest = i + NAMES;
		} else if (removes(i)) {
			assert_int_equal(err, ERR_NOTFOUND);
		} else {
			assert_int_equal(err, ERR_OK);
			assert_int_equal(d.generation, i);
		}
		if (err) {
			assert_int_equal(err, ERR_NOTFOUND);
			assert_false(cert_pool_has(txn, i - NAMES));
		} else {
			assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
		}
		cert_done(&cert);
	}
	assert_true(newest <= acked + 1);
	assert_int_equal(domain_verify(txn), ERR_OK);
	assert_one_certificate_each(txn);
	store_abort(txn);
	*ret_next = acked + 2;
}

/* The same of private/: the account, each name's order, and events up to the last acknowledged one,
 * whose ids grow. One transaction more may be there. */
static void
check_private(struct tmpstore *t, const struct ack *acked, uint64_t *event_before)
{
	struct store_txn *txn = tmpstore_read(t, STORE_PRIVATE);
	uint64_t last = acked->private_step, newest, id = 0;
	struct account account = {.created_at = 0};
	struct event events[64];
	size_t count = 64;
	bool more;

	assert_int_equal(account_get(txn, "https://ca/directory", &account), ERR_OK);
	more = account.created_at == (int64_t)last + 1;
	assert_true(more || account.created_at == (int64_t)last);
	account_done(&account);
	for (uint64_t i = last > NAMES ? last - NAMES + 1 : 1; i <= last + more; i++) {
		struct hostname name = {0};
		struct order order;
		enum err err;

		if (more && i + NAMES == last + 1)
			continue; /* replaced */
		order_init(&order);
		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%u",
		                             (unsigned)(i % NAMES));
		err = order_get(txn, &name, &order);
		assert_int_equal(err, removes(i) ? ERR_NOTFOUND : ERR_OK);
		if (!err)
			assert_int_equal(order.created_at, i);
		order_done(&order);
	}
	assert_int_equal(event_last(txn, &newest), ERR_OK);
	assert_int_equal(newest, acked->event + more);
	assert_true(newest > *event_before);
	for (uint64_t after = 0; count == 64; after = id) {
		assert_int_equal(event_page(txn, after, 64, events, &count), ERR_OK);
		for (size_t i = 0; i < count; i++) {
			assert_true(events[i].id > id);
			id = events[i].id;
		}
	}
	assert_int_equal(id, newest);
	store_abort(txn);
	*event_before = newest;
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
	struct ack acked;
	uint64_t next = 1, from, event = 0, removed = 0;
	struct check_result result;
	struct problem why;

	(void)state;
	srand((unsigned)getpid());
	tmpstore_init(&t);
	tmpstore_open(&t);
	/* One round of every name, so that each step below replaces one. */
	for (; next <= NAMES; next++) {
		assert_int_equal(step(t.store, next), ERR_OK);
		assert_int_equal(step_private(t.store, next, &event), ERR_OK);
	}
	for (int k = 0; k < KILLS; k++) {
		tmpstore_close(&t);
		from = next;
		acked = work_and_kill(&t, from);
		tmpstore_open(&t);
		assert_true(acked.step >= from); /* it was killed at work */
		check(&t, acked.step, &next);
		if (acked.event)
			check_private(&t, &acked, &event);
		for (uint64_t i = from; i <= acked.step; i++)
			removed += removes(i);
		/* The steps behind the last may be in the store: do them over, then go on. */
		for (uint64_t i = acked.private_step + 1; i <= acked.step + 1; i++)
			assert_int_equal(step_private(t.store, i, &event), ERR_OK);
		next = acked.step + 1;
		assert_int_equal(step(t.store, next), ERR_OK);
		check(&t, next, &from);
		next++;
	}
	assert_true(removed > KILLS / REMOVE_EVERY / 2);
	print_message("%d kills, %u steps, %u of them removals\n", KILLS, (unsigned)next,
	              (unsigned)removed);
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
