/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/eab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/binding.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"

enum { KEY_FILE_MAX = 4096 };

static enum err
find(const struct conf_eab *eab, char path[PATH_MAX], struct problem *why)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int len;

	if (eab->file) {
		len = snprintf(path, PATH_MAX, "%s", eab->file);
	} else if (dir && *dir == '/') {
		len = snprintf(path, PATH_MAX, "%s/%s", dir, eab->credential);
	} else {
		problem_set(why, PROBLEM_CA_ACCOUNT,
		            "the external account binding's key is to be the credential %s, and "
		            "certd was started without credentials (LoadCredential= of its unit)",
		            eab->credential);
		return ERR_NOTFOUND;
	}
	return len > 0 && len < PATH_MAX ? ERR_OK : ERR_TOOBIG;
}

static enum err
check(int fd, const char *path, struct problem *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX)
		problem_set(why, PROBLEM_CA_ACCOUNT,
		            "%s is not the key of an external account binding: it must be a "
		            "regular file of at most %d bytes",
		            path, KEY_FILE_MAX);
	else if (st.st_mode & 07)
		problem_set(why, PROBLEM_CA_ACCOUNT,
		            "%s, the key of an external account binding, is open to everybody "
		            "(mode %04o): chmod 0640",
		            path, (unsigned)st.st_mode & 07777);
	else
		return ERR_OK;
	return ERR_PERM;
}

static enum err
read_key(int fd, const char *path, struct secret *ret_key, struct problem *why)
{
	char text[KEY_FILE_MAX];
	ssize_t len = read(fd, text, sizeof(text));
	enum err err = len < 0 ? ERR_IO : binding_key_parse(text, (size_t)len, ret_key);

	OPENSSL_cleanse(text, sizeof(text));
	if (err == ERR_IO)
		problem_set(why, PROBLEM_CA_ACCOUNT, "cannot read %s: %s", path, strerror(errno));
	else if (err)
		problem_set(why, PROBLEM_CA_ACCOUNT,
		            "%s is not the key of an external account binding: base64url, as the "
		            "CA gave it",
		            path);
	return err;
}

enum err
eab_read(const struct conf_eab *eab, struct secret *ret_key, struct problem *ret_why)
{
	char path[PATH_MAX];
	enum err err;
	int fd;

	if (!eab->kid)
		return ERR_NOTFOUND;
	if (find(eab, path, ret_why))
		return ERR_INVALID;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		problem_set(ret_why, PROBLEM_CA_ACCOUNT,
		            "cannot open %s, the key of an external account binding: %s; uid %u, "
		            "which certd runs as, must be able to read it",
		            path, strerror(errno), (unsigned)geteuid());
		return ERR_PERM;
	}
	err = check(fd, path, ret_why);
	if (!err)
		err = read_key(fd, path, ret_key, ret_why);
	close(fd);
	return err;
}
