/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/master.h"

#include <errno.h>
#include <fcntl.h>
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

/* Written aside, synced, then linked into place: never half a key under the final name. */
static enum err
write_file(const char *path, const struct secret *master)
{
	char aside[4096];
	int fd;
	bool ok;

	if (snprintf(aside, sizeof(aside), "%s.new", path) >= (int)sizeof(aside))
		return ERR_TOOBIG;
	unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return ERR_IO;
	ok = write(fd, master->data, master->len) == (ssize_t)master->len && fsync(fd) == 0;
	close(fd);
	ok = ok && link(aside, path) == 0;
	unlink(aside);
	return ok ? ERR_OK : ERR_IO;
}

static enum err
make_file(const char *path, struct secret *ret_master, struct problem *why)
{
	enum err err = secret_alloc(ret_master, STORE_MASTER_KEY_LEN);

	if (!err && RAND_priv_bytes(ret_master->data, STORE_MASTER_KEY_LEN) != 1)
		err = ERR_CRYPTO;
	if (!err)
		err = write_file(path, ret_master);
	if (err) {
		problem_set(why, PROBLEM_INTERNAL, "cannot write a new master key to %s: %s", path,
		            errno ? strerror(errno) : err_text(err));
		return err;
	}
	log_notice("made a new master key, %s: keep a copy apart from the backups of the store",
	           path);
	return ERR_OK;
}

enum err
master_load(const struct conf *conf, struct secret *ret_master, struct problem *ret_why)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	enum err err = ERR_NOTFOUND;

	if (credentials &&
	    snprintf(path, sizeof(path), "%s/%s", credentials, credential_name) < (int)sizeof(path))
		err = read_file(path, ret_master, ret_why);
	if (err == ERR_NOTFOUND)
		err = read_file(conf->master_key, ret_master, ret_why);
	if (err != ERR_NOTFOUND)
		return err;
	if (store_exists(conf->state_directory)) {
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "the store in %s is sealed, but its master key %s is not there: bring "
		            "the key back, "
		            "or move the store away to start anew",
		            conf->state_directory, conf->master_key);
		return ERR_NOTFOUND;
	}
	return make_file(conf->master_key, ret_master, ret_why);
}
