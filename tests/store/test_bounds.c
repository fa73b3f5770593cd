/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths and page numbers of LMDB's own that a flip made too large. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/backup.h"
#include "store/quarantine.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum {
	NAMES = 40,
	PAGE = 4096,
	FILE_MOST = 1 << 20,
	NODE = 8,       /* header of a node: u16 size, u16 its upper half, u16 flags, u16 key */
	META_ROOT = 80, /* in a meta page: u64 root of the free list, u64 transaction */
	META_TXN = 144,
	PAGE_LEAF = 2,         /* a page's flags, at 10; in a branch page a node has no value */
	LIST_COUNT = NODE + 8, /* behind its key */
	LIST_PAGE = LIST_COUNT + 8,
};

static unsigned char bytes[FILE_MOST];

static void
name_of(int i, char text[32])
{
	snprintf(text, 32, "n%03d.example", i);
}

static void
put(struct tmpstore *t, int i)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct cert cert = tmpstore_cert((unsigned)i, i % 2 ? 700 : 5000);
	struct buf chain = {0};
	struct domain d;
	char text[32];

	name_of(i, text);
	d = tmpstore_domain(text, 1000);
	d.state = DOMAIN_VALID;
	d.generation = cert.generation = 1;
	assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
}

/* Closes the store and answers the descriptor of its file, whose LEN bytes are in `bytes`. */
static int
load(struct tmpstore *t, size_t *ret_len)
{
	char path[160];
	ssize_t n;
	int fd;

	tmpstore_close(t);
	snprintf(path, sizeof(path), "%s/served/data.mdb", t->dir);
	fd = open(path, O_RDWR);
	n = read(fd, bytes, sizeof(bytes));
	assert_true(n > 0 && n < FILE_MOST);
	*ret_len = (size_t)n;
	return fd;
}

static void
poke(int fd, size_t at, const void *value, size_t len)
{
	assert_int_equal(pwrite(fd, value, len, (off_t)at), len);
}

/* Every record whose key is NAME gets BIT of its value's length. */
static int
lengthen(int fd, size_t len, const char *name, uint32_t bit)
{
	size_t name_len = strlen(name);
	int hits = 0;

	for (size_t at = NODE; at + name_len < len; at++) {
		uint16_t key_len;
		uint32_t size;

		memcpy(&key_len, bytes + at - 2, sizeof(key_len));
		if (key_len != name_len || memcmp(bytes + at, name, name_len) != 0 ||
		    bytes[at / PAGE * PAGE + 10] != PAGE_LEAF)
			continue;
		memcpy(&size, bytes + at - NODE, sizeof(size));
		size |= bit;
		poke(fd, at - NODE, &size, sizeof(size));
		hits++;
	}
	return hits;
}

static void
a_length_beyond_the_file_is_damage(void **state)
{
	struct tmpstore *t = *state;

	for (unsigned bit = 13; bit < 32; bit += 3) {
		for (int i = 0; i < 2; i++) { /* beside its key, on pages of its own */
			struct store_txn *txn;
			struct hostname name;
			char text[32];
			size_t len;
			int fd = load(t, &len);

			name_of((int)bit + i, text);
			name = tmpstore_name(text);
			assert_true(lengthen(fd, len, text, (uint32_t)1 << bit) > 0);
			close(fd);
			tmpstore_open(t);
			txn = tmpstore_read(t, STORE_SERVED);
			assert_int_equal(domain_check(txn, &name), ERR_CORRUPT);
			name = tmpstore_name("n000.example");
			assert_int_equal(domain_check(txn, &name), ERR_OK);
			store_abort(txn);
		}
	}
}

/* Only a prefix or nothing of such a value is copied, and all the others are. */
static void
a_copy_does_not_read_beyond_the_file(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied;
	struct problem why;
	char back[sizeof(t->dir)], text[32];

	for (int i = 1; i < 3; i++) {
		size_t len;
		int fd = load(t, &len);

		name_of(i, text);
		assert_true(lengthen(fd, len, text, (uint32_t)1 << 30) > 0);
		close(fd);
		tmpstore_open(t);
	}
	snprintf(back, sizeof(back), "%s/copy", t->parent);
	assert_int_equal(store_backup(t->store, back, NULL, &copied, &why), ERR_OK);
	tmpstore_close(t);
	memcpy(t->dir, back, sizeof(back));
	tmpstore_open(t);
	for (int i = 0; i < NAMES; i++) {
		struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
		struct hostname name;

		name_of(i, text);
		name = tmpstore_name(text);
		assert_int_equal(domain_check(txn, &name), i == 1 || i == 2 ? ERR_CORRUPT : ERR_OK);
		store_abort(txn);
	}
}

/* Where the first record of the free list is in the file. */
static size_t
find_list(void)
{
	uint64_t root, txn[2];
	uint16_t first;

	memcpy(&txn[0], bytes + META_TXN, sizeof(txn[0]));
	memcpy(&txn[1], bytes + PAGE + META_TXN, sizeof(txn[1]));
	memcpy(&root, bytes + (txn[1] > txn[0] ? PAGE : 0) + META_ROOT, sizeof(root));
	memcpy(&first, bytes + root * PAGE + 16, sizeof(first));
	return root * PAGE + first;
}

static void
a_damaged_free_list_is_found(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
	} cases[] = {
		{LIST_COUNT, 1 << 24},   {LIST_COUNT, UINT64_MAX}, {LIST_COUNT, (uint64_t)1 << 61},
		{LIST_PAGE, 0},          {LIST_PAGE, 1},           {LIST_PAGE, 1 << 24},
		{LIST_PAGE, UINT64_MAX},
	};
	struct tmpstore *t = *state;
	size_t len, list;
	int fd;

	assert_int_equal(store_check_free_list(t->store, STORE_SERVED), ERR_OK);
	assert_int_equal(store_check_free_list(t->store, STORE_PRIVATE), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = load(t, &len);
		list = find_list();
		poke(fd, list + cases[i].at, &cases[i].value, sizeof(cases[i].value));
		tmpstore_open(t);
		assert_int_equal(store_check_free_list(t->store, STORE_SERVED), ERR_CORRUPT);
		poke(fd, list + cases[i].at, bytes + list + cases[i].at, sizeof(cases[i].value));
		close(fd);
		assert_int_equal(store_check_free_list(t->store, STORE_SERVED), ERR_OK);
	}
}

static int
setup(void **state)
{
	static struct tmpstore t;

	tmpstore_init(&t);
	tmpstore_open(&t);
	for (int i = 0; i < NAMES; i++)
		put(&t, i);
	*state = &t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_length_beyond_the_file_is_damage, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_copy_does_not_read_beyond_the_file, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_damaged_free_list_is_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
