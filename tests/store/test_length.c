/* SPDX-License-Identifier: Apache-2.0 */
/* A file that was cut is known by its own environment's last page, however large the other is. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/order.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { PAGE = 4096, LARGE = 60000, SMALL = 200, NAMES = 300 };

static void
put_cert(struct tmpstore *t, const char *text, size_t leaf_len)
{
	struct cert cert = tmpstore_cert(1, leaf_len);
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name = tmpstore_name(text);

	assert_int_equal(cert_put(txn, &name, &cert, &(struct buf){0}), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
}

static void
put_order(struct tmpstore *t, const char *text, size_t len)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);
	struct order order = {.name = tmpstore_name(text)};
	void *bytes = calloc(1, len);

	buf_add(&order.state, bytes, len);
	assert_int_equal(order_put(txn, &order), ERR_OK);
	tmpstore_commit(txn);
	order_done(&order);
	free(bytes);
}

/* In a child, as it is meant: damage may end it. */
static bool
is_found(const struct tmpstore *t)
{
	struct store *store;
	struct problem why;
	int st;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL); /* not the test program's handlers */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		if (store_open(t->dir, STORE_READER, &t->master, &store, &why))
			_exit(1);
		_exit(store_check_length(store) == ERR_CORRUPT);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return !WIFEXITED(st) || WEXITSTATUS(st) != 0;
}

static void
cut(const struct tmpstore *t, const char *env)
{
	char path[160];
	struct stat st;
	off_t size;

	snprintf(path, sizeof(path), "%s/%s/data.mdb", t->dir, env);
	assert_int_equal(stat(path, &st), 0);
	size = st.st_size;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(truncate(path, i ? size / 2 / PAGE * PAGE : size - PAGE), 0);
		if (!is_found(t))
			fail_msg("%s cut by %s is not found", env, i ? "half" : "a page");
	}
}

/* The other environment is much larger, or its file has room to spare. */
static void
each_file_is_measured_by_itself(void **state)
{
	static const char *const envs[] = {"served", "private"};

	(void)state;
	for (size_t e = 0; e < 2; e++) {
		struct tmpstore t;

		tmpstore_init(&t);
		tmpstore_open(&t);
		for (int i = 0; i < 40; i++) {
			char text[32];

			snprintf(text, sizeof(text), "n%02d.example", i);
			put_cert(&t, text, e ? LARGE : SMALL);
			put_order(&t, text, e ? SMALL : LARGE);
		}
		/* Last, so its pages are the last of the file. */
		put_cert(&t, "z.example", LARGE);
		put_order(&t, "z.example", LARGE);
		tmpstore_close(&t);
		assert_false(is_found(&t));
		cut(&t, envs[e]);
		tmpstore_done(&t);
	}
}

/* What was put and removed in one transaction may leave pages that were never written. */
static void
pages_that_nobody_uses_may_be_missing(void **state)
{
	struct tmpstore t;
	struct store_txn *txn;
	struct cert cert = tmpstore_cert(1, 1000);
	struct hostname name;
	char text[32];

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	txn = tmpstore_write(&t, STORE_SERVED);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < NAMES; i++) {
			snprintf(text, sizeof(text), "n%03d.example", i);
			name = tmpstore_name(text);
			assert_int_equal(pass ? cert_del(txn, &name)
			                      : cert_put(txn, &name, &cert, &(struct buf){0}),
			                 ERR_OK);
		}
	tmpstore_commit(txn);
	cert_done(&cert);
	tmpstore_close(&t);
	assert_false(is_found(&t));
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_is_measured_by_itself),
		cmocka_unit_test(pages_that_nobody_uses_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
