/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "store/rotate.h"
#include "store/store.h"

static const char credential_name[] = "certd.master";

/* Who may have a hand in a key: a credential is systemd's work, a file is ours alone. */
enum kind { PLAIN, CREDENTIAL };

static bool
is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() || st->st_uid == 0;
}

static enum err
check_owner(const struct stat *st, const char *path, struct problem *why)
{
	if (is_ours(st))
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL,
	            "the master key %s belongs to uid %u: it must belong to the user certd runs as "
	            "(chown %u)",
	            path, (unsigned)st->st_uid, (unsigned)geteuid());
	return ERR_PERM;
}

static enum err
check_plain(const struct stat *st, const char *path, struct problem *why)
{
	if ((st->st_mode & 077) == 0)
		return check_owner(st, path, why);
	problem_set(why, PROBLEM_INTERNAL,
	            "the master key %s is open to other users (mode %04o): chmod 0400", path,
	            (unsigned)st->st_mode & 07777);
	return ERR_PERM;
}

/* systemd 252 gives it root's with an access list that names our user, whose mask shows as the mode
 * 0440, or, where there are no such lists (ramfs), ours with 0400; in a directory of that kind. */
static enum err
check_credential(const struct stat *st, const char *path, struct problem *why)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat dir_st;

	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if ((st->st_mode & 037) == 0 && stat(dir, &dir_st) == 0 && is_ours(&dir_st) &&
	    (dir_st.st_mode & 022) == 0)
		return check_owner(st, path, why);
	problem_set(why, PROBLEM_INTERNAL,
	            "the master key %s is open to other users (mode %04o): as a credential it is "
	            "0400 or 0440, in a directory that nobody else writes to",
	            path, (unsigned)st->st_mode & 07777);
	return ERR_PERM;
}

static enum err
check_file(int fd, enum kind kind, const char *path, struct problem *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s is no master key: it must be a regular file of %d bytes", path,
		            STORE_MASTER_KEY_LEN);
		return ERR_INVALID;
	}
	if (st.st_size != STORE_MASTER_KEY_LEN) {
		problem_set(
			why, PROBLEM_INTERNAL,
			"%s is no master key: it has %lld bytes, not %d; bring back the key, or "
			"make one for a new store with certctl key init",
			path, (long long)st.st_size, STORE_MASTER_KEY_LEN);
		return ERR_INVALID;
	}
	return kind == PLAIN ? check_plain(&st, path, why) : check_credential(&st, path, why);
}

static enum err
say_unopened(const char *path, struct problem *why)
{
	if (errno == ENOENT)
		return ERR_NOTFOUND;
	if (errno == ELOOP)
		problem_set(why, PROBLEM_INTERNAL,
		            "the master key %s is a symbolic link: put the file itself there",
		            path);
	else
		problem_set(
			why, PROBLEM_INTERNAL,
			"cannot open the master key %s: %s; uid %u, which certd runs as, must be "
			"able to read it",
			path, strerror(errno), (unsigned)geteuid());
	return ERR_PERM;
}

static enum err
read_file(const char *path, enum kind kind, struct secret *ret_master, struct problem *why)
{
	/* A FIFO is to be refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum err err;

	if (fd < 0)
		return say_unopened(path, why);
	err = check_file(fd, kind, path, why);
	if (!err)
		err = secret_alloc(ret_master, STORE_MASTER_KEY_LEN);
	if (!err && read(fd, ret_master->data, STORE_MASTER_KEY_LEN) != STORE_MASTER_KEY_LEN) {
		problem_set(why, PROBLEM_INTERNAL, "cannot read the master key %s", path);
		err = ERR_IO;
	}
	close(fd);
	return err;
}

static enum err
say(struct problem *why, const char *what, const char *path)
{
	problem_set(why, PROBLEM_INTERNAL, "%s %s: %s", what, path, strerror(errno));
	return errno == ENOSPC ? ERR_FULL : errno == EEXIST ? ERR_EXISTS : ERR_IO;
}

/* What rename() and link() did in the directory of PATH is durable after this. */
static bool
sync_directory(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;
	bool ok;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Written aside, synced, then linked into place: never half a key under the final name, and never
 * in place of another. */
static enum err
write_file(const char *path, const struct secret *master, struct problem *why)
{
	char aside[PATH_MAX];
	int fd;
	bool ok;

	if (snprintf(aside, sizeof(aside), "%s.tmp", path) >= (int)sizeof(aside)) {
		errno = ENAMETOOLONG;
		return say(why, "cannot write a master key to", path);
	}
	unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return say(why, "cannot write a master key to", path);
	ok = write(fd, master->data, master->len) == (ssize_t)master->len && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && link(aside, path) == 0;
	if (!ok)
		(void)say(why, "cannot write a master key to", path);
	ok = unlink(aside) == 0 && ok && sync_directory(path);
	return ok ? ERR_OK : errno == EEXIST ? ERR_EXISTS : ERR_IO;
}

enum err
master_make(const char *path, struct secret *ret_master, struct problem *ret_why)
{
	struct stat st;
	enum err err;

	if (lstat(path, &st) == 0) {
		problem_set(
			ret_why, PROBLEM_INTERNAL,
			"%s is there already, and what is sealed with it would be lost: nothing "
			"is overwritten",
			path);
		return ERR_EXISTS;
	}
	err = secret_alloc(ret_master, STORE_MASTER_KEY_LEN);
	if (!err && RAND_priv_bytes(ret_master->data, STORE_MASTER_KEY_LEN) != 1)
		err = ERR_CRYPTO;
	return err ? err : write_file(path, ret_master, ret_why);
}

static const char *
credential_path(char path[PATH_MAX])
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (!credentials ||
	    snprintf(path, PATH_MAX, "%s/%s", credentials, credential_name) >= PATH_MAX)
		return NULL;
	return path;
}

static const char *
next_path(const struct conf *conf, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.next", conf->master_key);
	return path;
}

/* The file of `master-key`, and FILE.next behind it. That is read first: it may become FILE between
 * the two. */
static enum err
read_pair(const struct conf *conf, struct secret *ret_master, struct problem *why)
{
	char path[PATH_MAX];
	struct secret old = {0}, next = {0}, pair = {0};
	enum err err = read_file(next_path(conf, path), PLAIN, &next, why), none = err;

	if (!err || err == ERR_NOTFOUND)
		err = read_file(conf->master_key, PLAIN, &old, why);
	if (!err && none == ERR_NOTFOUND) {
		secret_take(ret_master, &old);
	} else if (!err) {
		err = secret_alloc(&pair, STORE_MASTER_PAIR_LEN);
		if (!err) {
			memcpy(mempcpy(pair.data, old.data, old.len), next.data, next.len);
			secret_take(ret_master, &pair);
		}
	}
	secret_done(&old);
	secret_done(&next);
	return err;
}

enum err
master_find(const struct conf *conf, struct secret *ret_master, struct problem *ret_why)
{
	char path[PATH_MAX];
	enum err err = ERR_NOTFOUND;

	if (credential_path(path))
		err = read_file(path, CREDENTIAL, ret_master, ret_why);
	if (err == ERR_NOTFOUND)
		err = read_pair(conf, ret_master, ret_why);
	if (err == ERR_NOTFOUND)
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "the master key %s is not there: bring back the one that the store was "
		            "sealed with",
		            conf->master_key);
	return err;
}

enum err
master_load(const struct conf *conf, struct secret *ret_master, struct problem *ret_why)
{
	enum err err = master_find(conf, ret_master, ret_why);

	if (err != ERR_NOTFOUND)
		return err;
	if (store_exists(conf->state_directory)) {
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "the store in %s is sealed, but its master key %s is not there: bring "
		            "the key back, or move the store away to start anew",
		            conf->state_directory, conf->master_key);
		return ERR_NOTFOUND;
	}
	err = master_make(conf->master_key, ret_master, ret_why);
	if (!err)
		log_notice("made a new master key, %s: keep a copy apart from the backups of the "
		           "store",
		           conf->master_key);
	return err;
}

/* ---- a change of the key -------------------------------------------------------------------- */

enum err
master_change_begin(const struct conf *conf, struct secret *ret_old, struct secret *ret_new,
                    struct problem *ret_why)
{
	char path[PATH_MAX];
	struct stat st;
	enum err err;

	if (credential_path(path) && lstat(path, &st) == 0) {
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "the master key is a systemd credential, which certd cannot write: "
		            "write it to a file of `master-key`, remove the credential, restart, "
		            "then change it");
		return ERR_UNSUPPORTED;
	}
	err = read_file(conf->master_key, PLAIN, ret_old, ret_why);
	if (err == ERR_NOTFOUND)
		problem_set(ret_why, PROBLEM_INTERNAL, "%s is not there", conf->master_key);
	if (err)
		return err;
	err = read_file(next_path(conf, path), PLAIN, ret_new, ret_why);
	return err == ERR_NOTFOUND ? master_make(path, ret_new, ret_why) : err;
}

enum err
master_change_end(const struct conf *conf, struct problem *ret_why)
{
	char path[PATH_MAX];

	if (rename(next_path(conf, path), conf->master_key) != 0 ||
	    !sync_directory(conf->master_key))
		return say(ret_why, "cannot put the new master key in place of", conf->master_key);
	return ERR_OK;
}

bool
master_change_settle(const struct conf *conf, struct store *store, const struct secret *master)
{
	struct secret old = {.data = master->data, .len = STORE_MASTER_KEY_LEN};
	struct secret new = {.data = master->data + old.len, .len = STORE_MASTER_KEY_LEN};
	struct problem why = {0};
	enum err err;

	if (master->len != STORE_MASTER_PAIR_LEN)
		return false;
	err = store_master_change(store, &old, &new);
	if (!err)
		err = master_change_end(conf, &why);
	if (err)
		log_warn("a change of the master key was interrupted and cannot be ended now, both "
		         "keys are in use until the next start: %s",
		         why.kind ? why.detail : err_text(err));
	else
		log_notice("the change of the master key that was interrupted is done");
	return !err;
}
