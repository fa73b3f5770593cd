/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB's pages looked at from outside: none that it wrote is called damaged; each field that it
 * believes is looked at. What becomes of random flips is in test_flips. */
#include "store/page.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/domain.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 400, PAGE = 4096, LEAF_BYTES = 900, BUDGET_MS = 60000 };

static void
put(struct tmpstore *t, unsigned i, uint64_t generation)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct cert cert = tmpstore_cert(i, LEAF_BYTES);
	unsigned char issuer[3000]; /* has pages of its own */
	struct buf chain = {0};
	struct domain d;
	char text[32];

	memset(issuer, (int)(generation % 5), sizeof(issuer));
	buf_bytes32(&chain, issuer, sizeof(issuer));
	snprintf(text, sizeof(text), "n%u.example", i);
	d = tmpstore_domain(text, generation);
	d.state = DOMAIN_VALID;
	cert.generation = generation;
	domain_take_cert(&d, &cert, true);
	assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	cert_done(&cert);
	buf_done(&chain);
	tmpstore_commit(txn);
}

static void
del(struct tmpstore *t, unsigned i)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name = {0};

	name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%u.example", i);
	assert_int_equal(domain_del(txn, &name), ERR_OK);
	tmpstore_commit(txn);
}

static enum err
look(struct tmpstore *t)
{
	return store_check_pages(t->store, STORE_SERVED, BUDGET_MS);
}

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	tmpstore_init(t);
	tmpstore_open(t);
	assert_int_equal(look(t), ERR_OK);
	for (unsigned i = 0; i < NAMES; i++)
		put(t, i * 7 % NAMES, i + 1);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

/* Splits, merges, free pages, big values that come and go. */
static void
what_lmdb_writes_is_sound(void **state)
{
	struct tmpstore *t = *state;

	assert_int_equal(look(t), ERR_OK);
	assert_int_equal(store_check_pages(t->store, STORE_PRIVATE, BUDGET_MS), ERR_OK);
	for (unsigned i = 0; i < NAMES; i += 2) {
		del(t, i);
		if (i % 20 == 0)
			assert_int_equal(look(t), ERR_OK);
	}
	for (unsigned i = 0; i < NAMES; i++)
		put(t, i, NAMES + 1 + i);
	assert_int_equal(look(t), ERR_OK);
	for (unsigned i = 0; i < NAMES; i++)
		del(t, i);
	assert_int_equal(look(t), ERR_OK);
}

static void
without_time_it_says_so(void **state)
{
	assert_int_equal(store_check_pages(((struct tmpstore *)*state)->store, STORE_SERVED, -1),
	                 ERR_AGAIN);
}

/* ---- damage --------------------------------------------------------------------------------- */

struct file {
	char path[128];
	unsigned char *bytes;
	size_t len;
};

static struct file
file_of(struct tmpstore *t)
{
	struct file f;
	struct stat st;
	int fd;

	snprintf(f.path, sizeof(f.path), "%s/served/data.mdb", t->dir);
	fd = open(f.path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	f.len = (size_t)st.st_size;
	f.bytes = malloc(f.len);
	assert_int_equal(read(fd, f.bytes, f.len), f.len);
	close(fd);
	return f;
}

static enum err
look_with(struct tmpstore *t, const struct file *f, size_t at, const void *bytes, size_t len)
{
	int fd = open(f->path, O_WRONLY);
	enum err err;

	assert_int_equal(pwrite(fd, bytes, len, (off_t)at), len);
	err = look(t); /* the map is the file */
	assert_int_equal(pwrite(fd, f->bytes + at, len, (off_t)at), len);
	close(fd);
	return err;
}

/* A page that is in use: with its number changed it is not what the one above it takes it for. */
static bool
is_used(struct tmpstore *t, const struct file *f, size_t page)
{
	uint64_t number = page_u64(f->bytes, page) ^ 1;

	return look_with(t, f, page, &number, sizeof(number)) == ERR_CORRUPT;
}

static bool
flip_is_seen(struct tmpstore *t, const struct file *f, size_t at, unsigned bit)
{
	unsigned char byte = f->bytes[at] ^ (unsigned char)(1u << bit);

	return look_with(t, f, at, &byte, 1) == ERR_CORRUPT;
}

/* Each bit but those of the unused u16; and of a node what LMDB reckons with. */
static void
flip_page(struct tmpstore *t, const struct file *f, size_t page, unsigned kind)
{
	size_t first = page_u16(f->bytes + page, PAGE_HEADER);

	for (size_t at = 0; at < PAGE_HEADER; at++)
		for (unsigned bit = 0; bit < 8 && at / 2 != 4; bit++)
			assert_true(flip_is_seen(t, f, page + at, bit));
	if (kind == PAGE_BIG)
		return;
	/* A byte more or less is evened out. */
	for (unsigned bit = 0; bit < 16; bit++) {
		assert_true(flip_is_seen(t, f, page + PAGE_HEADER + bit / 8, bit % 8));
		assert_true(bit == 0 || flip_is_seen(t, f, page + first + 6 + bit / 8, bit % 8));
	}
	for (unsigned bit = 1; bit < 48; bit++)
		assert_true(flip_is_seen(t, f, page + first + bit / 8, bit % 8));
}

static void
each_field_is_looked_at(void **state)
{
	struct tmpstore *t = *state;
	struct file f = file_of(t);
	unsigned seen[PAGE_BIG + 1] = {0};

	for (size_t page = 2 * PAGE; page < f.len; page += PAGE) {
		unsigned kind = page_u16(f.bytes + page, 10);

		if (kind > PAGE_BIG || seen[kind] == 2 || !is_used(t, &f, page))
			continue;
		seen[kind]++;
		flip_page(t, &f, page, kind);
	}
	assert_true(seen[PAGE_BRANCH] && seen[PAGE_LEAF] == 2 && seen[PAGE_BIG] == 2);
	assert_int_equal(look(t), ERR_OK);
	free(f.bytes);
}

/* Two places of the same node: its sizes still add up when both nodes are as long. */
static void
a_node_that_is_there_twice(void **state)
{
	struct tmpstore *t = *state;
	struct file f = file_of(t);
	unsigned tried = 0;

	for (size_t page = 2 * PAGE; page < f.len && tried < 3; page += PAGE) {
		const unsigned char *p = f.bytes + page;

		if (page_u16(p, 10) != PAGE_LEAF || page_nodes(p) < 3 || !is_used(t, &f, page))
			continue;
		tried++;
		assert_int_equal(look_with(t, &f, page + PAGE_HEADER, p + PAGE_HEADER + 2, 2),
		                 ERR_CORRUPT);
	}
	assert_int_equal(tried, 3);
	assert_int_equal(look(t), ERR_OK);
	free(f.bytes);
}

/* LMDB would give it to the next who needs one. */
static void
a_page_in_use_that_is_called_free(void **state)
{
	struct tmpstore *t = *state;
	struct file f = file_of(t);
	size_t newer = page_u64(f.bytes, 144) < page_u64(f.bytes + PAGE, 144) ? PAGE : 0;
	size_t list = page_u64(f.bytes, newer + 80) * PAGE, used = 2 * PAGE;
	struct page_node n;

	assert_int_equal(page_u16(f.bytes + list, 10), PAGE_LEAF);
	n = page_node(f.bytes + list, 0);
	assert_true(page_u64(f.bytes + list, n.value_at) > 0);
	while (page_u16(f.bytes + used, 10) != PAGE_LEAF || !is_used(t, &f, used))
		used += PAGE;
	used /= PAGE;
	assert_int_equal(look_with(t, &f, list + n.value_at + 8, &used, 8), ERR_CORRUPT);
	assert_int_equal(look(t), ERR_OK);
	free(f.bytes);
}

/* It would be made anew, empty, and what it had be put aside as nobody's. */
static void
a_table_whose_name_was_flipped(void **state)
{
	static const enum store_mode modes[] = {STORE_READER, STORE_FRONT, STORE_KEEPER};
	struct tmpstore *t = *state;
	struct file f = file_of(t);
	size_t newer = page_u64(f.bytes, 144) < page_u64(f.bytes + PAGE, 144) ? PAGE : 0;
	size_t names = page_u64(f.bytes, newer + 128) * PAGE, count = page_nodes(f.bytes + names);
	int fd = open(f.path, O_RDWR);

	tmpstore_close(t);
	for (size_t i = 0; i < count; i++) {
		size_t at = names + page_u16(f.bytes + names, PAGE_HEADER + 2 * i) + NODE_HEADER;
		unsigned char now[PAGE], byte = f.bytes[at] ^ 1;

		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
			struct problem why;
			struct store *store;

			assert_int_equal(store_open(t->dir, modes[m], &t->master, &store, &why),
			                 ERR_CORRUPT);
		}
		assert_int_equal(pread(fd, now, PAGE, (off_t)newer), PAGE);
		assert_memory_equal(now, f.bytes + newer, PAGE); /* nothing was written */
		assert_int_equal(pwrite(fd, f.bytes + at, 1, (off_t)at), 1);
	}
	close(fd);
	tmpstore_open(t);
	assert_int_equal(look(t), ERR_OK);
	free(f.bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_lmdb_writes_is_sound),         TEST(without_time_it_says_so),
		TEST(each_field_is_looked_at),           TEST(a_node_that_is_there_twice),
		TEST(a_page_in_use_that_is_called_free), TEST(a_table_whose_name_was_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
