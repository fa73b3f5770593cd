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
#include "daemon/conf.h"
#include "store/rotate.h"
#include "store/store.h"

static const char credential_name[] = "certd.master";

/* The key file is ours alone: a regular file, owned by us, closed to everybody else. */
static enum err
check_file(int fd, const char *path, struct problem *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != STORE_MASTER_KEY_LEN) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s is no master key: it must be a file of %d bytes", path,
		            STORE_MASTER_KEY_LEN);
		return ERR_INVALID;
	}
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 077)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s must belong to the user of certd and be closed to all others: "
		            "chmod 0400",
		            path);
		return ERR_PERM;
	}
	return ERR_OK;
}

static enum err
read_file(const char *path, struct secret *ret_master, struct problem *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum err err;

	if (fd < 0 && errno == ENOENT)
		return ERR_NOTFOUND;
	if (fd < 0) {
		problem_set(why, PROBLEM_INTERNAL, "cannot open the master key %s: %s", path,
		            strerror(errno));
		return ERR_PERM;
	}
	err = check_file(fd, path, why);
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

enum err
master_find(const struct conf *conf, struct secret *ret_master, struct problem *ret_why)
{
	char path[PATH_MAX];
	enum err err = ERR_NOTFOUND;

	if (credential_path(path))
		err = read_file(path, ret_master, ret_why);
	if (err == ERR_NOTFOUND)
		err = read_file(conf->master_key, ret_master, ret_why);
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

static const char *
next_path(const struct conf *conf, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.next", conf->master_key);
	return path;
}

bool
master_change_is_open(const struct conf *conf)
{
	char path[PATH_MAX];
	struct stat st;

	return lstat(next_path(conf, path), &st) == 0;
}

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
	err = read_file(conf->master_key, ret_old, ret_why);
	if (err == ERR_NOTFOUND)
		problem_set(ret_why, PROBLEM_INTERNAL, "%s is not there", conf->master_key);
	if (err)
		return err;
	err = read_file(next_path(conf, path), ret_new, ret_why);
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

enum err
master_change_settle(const struct conf *conf, struct problem *ret_why)
{
	struct secret old = {0}, new = {0};
	struct store *store = NULL;
	enum err err = master_change_begin(conf, &old, &new, ret_why);

	if (err)
		return err;
	err = store_open_between(conf->state_directory, &old, &new, &store, ret_why);
	if (!err)
		err = store_master_change(store, &old, &new);
	store_close(store);
	if (err == ERR_CRYPTO)
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "a change of the master key was interrupted, and neither %s nor its "
		            ".next is the key of %s: bring back the right one",
		            conf->master_key, conf->state_directory);
	if (!err)
		err = master_change_end(conf, ret_why);
	secret_done(&old);
	secret_done(&new);
	return err;
}
