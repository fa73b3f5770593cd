/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/problem.h"
#include "store/store.h"

enum { STATE_DIR_MODE = 0750, LOCK_MODE = 0600, USER_TEXT_MAX = 64 };

static const char lock_name[] = "certd.lock";

/* statfs(2), linux/magic.h, and the file systems' own sources */
static const unsigned long remote_magics[] = {
	0x6969,     /* NFS */
	0x517b,     /* SMB */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB2 */
	0x01021997, /* 9p */
	0x00c36400, /* Ceph */
	0x5346414f, /* AFS */
	0x73757245, /* Coda */
	0x0bd00bd0, /* Lustre */
	0x7461636f, /* OCFS2 */
	0x01161970, /* GFS2 */
};

bool
dir_fs_is_remote(unsigned long magic)
{
	for (size_t i = 0; i < sizeof(remote_magics) / sizeof(remote_magics[0]); i++)
		if ((magic & 0xffffffff) == remote_magics[i])
			return true;
	return false;
}

static enum err
say_errno(struct problem *why, int number, const char *path, const char *what)
{
	problem_set(why, PROBLEM_INTERNAL, "%s: %s: %s", path, what, strerror(number));
	switch (number) {
	case ENOENT:
		return ERR_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERM;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

static const char *
user_text(uid_t uid, char text[USER_TEXT_MAX])
{
	struct passwd pw, *found = NULL;
	char space[1024];

	if (getpwuid_r(uid, &pw, space, sizeof(space), &found) == 0 && found)
		snprintf(text, USER_TEXT_MAX, "%s", found->pw_name);
	else
		snprintf(text, USER_TEXT_MAX, "uid %u", (unsigned)uid);
	return text;
}

static enum err
check_owner(const char *path, uid_t owner, uid_t wanted, struct problem *why)
{
	char is[USER_TEXT_MAX], should[USER_TEXT_MAX];

	if (owner == wanted)
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL, "%s belongs to %s, not to %s: correct it with chown",
	            path, user_text(owner, is), user_text(wanted, should));
	return ERR_PERM;
}

static enum err
check_mode(const char *path, mode_t mode, mode_t forbidden, struct problem *why)
{
	if (!(mode & forbidden))
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL,
	            "%s is open to other users (mode %04o): correct it with chmod %s", path,
	            (unsigned)mode & 07777, forbidden & S_IROTH ? "g-w,o-rwx" : "g-w,o-w");
	return ERR_PERM;
}

/* The checks on an open directory; fills what is known of it. */
static enum err
check_dir(struct dir *dir, mode_t forbidden, struct problem *why)
{
	struct statfs fs;
	struct stat st;

	if (fstat(dir->fd, &st) || fstatfs(dir->fd, &fs))
		return say_errno(why, errno, dir->path, "cannot be examined");
	if (dir_fs_is_remote((unsigned long)fs.f_type)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "%s is on a network file system, where the store's locks do not work: "
		            "use a local disk",
		            dir->path);
		return ERR_UNSUPPORTED;
	}
	dir->owner = st.st_uid;
	dir->dev = st.st_dev;
	dir->ino = st.st_ino;
	return check_mode(dir->path, st.st_mode, forbidden, why);
}

/* Opens NAME, as seen from AT, as DIR->path; made with MODE when FLAGS say so. */
static enum err
open_at(int at, const char *name, int flags, mode_t mode, struct dir *dir, struct problem *why)
{
	struct stat st;
	bool made;

	made = flags & DIR_MAKE && mkdirat(at, name, S_IRWXU) == 0;
	if (flags & DIR_MAKE && !made && errno != EEXIST)
		return say_errno(why, errno, dir->path, "cannot be made");
	dir->fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0) {
		int number = errno;

		if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
			problem_set(why, PROBLEM_INTERNAL, "%s is %s, not a directory", dir->path,
			            S_ISLNK(st.st_mode) ? "a symbolic link" : "a file");
			return ERR_PERM;
		}
		return say_errno(why, number, dir->path, "cannot be opened");
	}
	/* mkdirat() obeys the umask, this does not. */
	if (made && fchmod(dir->fd, mode))
		return say_errno(why, errno, dir->path, "cannot be made");
	return ERR_OK;
}

enum err
dir_open(const char *path, int flags, struct dir *ret_dir, struct problem *why)
{
	struct dir dir = {.fd = -1};
	size_t len = strlen(path);
	enum err err;

	/* With a slash behind it O_NOFOLLOW would follow. */
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(dir.path)) {
		problem_set(why, PROBLEM_INTERNAL, "the state directory has no usable name");
		return ERR_INVALID;
	}
	memcpy(dir.path, path, len);
	err = open_at(AT_FDCWD, dir.path, flags, STATE_DIR_MODE, &dir, why);
	if (!err)
		err = check_dir(&dir, S_IWGRP | S_IWOTH, why);
	if (!err && !(flags & DIR_FOREIGN))
		err = check_owner(dir.path, dir.owner, geteuid(), why);
	if (err)
		dir_close(&dir);
	else
		*ret_dir = dir;
	return err;
}

enum err
dir_open_sub(const struct dir *parent, const char *word, int flags, mode_t mode,
             struct dir *ret_dir, struct problem *why)
{
	struct dir dir = {.fd = -1};
	enum err err;
	int n = snprintf(dir.path, sizeof(dir.path), "%s/%s", parent->path, word);

	if (n < 0 || (size_t)n >= sizeof(dir.path))
		return say_errno(why, ENAMETOOLONG, word, "cannot be opened");
	err = open_at(parent->fd, word, flags, mode, &dir, why);
	if (!err)
		err = check_dir(&dir, S_IWGRP | S_IRWXO, why);
	if (!err)
		err = check_owner(dir.path, dir.owner, parent->owner, why);
	if (err)
		dir_close(&dir);
	else
		*ret_dir = dir;
	return err;
}

void
dir_close(struct dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

enum err
dir_check_file(const struct dir *dir, const char *name, bool shared, off_t *ret_size,
               struct problem *why)
{
	char path[PATH_MAX + NAME_MAX];
	struct stat st;
	enum err err;

	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return say_errno(why, errno, path, "cannot be examined");
		*ret_size = -1;
		return ERR_OK;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		problem_set(why, PROBLEM_INTERNAL, "%s is %s: it must be a file of its own", path,
		            S_ISREG(st.st_mode) ? "linked from elsewhere" : "no regular file");
		return ERR_PERM;
	}
	err = check_owner(path, st.st_uid, dir->owner, why);
	if (!err)
		err = check_mode(path, st.st_mode, S_IRWXO | (shared ? 0 : S_IWGRP), why);
	if (!err)
		*ret_size = st.st_size;
	return err;
}

bool
store_exists(const char *path)
{
	static const char *const files[] = {"served/data.mdb", "private/data.mdb"};
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool exists = false;

	for (size_t i = 0; fd >= 0 && i < sizeof(files) / sizeof(files[0]); i++)
		if (fstatat(fd, files[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0)
			exists = true;
	if (fd >= 0)
		close(fd);
	return exists;
}

enum err
store_lock(const char *path, int *ret_fd, struct problem *ret_why)
{
	struct dir dir = {.fd = -1};
	/* A parent that is still root locks the directory of the user it will start. */
	int fd = -1, flags = DIR_MAKE | (geteuid() == 0 ? DIR_FOREIGN : 0);
	char pid[16] = "";
	enum err err = dir_open(path, flags, &dir, ret_why);

	if (err)
		return err;
	fd = openat(dir.fd, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
	            LOCK_MODE);
	if (fd < 0) {
		err = say_errno(ret_why, errno, dir.path, "its file certd.lock cannot be opened");
	} else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		/* Only for the sentence below: whoever holds the lock is right whatever it says. */
		int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

		if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len)
			pid[0] = '\0';
		*ret_fd = fd;
		fd = -1;
	} else if (errno == EWOULDBLOCK) {
		if (pread(fd, pid, sizeof(pid) - 1, 0) <= 0)
			pid[0] = '\0';
		problem_set(ret_why, PROBLEM_INTERNAL,
		            "%s is in use by another certd (process %d): stop it first", dir.path,
		            atoi(pid));
		err = ERR_BUSY;
	} else {
		err = say_errno(ret_why, errno, dir.path, "cannot be locked");
	}
	if (fd >= 0)
		close(fd);
	dir_close(&dir);
	return err;
}
