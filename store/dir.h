/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/dir.h - (inside store/) directories we trust enough to keep a store in
 *
 * The last component may not be a symbolic link; nobody but the owner may write; the folders of the
 * environments are closed to others altogether; network file systems are refused, LMDB's locks do
 * not work there. Paths above are the administrator's.
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct problem;

enum {
	DIR_MAKE = 1,    /* make it when missing */
	DIR_FOREIGN = 2, /* may belong to another user: the front's, root's view */
};

struct dir {
	int fd; /* -1: not open */
	uid_t owner;
	dev_t dev;
	ino_t ino;
	char path[PATH_MAX]; /* for messages and for LMDB */
};

/* ERR_NOTFOUND, ERR_PERM, ERR_UNSUPPORTED (network), ERR_IO; RET_WHY says it in words. */
MUST_CHECK enum err dir_open(const char *path, int flags, struct dir *ret_dir,
                             struct problem *ret_why);
/* A folder of DIR, of the same owner; made with MODE. */
MUST_CHECK enum err dir_open_sub(const struct dir *dir, const char *word, int flags, mode_t mode,
                                 struct dir *ret_dir, struct problem *ret_why);
void dir_close(struct dir *dir);
/* NAME is missing (*RET_SIZE = -1) or a plain file of DIR's owner that nobody else writes. SHARED:
 * the group may. */
MUST_CHECK enum err dir_check_file(const struct dir *dir, const char *name, bool shared,
                                   off_t *ret_size, struct problem *ret_why);
/* Whether a statfs() magic belongs to a network file system. */
bool dir_fs_is_remote(unsigned long magic);

#endif
