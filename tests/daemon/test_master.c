/* SPDX-License-Identifier: Apache-2.0 */
/* Where the master key is looked for, what is refused, and whether the sentence says what to do. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/master.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NOBODY = 65534, PATH_ROOM = 600 };

enum shape { NOTHING, FILE_OF, LINK, FIFO, FOLDER };

struct place {
	enum shape shape;
	int bytes;
	mode_t mode;
	uid_t owner; /* 0: who runs the test */
	mode_t dir_mode;
};

struct given {
	const char *name;
	struct place file, next, credential;
	bool store; /* there is one already */
	uid_t as;   /* who looks; 0: who runs the test */
	bool root;  /* only root can set this up */
	enum err err;
	size_t len; /* of the key found */
	const char *words[3];
};

#define GOOD                                                                                       \
	{                                                                                          \
		FILE_OF, 32, 0400, 0, 0                                                            \
	}

static const struct given table[] = {
	/* accepted */
	{"a file", .file = GOOD, .len = 32},
	{"a file that its owner may write", .file = {FILE_OF, 32, 0600, 0, 0}, .len = 32},
	{"a change in the middle", .file = GOOD, .next = GOOD, .len = 64},
	{"a credential, ramfs", .credential = {FILE_OF, 32, 0400, 0, 0500}, .len = 32},
	{"a credential, access list", .credential = {FILE_OF, 32, 0440, 0, 0550}, .len = 32},
	{"root's, read by our user", .credential = {FILE_OF, 32, 0440, 0, 0550}, .as = NOBODY,
         .root = true, .len = 32},
	{"ours, of a service user", .credential = {FILE_OF, 32, 0400, NOBODY, 0550}, .as = NOBODY,
         .root = true, .len = 32},
	{"a credential goes before a file", .file = {FILE_OF, 7, 0444, 0, 0},
         .credential = {FILE_OF, 32, 0400, 0, 0500}, .len = 32},
	{"and before a change", .file = GOOD, .next = GOOD,
         .credential = {FILE_OF, 32, 0400, 0, 0500}, .len = 32},
	/* refused */
	{"no key", .store = true, .err = ERR_NOTFOUND,
         .words = {"master.key", "is not there", "bring"}},
	{"only .next", .next = GOOD, .store = true, .err = ERR_NOTFOUND,
         .words = {"master.key", "is not there", "bring"}},
	{"too short", .file = {FILE_OF, 31, 0400, 0, 0}, .err = ERR_INVALID,
         .words = {"31 bytes, not 32", "bring back the key", "certctl key init"}},
	{"too long", .file = {FILE_OF, 33, 0400, 0, 0}, .err = ERR_INVALID,
         .words = {"33 bytes, not 32", "bring back the key", "certctl key init"}},
	{"empty", .file = {FILE_OF, 0, 0400, 0, 0}, .err = ERR_INVALID, .words = {"0 bytes"}},
	{"read by the group", .file = {FILE_OF, 32, 0440, 0, 0}, .err = ERR_PERM,
         .words = {"open to other users", "0440", "chmod 0400"}},
	{"read by all", .file = {FILE_OF, 32, 0644, 0, 0}, .err = ERR_PERM,
         .words = {"open to other users", "0644", "chmod 0400"}},
	{"another's", .file = {FILE_OF, 32, 0400, 4711, 0}, .root = true, .err = ERR_PERM,
         .words = {"belongs to uid 4711", "chown 0"}},
	{"root's alone", .file = GOOD, .as = NOBODY, .root = true, .err = ERR_PERM,
         .words = {"Permission denied", "uid 65534", "must be able to read it"}},
	{"a symbolic link", .file = {LINK, 32, 0400, 0, 0}, .err = ERR_PERM,
         .words = {"is a symbolic link", "put the file itself there"}},
	{"a FIFO", .file = {FIFO, 0, 0400, 0, 0}, .err = ERR_INVALID,
         .words = {"must be a regular file of 32 bytes"}},
	{"a directory", .file = {FOLDER, 0, 0700, 0, 0}, .err = ERR_INVALID,
         .words = {"must be a regular file of 32 bytes"}},
	{"a .next that is cut", .file = GOOD, .next = {FILE_OF, 5, 0400, 0, 0}, .err = ERR_INVALID,
         .words = {"master.key.next", "5 bytes, not 32"}},
	{"a credential for all", .file = GOOD, .credential = {FILE_OF, 32, 0444, 0, 0500},
         .err = ERR_PERM, .words = {"certd.master", "open to other users", "0400 or 0440"}},
	{"a credential its group writes", .credential = {FILE_OF, 32, 0460, 0, 0500},
         .err = ERR_PERM, .words = {"certd.master", "0460"}},
	{"a credential in a directory for all", .credential = {FILE_OF, 32, 0400, 0, 0777},
         .err = ERR_PERM, .words = {"certd.master", "a directory that nobody else writes to"}},
	{"a credential of another", .credential = {FILE_OF, 32, 0440, 4711, 0500}, .root = true,
         .err = ERR_PERM, .words = {"certd.master", "belongs to uid 4711"}},
	{"a credential that is a link", .credential = {LINK, 32, 0400, 0, 0500}, .err = ERR_PERM,
         .words = {"certd.master", "is a symbolic link"}},
	{"a credential that is cut", .credential = {FILE_OF, 3, 0400, 0, 0500}, .err = ERR_INVALID,
         .words = {"certd.master", "3 bytes, not 32"}},
};

static void
write_bytes(const char *path, const struct place *p, int fill)
{
	char bytes[64];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	memset(bytes, fill, sizeof(bytes));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, (size_t)p->bytes), p->bytes);
	assert_int_equal(fchmod(fd, p->mode), 0);
	close(fd);
}

static void
put(const char *path, const struct place *p, int fill)
{
	char target[PATH_ROOM + 8];

	snprintf(target, sizeof(target), "%s.real", path);
	if (p->shape == FILE_OF)
		write_bytes(path, p, fill);
	if (p->shape == LINK) {
		write_bytes(target, p, fill);
		assert_int_equal(symlink(target, path), 0);
	}
	if (p->shape == FIFO)
		assert_int_equal(mkfifo(path, p->mode), 0);
	if (p->shape == FOLDER)
		assert_int_equal(mkdir(path, p->mode), 0);
	if (p->owner)
		assert_int_equal(lchown(path, p->owner, (gid_t)-1), 0);
}

/* The key's file, its .next and the credential below DIR; the configuration that names them. */
static void
arrange(const struct given *g, const char *dir, char state[PATH_ROOM], char key[PATH_ROOM])
{
	char path[PATH_ROOM + 32], credentials[PATH_ROOM];

	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(state, PATH_ROOM, "%s/state", dir);
	snprintf(key, PATH_ROOM, "%s/master.key", dir);
	snprintf(credentials, sizeof(credentials), "%s/credentials", dir);
	put(key, &g->file, 'k');
	snprintf(path, sizeof(path), "%s.next", key);
	put(path, &g->next, 'n');
	unsetenv("CREDENTIALS_DIRECTORY");
	if (g->credential.shape == NOTHING)
		return;
	assert_int_equal(mkdir(credentials, 0700), 0);
	snprintf(path, sizeof(path), "%s/certd.master", credentials);
	put(path, &g->credential, 'c');
	if (g->as) /* as an access list would, which shows as the same mode */
		assert_int_equal(
			lchown(path, (uid_t)-1, NOBODY) | lchown(credentials, (uid_t)-1, NOBODY),
			0);
	assert_int_equal(chmod(credentials, g->credential.dir_mode), 0);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
}

static void
look(const struct given *g, const struct conf *conf)
{
	struct secret master = {0};
	struct problem why = {0};
	enum err err;

	if (g->as)
		assert_int_equal(setegid(NOBODY) | seteuid(g->as), 0);
	err = master_find(conf, &master, &why);
	if (g->as)
		assert_int_equal(seteuid(0) | setegid(0), 0);
	if (err != g->err)
		print_message("%s: %s\n", g->name, why.detail);
	assert_int_equal(err, g->err);
	assert_int_equal(master.len, g->len);
	for (size_t i = 0; i < 3 && g->words[i]; i++)
		if (!strstr(why.detail, g->words[i]))
			fail_msg("%s: \"%s\" is not in: %s", g->name, g->words[i], why.detail);
	if (g->len)
		assert_int_equal(master.data[0], g->credential.shape ? 'c' : 'k');
	if (g->len == STORE_MASTER_PAIR_LEN)
		assert_int_equal(master.data[STORE_MASTER_KEY_LEN], 'n');
	secret_done(&master);
}

static void
test_found_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct tmpstore t;
		char dir[PATH_ROOM], key[PATH_ROOM], command[PATH_ROOM];
		struct conf conf = {.state_directory = dir, .master_key = key};

		if (table[i].root && geteuid() != 0)
			continue;
		tmpstore_init(&t);
		arrange(&table[i], t.parent, dir, key);
		look(&table[i], &conf);
		snprintf(command, sizeof(command), "chmod -R u+rwX %s", t.parent);
		assert_int_equal(system(command), 0);
		tmpstore_done(&t);
	}
	unsetenv("CREDENTIALS_DIRECTORY");
}

/* The first start makes a key, and only that: a store without its key is not begun anew. */
static void
test_made_at_the_first_start(void **state)
{
	struct tmpstore t;
	char key[PATH_ROOM];
	struct conf conf = {.state_directory = t.dir, .master_key = key};
	struct secret made = {0}, again = {0};
	struct problem why = {0};
	struct stat st;

	(void)state;
	tmpstore_init(&t);
	snprintf(key, sizeof(key), "%s/master.key", t.parent);
	assert_int_equal(master_find(&conf, &made, &why), ERR_NOTFOUND);
	assert_int_equal(master_load(&conf, &made, &why), ERR_OK);
	assert_int_equal(lstat(key, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	assert_int_equal(master_load(&conf, &again, &why), ERR_OK);
	assert_int_equal(again.len, STORE_MASTER_KEY_LEN);
	assert_memory_equal(made.data, again.data, again.len);
	assert_int_equal(master_make(key, &again, &why), ERR_EXISTS);
	tmpstore_open(&t);
	tmpstore_close(&t);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(master_load(&conf, &again, &why), ERR_NOTFOUND);
	assert_non_null(strstr(why.detail, "bring the key back, or move the store away"));
	assert_int_equal(lstat(key, &st), -1);
	secret_done(&made);
	secret_done(&again);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_or_refused),
		cmocka_unit_test(test_made_at_the_first_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
