/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes flipped at random places of the files themselves, LMDB's own pages included, and files cut
 * short: never a wrong certificate; what is lost is named; the rest goes on. */
#include "store/check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/quarantine.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 100, FLIPS = 200, LEAF = 700, FILE_MAX = 4 << 20, CUTS = 20 };

/* What a child found, in memory it shares with us: it may not live to say so. */
struct found {
	unsigned wrong;    /* certificates that are not what was stored: must stay 0 */
	unsigned served;   /* whole ones */
	unsigned refused;  /* named as damaged by the get, or missing */
	unsigned findings; /* of store_check() */
	unsigned left;     /* names that are still unusable after quarantine */
	bool opened, checked, repaired;
};

static struct found *found;

static void
fill(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct buf chain = {0};

	for (unsigned i = 0; i < NAMES; i++) {
		struct cert cert = tmpstore_cert(i, LEAF);
		struct domain d;
		char text[32];

		snprintf(text, sizeof(text), "n%03u.example", i);
		d = tmpstore_domain(text, i + 1);
		d.state = DOMAIN_VALID;
		d.generation = cert.generation = 1;
		assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
		cert_done(&cert);
	}
	tmpstore_commit(txn);
}

static void
read_all(struct store *store)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct cert want = tmpstore_cert(i, LEAF), got;
		struct hostname name = {0};
		struct store_txn *txn;
		struct domain d;
		enum err err;

		cert_init(&got);
		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%03u.example", i);
		if (store_begin_read(store, STORE_SERVED, &txn))
			return;
		err = domain_get(txn, &name, &d);
		if (!err)
			err = cert_get_for(txn, &d, &got);
		store_abort(txn);
		if (err)
			found->refused++;
		else if (got.leaf.len != LEAF || memcmp(got.leaf.data, want.leaf.data, LEAF) != 0 ||
		         got.key.len != 32 || memcmp(got.key.data, want.key.data, 32) != 0)
			found->wrong++;
		else
			found->served++;
		cert_done(&got);
		cert_done(&want);
	}
}

static void
note(void *arg, const struct check_finding *f)
{
	(void)arg;
	found->findings += f->err != ERR_OK;
}

/* What the keeper does about it. */
static void
repair(struct store *store)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct hostname name = {0};
		struct store_txn *txn;
		struct event e;
		enum err err;

		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%03u.example", i);
		if (store_begin_write(store, STORE_SERVED, &txn))
			return;
		err = domain_check(txn, &name);
		if (err)
			err = domain_quarantine(txn, &name, "flipped", 1, &e);
		if (!err)
			err = store_commit(txn);
		else
			store_abort(txn);
		if (err)
			found->left++;
	}
	found->repaired = true;
}

/* One after another, since LMDB may end each. */
static void
in_a_child(struct tmpstore *t, int what)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct check_result result;
		struct problem why;
		struct store *store;
		struct rlimit none = {0};

		setrlimit(RLIMIT_CORE, &none);
		for (int s = 1; s < 32; s++) /* cmocka's and the sanitizers' */
			signal(s, SIG_DFL);
		alarm(20);
		close(2);
		if (what == 1) {
			found->checked =
				!store_check(t->dir, &t->master, note, NULL, &result, &why);
			_exit(0);
		}
		if (store_open(t->dir, what == 0 ? STORE_FRONT : STORE_KEEPER, &t->master, &store,
		               &why))
			_exit(0);
		found->opened = true;
		if (what == 0)
			read_all(store);
		else
			repair(store);
		_exit(0);
	}
	assert_true(pid > 0);
	waitpid(pid, NULL, 0);
}

static size_t
load(const char *path, unsigned char *bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, FILE_MAX);

	assert_true(fd >= 0 && n > 0 && n < FILE_MAX);
	close(fd);
	return (size_t)n;
}

static void
save(const char *path, const unsigned char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void
look(struct tmpstore *t)
{
	memset(found, 0, sizeof(*found));
	in_a_child(t, 0);
	in_a_child(t, 1);
	assert_int_equal(found->wrong, 0);
	/* A name that is not served is named, or the check did not live to its end, which names the
	 * store. */
	if (found->opened && found->refused && found->checked)
		assert_true(found->findings > 0);
}

static void
no_wrong_certificate_is_ever_served(void **state)
{
	unsigned char *whole = malloc(FILE_MAX), *bytes = malloc(FILE_MAX);
	unsigned unharmed = 0, named = 0, ended = 0, refused = 0;
	struct tmpstore t;
	char path[128];
	size_t len;

	(void)state;
	srand(42);
	tmpstore_init(&t);
	tmpstore_open(&t);
	fill(&t);
	tmpstore_close(&t);
	snprintf(path, sizeof(path), "%s/served/data.mdb", t.dir);
	len = load(path, whole);
	for (int i = 0; i < FLIPS; i++) {
		memcpy(bytes, whole, len);
		bytes[(size_t)rand() % len] ^= (unsigned char)(1 << rand() % 8);
		save(path, bytes, len);
		look(&t);
		refused += found->refused;
		if (!found->checked)
			ended++;
		else if (found->findings)
			named++;
		else
			unharmed++;
		if (found->checked && found->refused) {
			in_a_child(&t, 2);
			found->refused = found->served = 0;
			in_a_child(&t, 0);
			assert_int_equal(found->wrong, 0);
		}
	}
	print_message("%d flips: %u without harm, %u named, %u ended the check; %u of %u lookups "
	              "refused\n",
	              FLIPS, unharmed, named, ended, refused, FLIPS * NAMES);
	for (int i = 0; i < CUTS; i++) {
		save(path, whole, (size_t)rand() % len);
		look(&t);
	}
	/* A whole one again, to show that it was the flips. */
	save(path, whole, len);
	look(&t);
	assert_int_equal(found->served, NAMES);
	assert_int_equal(found->findings, 0);
	free(whole);
	free(bytes);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wrong_certificate_is_ever_served),
	};

	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
