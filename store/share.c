/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a front of another user lets its group in: through the state directory, into served/. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "store/dir.h"
#include "store/store.h"

enum { STATE_MODE = 0750 }; /* as docs/store.md has it */

/* NAME in the directory AT, "" for that itself; what has the group is left alone. */
static bool
give(int at, const char *name, gid_t group)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return errno == ENOENT;
	return st.st_gid == group ||
	       fchownat(at, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0;
}

/* Group first: nobody is to get through with the group that was there before. */
static bool
share(int fd, gid_t group)
{
	static const char *const files[] = {"served", "served/data.mdb", "served/lock.mdb"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!give(fd, files[i], group))
			return false;
	return give(fd, "", group) && fchmod(fd, STATE_MODE) == 0;
}

enum err
store_share(const char *path, gid_t group, struct problem *why)
{
	struct dir dir = {.fd = -1};
	enum err err = dir_open(path, geteuid() == 0 ? DIR_FOREIGN : 0, &dir, why);

	if (err)
		return err;
	if (!share(dir.fd, group)) {
		problem_set(why, PROBLEM_INTERNAL, "%s cannot be given to group %u: %s", dir.path,
		            (unsigned)group, strerror(errno));
		err = ERR_PERM;
	}
	dir_close(&dir);
	return err;
}
