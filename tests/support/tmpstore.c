/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpstore.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"

void
tmpstore_init(struct tmpstore *t)
{
	const char *tmp = getenv("TMPDIR");

	*t = (struct tmpstore){0};
	snprintf(t->parent, sizeof(t->parent), "%s/certd-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->parent));
	snprintf(t->dir, sizeof(t->dir), "%s/state", t->parent);
	assert_int_equal(secret_alloc(&t->master, STORE_MASTER_KEY_LEN), ERR_OK);
	memset(t->master.data, 0x5a, t->master.len);
}

void
tmpstore_open(struct tmpstore *t)
{
	struct problem why;
	enum err err = store_open(t->dir, STORE_KEEPER, &t->master, &t->store, &why);

	if (err)
		fail_msg("store_open: %s: %s", err_word(err), why.detail);
}

void
tmpstore_close(struct tmpstore *t)
{
	store_close(t->store);
	t->store = NULL;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

void
tmpstore_done(struct tmpstore *t)
{
	tmpstore_close(t);
	secret_done(&t->master);
	nftw(t->parent, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct store_txn *
tmpstore_read(struct tmpstore *t, enum store_env env)
{
	struct store_txn *txn = NULL;

	assert_int_equal(store_begin_read(t->store, env, &txn), ERR_OK);
	return txn;
}

struct store_txn *
tmpstore_write(struct tmpstore *t, enum store_env env)
{
	struct store_txn *txn = NULL;

	assert_int_equal(store_begin_write(t->store, env, &txn), ERR_OK);
	return txn;
}

void
tmpstore_commit(struct store_txn *txn)
{
	assert_int_equal(store_commit(txn), ERR_OK);
}

struct hostname
tmpstore_name(const char *text)
{
	struct hostname name;

	assert_int_equal(hostname_parse(text, &name, NULL), ERR_OK);
	return name;
}

struct domain
tmpstore_domain(const char *name, int64_t due_at)
{
	return (struct domain){
		.name = tmpstore_name(name),
		.state = DOMAIN_PENDING,
		.ca = "le",
		.backend = "web",
		.created_at = 1000,
		.due_at = due_at,
	};
}

struct cert
tmpstore_cert(unsigned seed, size_t leaf_len)
{
	struct cert cert;

	cert_init(&cert);
	cert.generation = seed;
	cert.not_before = 1000;
	cert.not_after = 2000;
	cert.key_kind = CERT_KEY_P256;
	assert_int_equal(secret_alloc(&cert.key, 32), ERR_OK);
	for (size_t i = 0; i < cert.key.len; i++)
		cert.key.data[i] = (unsigned char)(seed * 7 + i);
	for (size_t i = 0; i < leaf_len; i++)
		buf_u8(&cert.leaf, (uint8_t)(seed + i * i));
	return cert;
}

int
tmpstore_setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	tmpstore_init(t);
	tmpstore_open(t);
	*state = t;
	return 0;
}

int
tmpstore_teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

void
tmpstore_break_pages(struct tmpstore *t, const char *name)
{
	enum { PAGE = 4096, LEAF = 2, NODE = 8, FILE_MOST = 1 << 20 };
	static unsigned char bytes[FILE_MOST];
	char path[160];
	FILE *file;
	size_t len;

	tmpstore_close(t);
	snprintf(path, sizeof(path), "%s/served/data.mdb", t->dir);
	file = fopen(path, "r+");
	assert_non_null(file);
	len = fread(bytes, 1, sizeof(bytes), file);
	assert_true(len > 0 && len < sizeof(bytes));
	for (size_t at = NODE; at + strlen(name) < len; at++)
		if (bytes[at / PAGE * PAGE + 10] == LEAF && bytes[at - 2] == strlen(name) &&
		    memcmp(bytes + at, name, strlen(name)) == 0)
			bytes[at - NODE + 1] |= 0x20;
	rewind(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
	tmpstore_open(t);
}
