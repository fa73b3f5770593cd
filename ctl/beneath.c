/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READ_CHUNK = 64 * 1024 };

static int
open_beneath(int folder, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_RDONLY | O_CLOEXEC),
	                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd;

	if (folder == AT_FDCWD)
		return open(path, flags | O_RDONLY | O_CLOEXEC);
	fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	return openat(folder, path, flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static enum err
explain(const char **ret_why)
{
	*ret_why = errno == EXDEV   ? "a link that leads out of the folder: it is not followed"
	           : errno == ELOOP ? "a link: it is not followed"
	                            : strerror(errno);
	return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

static enum err
read_all(int fd, size_t most, struct buf *out, const char **ret_why)
{
	size_t got = 0;
	ssize_t n = 1;

	while (n > 0 && got <= most) {
		if (!buf_reserve(out, READ_CHUNK)) {
			*ret_why = "out of memory";
			return ERR_NOMEM;
		}
		n = read(fd, out->data + out->len, READ_CHUNK);
		if (n < 0 && errno != EINTR)
			return explain(ret_why);
		out->len += n > 0 ? (size_t)n : 0;
		got += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	if (got <= most)
		return ERR_OK;
	*ret_why = "too large";
	return ERR_TOOBIG;
}

/* O_NONBLOCK: a FIFO must not stop us. */
enum err
beneath_read(int folder, const char *path, size_t most, struct buf *out, const char **ret_why)
{
	struct stat st;
	int fd = open_beneath(folder, path, O_NONBLOCK | O_NOCTTY);
	enum err err = ERR_OK;

	if (fd < 0)
		return explain(ret_why);
	if (fstat(fd, &st) != 0) {
		err = explain(ret_why);
	} else if (!S_ISREG(st.st_mode)) {
		*ret_why = "not a regular file";
		err = ERR_UNSUPPORTED;
	} else {
		err = read_all(fd, most, out, ret_why);
	}
	close(fd);
	return err;
}

enum err
beneath_open_folder(int folder, const char *path, int *ret_fd, const char **ret_why)
{
	int fd = open_beneath(folder, path, O_DIRECTORY);

	if (fd < 0)
		return explain(ret_why);
	*ret_fd = fd;
	return ERR_OK;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err
beneath_list(int folder, struct names *ret_names, const char **ret_why)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct names names = {0};
	const struct dirent *entry;
	bool good = true;

	if (!dir) {
		enum err err = explain(ret_why);

		if (fd >= 0)
			close(fd);
		return err;
	}
	while (good && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			good = names_add(&names, entry->d_name);
	closedir(dir);
	if (!good) {
		names_done(&names);
		*ret_why = "out of memory";
		return ERR_NOMEM;
	}
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), compare);
	*ret_names = names;
	return ERR_OK;
}
