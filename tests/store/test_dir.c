/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

static long magic; /* what every directory is said to be on; 0: the truth */

/* The C library's, as the store calls it: no network file system can be mounted in a test. */
int
fstatfs(int fd, struct statfs *fs)
{
	static int (*real)(int, struct statfs *);
	int rc;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fstatfs");
	rc = real(fd, fs);
	if (rc == 0 && magic)
		fs->f_type = (__typeof__(fs->f_type))magic;
	return rc;
}

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	tmpstore_init(t);
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

static const char *
under(const struct tmpstore *t, const char *rest)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s", t->dir, rest);
	return path;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Opening T must fail with ERR and a sentence that has WORDS. */
static void
assert_refused(struct tmpstore *t, enum err err, const char *words)
{
	struct problem why;
	struct store *store = NULL;

	assert_int_equal(store_open(t->dir, STORE_KEEPER, &t->master, &store, &why), err);
	assert_null(store);
	assert_int_equal(why.kind, PROBLEM_INTERNAL);
	if (!strstr(why.detail, words))
		fail_msg("\"%s\" does not say \"%s\"", why.detail, words);
}

static void
link_elsewhere(const struct tmpstore *t)
{
	assert_int_equal(rename(t->dir, under(t, ".real")), 0);
	assert_int_equal(symlink("state.real", t->dir), 0);
}

static void
file_instead(const struct tmpstore *t)
{
	assert_int_equal(rename(t->dir, under(t, ".real")), 0);
	close(open(t->dir, O_CREAT | O_WRONLY, 0600));
}

static void
link_served(const struct tmpstore *t)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", under(t, "/served"));
	assert_int_equal(rename(from, under(t, ".served")), 0);
	assert_int_equal(symlink("../state.served", from), 0);
}

static void
link_data(const struct tmpstore *t)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", under(t, "/served/data.mdb"));
	assert_int_equal(rename(from, under(t, ".data")), 0);
	assert_int_equal(symlink(under(t, ".data"), from), 0);
}

static void
hard_link_data(const struct tmpstore *t)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", under(t, "/served/data.mdb"));
	assert_int_equal(link(from, under(t, ".data")), 0);
}

static void
fifo_for_lock(const struct tmpstore *t)
{
	assert_int_equal(unlink(under(t, "/served/lock.mdb")), 0);
	assert_int_equal(mkfifo(under(t, "/served/lock.mdb"), 0600), 0);
}

static void
group_writes(const struct tmpstore *t)
{
	assert_int_equal(chmod(t->dir, 0770), 0);
}

static void
all_read_served(const struct tmpstore *t)
{
	assert_int_equal(chmod(under(t, "/served"), 0755), 0);
}

static void
all_write_data(const struct tmpstore *t)
{
	assert_int_equal(chmod(under(t, "/private/data.mdb"), 0666), 0);
}

static void
noise_for_data(const struct tmpstore *t)
{
	int fd = open(under(t, "/served/data.mdb"), O_WRONLY | O_TRUNC);

	for (int i = 0; i < 1024; i++)
		assert_int_equal(write(fd, "noise!!\n", 8), 8);
	close(fd);
}

static void
other_owner(const struct tmpstore *t)
{
	assert_int_equal(chown(t->dir, 12345, (gid_t)-1), 0);
}

static void
other_owner_of_served(const struct tmpstore *t)
{
	assert_int_equal(chown(under(t, "/served"), 12345, (gid_t)-1), 0);
}

static void
unsafe_places_are_refused(void **state)
{
	static const struct {
		void (*spoil)(const struct tmpstore *t);
		enum err err;
		const char *words;
		bool as_root;
	} cases[] = {
		{link_elsewhere, ERR_PERM, "a symbolic link", false},
		{file_instead, ERR_PERM, "a file, not a directory", false},
		{link_served, ERR_PERM, "a symbolic link", false},
		{link_data, ERR_PERM, "no regular file", false},
		{hard_link_data, ERR_PERM, "linked from elsewhere", false},
		{fifo_for_lock, ERR_PERM, "no regular file", false},
		{group_writes, ERR_PERM, "chmod g-w,o-w", false},
		{all_read_served, ERR_PERM, "chmod g-w,o-rwx", false},
		{all_write_data, ERR_PERM, "chmod g-w,o-rwx", false},
		{noise_for_data, ERR_CORRUPT, "restore it from a backup", false},
		{other_owner, ERR_PERM, "belongs to uid 12345", true},
		{other_owner_of_served, ERR_PERM, "belongs to uid 12345", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpstore t;

		if (cases[i].as_root && geteuid() != 0)
			continue;
		tmpstore_init(&t);
		tmpstore_open(&t);
		tmpstore_close(&t);
		cases[i].spoil(&t);
		assert_refused(&t, cases[i].err, cases[i].words);
		strcat(t.dir, "//");
		assert_refused(&t, cases[i].err, cases[i].words);
		tmpstore_done(&t);
	}
}

static void
network_file_systems_are_known(void **state)
{
	(void)state;
	assert_true(dir_fs_is_remote(0x6969));                         /* NFS */
	assert_true(dir_fs_is_remote((unsigned long)(int)0xff534d42)); /* CIFS, sign-extended */
	assert_false(dir_fs_is_remote(0xef53));                        /* ext4 */
	assert_false(dir_fs_is_remote(0x58465342));                    /* xfs */
	assert_false(dir_fs_is_remote(0x01021994));                    /* tmpfs */
}

static void
a_store_on_a_network_file_system_is_refused(void **state)
{
	static const long magics[] = {0x6969, 0xff534d42, 0x01021997, 0x00c36400};
	struct tmpstore *t = *state;
	struct problem why;
	int fd;

	tmpstore_open(t);
	tmpstore_close(t);
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		magic = magics[i];
		assert_refused(t, ERR_UNSUPPORTED, "network file system");
		assert_int_equal(store_lock(t->dir, &fd, &why), ERR_UNSUPPORTED);
		assert_non_null(strstr(why.detail, "use a local disk"));
	}
	magic = 0;
	tmpstore_open(t);
}

static void
a_second_lock_is_refused(void **state)
{
	struct tmpstore *t = *state;
	struct problem why;
	int fd, second = -1;

	assert_int_equal(store_lock(t->dir, &fd, &why), ERR_OK);
	assert_int_equal(mode_of(under(t, "/certd.lock")), 0600);
	assert_int_equal(store_lock(t->dir, &second, &why), ERR_BUSY);
	assert_int_equal(second, -1);
	assert_non_null(strstr(why.detail, "in use by another certd (process "));
	tmpstore_open(t); /* the lock is not the store's business */
	close(fd);
	assert_int_equal(store_lock(t->dir, &fd, &why), ERR_OK);
	close(fd);
	unlink(under(t, "/certd.lock"));
	assert_int_equal(symlink("elsewhere", under(t, "/certd.lock")), 0);
	assert_int_not_equal(store_lock(t->dir, &fd, &why), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsafe_places_are_refused),
		cmocka_unit_test(network_file_systems_are_known),
		TEST(a_store_on_a_network_file_system_is_refused),
		TEST(a_second_lock_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
