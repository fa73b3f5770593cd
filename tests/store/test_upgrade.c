/* SPDX-License-Identifier: Apache-2.0 */
/* A store as the first format had it, written with LMDB itself, becomes one of ours. */
#include "store/upgrade.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <lmdb.h>

#include "base/problem.h"
#include "store/backup.h"
#include "store/cert.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/domain_due.h"
#include "store/domain_list.h"
#include "store/account.h"
#include "store/event.h"
#include "store/order.h"
#include "store/rotate.h"
#include "store/seal.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 2500, EVENTS = 50 };

static const unsigned char id[SEAL_ID_LEN] = "an old store's";

/* An environment of format 1 in the making. */
struct old {
	MDB_env *env;
	MDB_txn *txn;
	struct seal *seal;
};

static void
put_raw(struct old *o, const char *table, const void *key, size_t len, const struct buf *value)
{
	MDB_val k = {len, (void *)(uintptr_t)key}, v = {value->len, value->data};
	MDB_dbi dbi;

	assert_int_equal(mdb_dbi_open(o->txn, table, MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(o->txn, dbi, &k, &v, 0), 0);
}

static void
put_sealed(struct old *o, struct seal *seal, const char *table, const void *key, size_t len,
           const struct buf *plain)
{
	struct seal_place place = {.table = table, .key = key, .key_len = len, .format = 1};
	struct buf sealed = {0};

	assert_int_equal(seal_close(seal, &place, plain->data, plain->len, &sealed), ERR_OK);
	put_raw(o, table, key, len, &sealed);
	buf_done(&sealed);
}

static void
old_begin(struct old *o, const struct tmpstore *t, const char *word)
{
	static const char *const tables[] = {
		"domain", "due", "count", "cert", "chain", "challenge-http", "challenge-alpn"};
	struct secret key = {0};
	struct buf value = {0};
	struct seal *wrap;
	char path[128];
	MDB_dbi dbi;

	snprintf(path, sizeof(path), "%s/%s", t->dir, word);
	(void)!mkdir(t->dir, 0750);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mdb_env_create(&o->env), 0);
	assert_int_equal(mdb_env_set_maxdbs(o->env, 32), 0);
	assert_int_equal(mdb_env_set_mapsize(o->env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(o->env, path, 0, 0640), 0);
	assert_int_equal(mdb_txn_begin(o->env, NULL, 0, &o->txn), 0);
	assert_int_equal(seal_random(&key), ERR_OK);
	assert_int_equal(seal_new(&key, 1, id, &o->seal), ERR_OK);
	assert_int_equal(seal_new(&t->master, 1, id, &wrap), ERR_OK);
	buf_u32(&value, 1);
	put_raw(o, "meta", "format", 6, &value);
	buf_reset(&value);
	buf_add(&value, id, sizeof(id));
	put_raw(o, "meta", "id", 2, &value);
	buf_reset(&value);
	buf_add(&value, key.data, key.len);
	put_sealed(o, wrap, "meta", "key", 3, &value);
	for (size_t i = 0; word[0] == 's' && i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_int_equal(mdb_dbi_open(o->txn, tables[i], MDB_CREATE, &dbi), 0);
	seal_free(wrap);
	secret_done(&key);
	buf_done(&value);
}

static void
old_end(struct old *o)
{
	assert_int_equal(mdb_txn_commit(o->txn), 0);
	mdb_env_close(o->env);
	seal_free(o->seal);
}

static void
name_of(int i, char text[32])
{
	snprintf(text, 32, "n%04d.example", i);
}

static void
put_old_name(struct old *o, int i, const unsigned char chain_id[32])
{
	struct buf b = {0};
	char name[32];

	name_of(i, name);
	buf_u8(&b, DOMAIN_VALID);
	buf_u64(&b, 1000); /* created, due, attempted */
	buf_u64(&b, (uint64_t)i + 1);
	buf_u64(&b, 0);
	buf_u32(&b, 0);
	buf_u64(&b, 3); /* generation */
	buf_u64(&b, 1000);
	buf_u64(&b, 2000);
	buf_bytes16(&b, "le", 2);
	buf_bytes16(&b, "web", 3);
	buf_u8(&b, 0);
	put_sealed(o, o->seal, "domain", name, strlen(name), &b);
	buf_reset(&b);
	buf_u64(&b, 3);
	buf_u64(&b, 1000);
	buf_u64(&b, 2000);
	buf_u8(&b, CERT_KEY_P256);
	buf_add(&b, chain_id, 32);
	buf_bytes16(&b, "0123456789abcdef0123456789abcdef", 32);
	buf_bytes16(&b, name, strlen(name));
	put_sealed(o, o->seal, "cert", name, strlen(name), &b);
	buf_done(&b);
}

static void
make_old(const struct tmpstore *t)
{
	/* SHA-256 of nothing: the chain is empty. */
	static const unsigned char chain_id[32] =
		"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24"
		"\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55";
	struct buf b = {0};
	struct old o;

	old_begin(&o, t, "served");
	put_sealed(&o, o.seal, "chain", chain_id, 32, &b);
	for (int i = 0; i < NAMES; i++)
		put_old_name(&o, i, chain_id);
	buf_u64(&b, 99);
	put_raw(&o, "count", "state\0valid", 11, &b); /* wrong, and made anew */
	old_end(&o);
	old_begin(&o, t, "private");
	for (unsigned i = 1; i <= EVENTS; i++) {
		unsigned char key[8] = {0, 0, 0, 0, 0, 0, 0, (unsigned char)i};

		buf_reset(&b);
		buf_u64(&b, 500 + i);
		buf_bytes16(&b, "cert.stored", 11);
		buf_bytes16(&b, "", 0);
		buf_bytes16(&b, "", 0);
		put_sealed(&o, o.seal, "event", key, 8, &b);
	}
	buf_reset(&b);
	buf_u64(&b, 1);
	buf_u64(&b, 2);
	buf_bytes16(&b, "le", 2);
	buf_bytes32(&b, "state", 5);
	put_sealed(&o, o.seal, "order", "n0001.example", 13, &b);
	buf_reset(&b);
	buf_u64(&b, 7);
	buf_bytes16(&b, "0123456789abcdef0123456789abcdef", 32);
	buf_bytes16(&b, "https://ca/1", 12);
	buf_bytes16(&b, "", 0);
	put_sealed(&o, o.seal, "account", "https://ca", 10, &b);
	old_end(&o);
	buf_done(&b);
}

static void
say(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		print_message("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

static void
assert_upgraded(struct tmpstore *t)
{
	struct check_result result;
	struct problem why;
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct account account = {0};
	struct event events[2];
	struct order o;
	struct cert cert;
	struct domain d;
	char text[32];
	uint64_t count, last;
	size_t n;

	cert_init(&cert);
	order_init(&o);
	for (int i = 0; i < NAMES; i += 7) {
		name_of(i, text);
		d.name = tmpstore_name(text);
		assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
		assert_int_equal(d.due_at, i + 1);
		assert_string_equal(d.labels, "");
		assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
		assert_int_equal(cert.leaf.len, strlen(text));
		assert_memory_equal(cert.leaf.data, text, cert.leaf.len);
	}
	assert_int_equal(domain_count_state(txn, DOMAIN_VALID, &count), ERR_OK);
	assert_int_equal(count, NAMES);
	assert_int_equal(domain_count_expiring(txn, 10000, &count), ERR_OK);
	assert_int_equal(count, NAMES);
	store_abort(txn);
	txn = tmpstore_read(t, STORE_PRIVATE);
	assert_int_equal(order_get(txn, &(struct hostname){13, "n0001.example"}, &o), ERR_OK);
	assert_int_equal(o.state.len, 5);
	assert_int_equal(event_last(txn, &last), ERR_OK);
	assert_int_equal(last, EVENTS);
	assert_int_equal(event_page(txn, 0, 2, events, &n), ERR_OK);
	assert_int_equal(events[1].at, 502);
	assert_int_equal(events[1].first_at, 502);
	assert_int_equal(events[1].count, 1);
	assert_int_equal(account_get(txn, "https://ca", &account), ERR_OK);
	assert_string_equal(account.url, "https://ca/1");
	assert_int_equal(account.status, ACCOUNT_VALID);
	assert_int_equal(account.next_key.len, 0);
	account_done(&account);
	store_abort(txn);
	cert_done(&cert);
	order_done(&o);
	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, say, NULL, &result, &why), ERR_OK);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.names, NAMES);
	tmpstore_open(t);
}

static void
start_over(struct tmpstore *t)
{
	tmpstore_done(t);
	tmpstore_init(t);
	make_old(t);
}

static void
an_older_store_is_upgraded_after_a_copy(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied;
	struct problem why;
	struct store *store;
	struct rawdb raw;
	unsigned char data[RAWDB_MAX];
	char dir[128], back[128];

	start_over(t);
	/* A front that comes first waits for the keeper. */
	assert_int_equal(store_open(t->dir, STORE_FRONT, &t->master, &store, &why), ERR_NOTFOUND);
	tmpstore_open(t);
	assert_upgraded(t);
	/* The copy is of the older format, and may be put back. */
	snprintf(dir, sizeof(dir), "%s/backup-before-4", t->dir);
	raw = rawdb_open(dir, "served", "meta");
	assert_int_equal(rawdb_get(&raw, "format", 6, data), 4);
	assert_int_equal(data[0], 1);
	rawdb_close(&raw);
	tmpstore_close(t);
	snprintf(back, sizeof(back), "%s/back", t->parent);
	if (store_restore(dir, back, &t->master, &copied, &why))
		fail_msg("%s", why.detail);
	assert_int_equal(store_open(back, STORE_KEEPER, &t->master, &store, &why), ERR_OK);
	store_close(store);
	raw = rawdb_open(back, "served", "meta");
	assert_int_equal(rawdb_get(&raw, "format", 6, data), 4);
	assert_int_equal(data[0], 4);
	rawdb_close(&raw);
}

static void
say_format_2(struct tmpstore *t, bool private_too)
{
	for (int e = 0; e < 1 + private_too; e++) {
		struct rawdb raw = rawdb_open(t->dir, e ? "private" : "served", "meta");

		rawdb_put(&raw, "format", 6, "\2\0\0\0", 4);
		rawdb_close(&raw);
	}
}

static bool
copy_has(struct tmpstore *t, const struct hostname *name, const char *to)
{
	char dir[128], back[128];
	struct store_copied copied;
	struct store *store;
	struct store_txn *txn;
	struct domain got;
	struct problem why;
	enum err err;

	snprintf(dir, sizeof(dir), "%s/backup-before-4", t->dir);
	snprintf(back, sizeof(back), "%s/%s", t->parent, to);
	if (store_restore(dir, back, &t->master, &copied, &why))
		fail_msg("%s", why.detail);
	assert_int_equal(store_open(back, STORE_KEEPER, &t->master, &store, &why), ERR_OK);
	assert_int_equal(store_begin_read(store, STORE_SERVED, &txn), ERR_OK);
	err = domain_get(txn, name, &got);
	store_abort(txn);
	store_close(store);
	return err == ERR_OK;
}

/* Who goes back to an older certd and comes again has changed the store in between. */
static void
a_second_upgrade_has_a_copy_of_its_own(void **state)
{
	static const char *const names[] = {"first.example", "second.example", "third.example"};
	struct tmpstore *t = *state;
	struct domain d;
	struct store_txn *txn;

	for (int i = 0; i < 3; i++) {
		d = tmpstore_domain(names[i], 7);
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
		tmpstore_commit(txn);
		tmpstore_close(t);
		say_format_2(t, i < 2); /* the third time it is interrupted: private/ is done */
		tmpstore_open(t);
		assert_int_equal(copy_has(t, &d.name, names[i]), i < 2);
	}
}

/* Up to format 3 the due index had no lanes: all its entries were as LANE_RENEW's are now. */
static void
format_3_gets_lanes(void **state)
{
	struct tmpstore *t = *state;
	struct domain d = tmpstore_domain("a.example", 7);
	struct hostname names[4];
	struct store_txn *txn;
	struct rawdb raw;
	size_t count;

	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	tmpstore_close(t);
	say_format_2(t, true);
	raw = rawdb_open(t->dir, "served", "due");
	assert_int_equal(mdb_drop(raw.txn, raw.dbi, 0), 0);
	rawdb_put(&raw, "le\0\0\0\0\0\0\0\0\7a.example", 20, "", 0);
	rawdb_close(&raw);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	for (enum domain_lane lane = 0; lane < LANES; lane++) {
		assert_int_equal(
			domain_due(txn, &(struct domain_queue){"le", lane}, 7, 4, names, &count),
			ERR_OK);
		assert_int_equal(count, lane == LANE_FIRST);
	}
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
}

/* Format 2 lacks the pool, and what a domain says of it: nothing is rewritten. */
static void
format_2_gets_a_pool_after_a_copy(void **state)
{
	struct tmpstore *t = *state;
	struct domain d = tmpstore_domain("a.example", 7), got;
	struct store_txn *txn;
	struct rawdb raw;
	unsigned char data[RAWDB_MAX];
	char dir[128];

	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	tmpstore_close(t);
	say_format_2(t, true);
	raw = rawdb_open(t->dir, "served", "pool");
	assert_int_equal(mdb_drop(raw.txn, raw.dbi, 1), 0);
	rawdb_close(&raw);
	tmpstore_open(t);
	assert_true(store_was_upgraded(t->store));
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_get(txn, &d.name, &got), ERR_OK);
	assert_int_equal(got.due_at, 7);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
	snprintf(dir, sizeof(dir), "%s/backup-before-4", t->dir);
	raw = rawdb_open(dir, "served", "meta");
	assert_int_equal(rawdb_get(&raw, "format", 6, data), 4);
	assert_int_equal(data[0], 2);
	rawdb_close(&raw);
}

static void
a_killed_upgrade_goes_on(void **state)
{
	struct tmpstore *t = *state;
	int kills = 0;

	srand(3);
	for (int round = 0; round < 5; round++) {
		start_over(t);
		for (int i = 0; i < 4; i++) {
			pid_t pid = fork();

			if (pid == 0) {
				tmpstore_open(t);
				_exit(0);
			}
			usleep((useconds_t)(rand() % 30000));
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			kills++;
		}
		tmpstore_open(t);
		assert_upgraded(t);
	}
	print_message("%d kills\n", kills);
}

static void
another_master_leaves_it_alone(void **state)
{
	struct tmpstore *t = *state;
	struct secret other = {0};
	struct problem why;
	struct store *store;

	start_over(t);
	assert_int_equal(secret_alloc(&other, STORE_MASTER_KEY_LEN), ERR_OK);
	assert_int_equal(store_open(t->dir, STORE_KEEPER, &other, &store, &why), ERR_CRYPTO);
	secret_done(&other);
	tmpstore_open(t);
	assert_upgraded(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_older_store_is_upgraded_after_a_copy),
		TEST(format_2_gets_a_pool_after_a_copy),
		TEST(format_3_gets_lanes),
		TEST(a_second_upgrade_has_a_copy_of_its_own),
		TEST(a_killed_upgrade_goes_on),
		TEST(another_master_leaves_it_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
