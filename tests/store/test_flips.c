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
#include "store/backup.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/mend.h"
#include "store/quarantine.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 100, FLIPS = 200, LEAF = 700, FILE_MAX = 4 << 20, CUTS = 20, ROUNDS = 4 };
enum { STORMS = 60, STORM = 12, METAS = 8192 };

/* What a child found, in memory it shares with us: it may not live to say so. */
struct found {
	unsigned wrong;    /* certificates that are not what was stored: must stay 0 */
	unsigned served;   /* whole ones */
	unsigned refused;  /* named as damaged by the get, or missing */
	unsigned findings; /* of store_check() */
	unsigned left;     /* names that domain_check() still complains of after the repair */
	unsigned anew;     /* names that were lost and are made anew or issued again */
	bool opened;       /* or refused with a sentence */
	bool read, checked, repaired; /* lived to its end */
	bool pages;                   /* the repair found pages damaged, and wrote nothing */
	bool compact;                 /* the check asks for it */
	bool table_lost;              /* the check says so */
	bool is_refused[NAMES];
	bool is_told[NAMES]; /* an event names it */
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
		cert.generation = i + 1;
		domain_take_cert(&d, &cert, true);
		assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
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
		found->is_refused[i] = err != ERR_OK;
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
	found->read = true;
}

static void
note(void *arg, const struct check_finding *f)
{
	(void)arg;
	/* What the log of changes says is told and stays: it may be right. A chain comes again with
	 * the next renewal. */
	if (strcmp(f->table, "change") == 0 || strncmp(f->table, "gone", 4) == 0 ||
	    strstr(f->what, "the chain of") || strcmp(f->table, "chain") == 0)
		return;
	/* As when the check does not live to its end: the whole table is named, for a restore. */
	if (strstr(f->what, "restore a backup") && !f->key[0]) {
		found->table_lost = true;
		return;
	}
	found->findings += f->err != ERR_OK;
	found->compact = found->compact || strstr(f->what, "certctl db compact");
}

static void
told(void *arg, const struct event *e)
{
	unsigned i;

	(void)arg;
	if (sscanf(e->name, "n%3u.example", &i) == 1 && i < NAMES && strlen(e->name) == 12) {
		found->is_told[i] = true;
		found->anew += strstr(e->detail, "issued again") != NULL;
	}
}

static void
choose(void *arg, struct domain *d)
{
	(void)arg;
	strcpy(d->ca, "le");
	strcpy(d->backend, "web");
}

static enum err
mend_all(struct store *store)
{
	const struct mend_policy policy = {.now = 1, .choose = choose, .told = told, .stuck = told};
	struct mend *mend;
	uint64_t names, done;
	bool more = true;
	enum err err = ERR_OK;

	for (int i = 0; i < 5 && more && !err; i++) {
		err = mend_scan(store, NULL, NULL, &mend);
		if (err)
			break;
		more = mend_has_more(mend);
		err = mend_apply(store, mend, &policy, &names, &done);
		mend_free(mend);
	}
	return err;
}

/* Puts a certificate aside that does not open. */
static void
repair_one(struct store *store, const struct hostname *name)
{
	struct store_txn *txn;
	struct event e = {.at = 1};
	enum err err = store_begin_write(store, STORE_SERVED, &txn);

	if (err)
		return;
	err = domain_check(txn, name);
	if (!err) {
		store_abort(txn);
		return;
	}
	err = domain_quarantine(txn, name, "flipped", 1, &e);
	err = store_finish(txn, err);
	found->left += err != ERR_OK;
	if (err == ERR_IO) /* its page is damaged, and upkeep says so */
		snprintf(e.name, sizeof(e.name), "%s", name->name);
	if (!err || err == ERR_IO)
		told(NULL, &e);
}

/* What the keeper does about it. */
static void
repair(struct store *store)
{
	enum err err = mend_all(store);

	found->left = 0;
	for (unsigned i = 0; i < NAMES && !err; i++) {
		struct hostname name = {0};

		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%03u.example", i);
		repair_one(store, &name);
	}
	found->pages = err == ERR_CORRUPT;
	found->repaired = !err;
}

/* One after another, since LMDB may end each. */
static void
in_a_child(struct tmpstore *t, int what)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct check_result result;
		struct store_copied copied;
		struct problem why;
		struct store *store;
		struct rlimit none = {0};

		setrlimit(RLIMIT_CORE, &none);
		for (int s = 1; s < 32; s++) /* cmocka's and the sanitizers' */
			signal(s, SIG_DFL);
		alarm(20);
		close(2);
		if (what == 3)
			_exit(store_compact(t->dir, &t->master, &copied, &why) != ERR_OK);
		if (what == 1) {
			found->checked =
				!store_check(t->dir, &t->master, note, NULL, &result, &why);
			_exit(0);
		}
		if (store_open(t->dir, what == 0 ? STORE_FRONT : STORE_KEEPER, &t->master, &store,
		               &why)) {
			found->opened = why.detail[0];
			_exit(0);
		}
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
	if (found->read && found->refused && found->checked && !found->table_lost)
		assert_true(found->findings > 0);
}

/* Adds up over all flips. */
static struct {
	unsigned unharmed, named, ended, refused, died, pages, repaired, anew, served_again,
		compacted;
} sum;

/* The repair, the check that the daemon makes run behind it, and what that asks the operator for.
 */
static void
repair_until_clean(struct tmpstore *t)
{
	found->findings = 1;
	for (int round = 0; round < ROUNDS && found->findings; round++) {
		found->opened = found->checked = found->repaired = found->compact = false;
		in_a_child(t, 2);
		assert_true(found->opened || !found->repaired);
		sum.pages += found->pages;
		if (!found->repaired && !found->pages)
			return;
		found->findings = 0;
		in_a_child(t, 1);
		assert_true(found->checked);
		if (found->compact) {
			in_a_child(t, 3);
			sum.compacted++;
		}
	}
	assert_int_equal(found->findings, 0);
	assert_int_equal(found->left, 0);
}

/* Of what the front refused, each name is told by an event; what is not served behind it, too; and
 * a check has nothing to find any more. */
static void
repair_and_look(struct tmpstore *t)
{
	bool was_refused[NAMES];

	memcpy(was_refused, found->is_refused, sizeof(was_refused));
	repair_until_clean(t);
	sum.died += !found->repaired;
	found->read = false;
	in_a_child(t, 0);
	assert_int_equal(found->wrong, 0);
	if (!found->repaired || found->table_lost)
		return;
	sum.repaired++;
	sum.anew += found->anew;
	assert_true(found->read);
	for (int i = 0; i < NAMES; i++) {
		assert_true(!was_refused[i] || found->is_told[i]);
		assert_true(!found->is_refused[i] || found->is_told[i]);
		sum.served_again += was_refused[i] && !found->is_refused[i];
	}
}

static void
flip_and_look(struct tmpstore *t, const char *path, unsigned char *bytes, size_t len)
{
	size_t at = (size_t)rand() % len;
	unsigned char bit = (unsigned char)(1 << rand() % 8);

	bytes[at] ^= bit;
	save(path, bytes, len);
	bytes[at] ^= bit;
	look(t);
	sum.refused += found->refused;
	if (found->table_lost) {
		sum.ended++;
		return;
	}
	sum.ended += !found->checked;
	sum.named += found->checked && found->findings;
	sum.unharmed += found->checked && !found->findings;
	if (found->read && !found->findings && found->checked)
		assert_int_equal(found->served, NAMES);
	if (found->checked && (found->refused || found->findings))
		repair_and_look(t);
}

static void
no_wrong_certificate_is_ever_served(void **state)
{
	unsigned char *whole = malloc(FILE_MAX);
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
	for (int i = 0; i < FLIPS; i++)
		flip_and_look(&t, path, whole, len);
	print_message("%d flips: %u without harm, %u named, %u ended the check; %u of %u lookups "
	              "refused; %u repaired (%u names told, %u served again at once), %u with "
	              "damaged pages, %u compacted, %u ended the repair\n",
	              FLIPS, sum.unharmed, sum.named, sum.ended, sum.refused, FLIPS * NAMES,
	              sum.repaired, sum.anew, sum.served_again, sum.pages, sum.compacted, sum.died);
	/* The flips are always the same, so are most of their fates. */
	assert_true(sum.repaired >= FLIPS / 4 && sum.anew >= FLIPS / 8);
	assert_true(sum.ended + sum.died <= FLIPS / 10);
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
	tmpstore_done(&t);
}

/* ---- who writes ----------------------------------------------------------------------------- */

/* Another certificate for each name, as renewals do: pages are filled, split and merged. */
static void
renew_all(struct store *store)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct cert cert = tmpstore_cert(i, LEAF);
		struct hostname name = {0};
		struct buf chain = {0};
		struct store_txn *txn;
		struct domain d;
		enum err err;

		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%03u.example", i);
		if (store_begin_write(store, STORE_SERVED, &txn))
			_exit(1);
		err = domain_get(txn, &name, &d);
		if (!err)
			err = cert_next_generation(txn, &d, &cert.generation);
		if (!err) {
			domain_take_cert(&d, &cert, true);
			err = cert_pool_put(txn, &name, 1, &cert, &chain);
		}
		if (!err)
			err = domain_put(txn, &d);
		if (err || store_commit(txn))
			store_abort(err ? txn : NULL);
		cert_done(&cert);
	}
}

enum { REFUSED = 1, DAMAGED, SOUND };

/* What the probe does before a start. */
static int
look_at_pages(const struct tmpstore *t)
{
	struct problem why;
	struct store *store;

	if (store_open(t->dir, STORE_READER, &t->master, &store, &why) ||
	    store_check_length(store) || store_check_ends(store))
		return REFUSED;
	if (store_check_free_list(store, STORE_SERVED) ||
	    store_check_pages(store, STORE_SERVED, 10000))
		return DAMAGED;
	return SOUND;
}

static int
repair_and_renew(const struct tmpstore *t)
{
	struct problem why;
	struct store *store;

	if (store_open(t->dir, STORE_KEEPER, &t->master, &store, &why))
		return 0;
	repair(store);
	for (int i = 0; i < 3; i++)
		renew_all(store);
	return 0;
}

static int
status_of(const struct tmpstore *t, int (*what)(const struct tmpstore *t))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct rlimit none = {0};

		setrlimit(RLIMIT_CORE, &none);
		for (int s = 1; s < 32; s++)
			signal(s, SIG_DFL);
		alarm(60);
		_exit(what(t));
	}
	assert_true(pid > 0);
	waitpid(pid, &status, 0);
	return status;
}

/* With all pages sound LMDB neither crashes nor writes where it must not, whatever is wrong in the
 * records; what reading ends, in the probe, never gets a writer. */
static void
who_writes_on_sound_pages_lives(void **state)
{
	unsigned char *whole = malloc(FILE_MAX), *bytes = malloc(FILE_MAX);
	unsigned sound = 0, damaged = 0;
	struct tmpstore t;
	char path[128];
	size_t len;

	(void)state;
	srand(7);
	tmpstore_init(&t);
	tmpstore_open(&t);
	fill(&t);
	renew_all(t.store);
	tmpstore_close(&t);
	snprintf(path, sizeof(path), "%s/served/data.mdb", t.dir);
	len = load(path, whole);
	for (int i = 0; i < STORMS; i++) {
		int status;

		memcpy(bytes, whole, len);
		for (int flip = 0; flip < STORM; flip++)
			bytes[METAS + (size_t)rand() % (len - METAS)] ^=
				(unsigned char)(1 << rand() % 8);
		save(path, bytes, len);
		status = status_of(&t, look_at_pages);
		damaged += WIFEXITED(status) && WEXITSTATUS(status) == DAMAGED;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != SOUND)
			continue;
		sound++;
		assert_int_equal(status_of(&t, repair_and_renew), 0);
		memset(found, 0, sizeof(*found));
		in_a_child(&t, 0);
		assert_true(found->opened && found->read);
		assert_int_equal(found->wrong, 0);
		assert_int_equal(status_of(&t, look_at_pages), SOUND << 8);
	}
	print_message("%d times %d flips: %u with sound pages, %u with damaged ones\n", STORMS,
	              STORM, sound, damaged);
	assert_true(sound >= STORMS / 4 && damaged >= STORMS / 8);
	free(bytes);
	free(whole);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wrong_certificate_is_ever_served),
		cmocka_unit_test(who_writes_on_sound_pages_lives),
	};

	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
