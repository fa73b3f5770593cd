/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tui/text.h"

#define NEW_SUFFIX ".XXXXXX" /* mkostemp() makes it 0600 */

static void
print_safe(FILE *file, char before, const char *text)
{
	char *safe = text_safe(text, false);

	fprintf(file, "%c%s", before, safe ? safe : "");
	free(safe);
}

static bool
print_rows(FILE *file, const struct event_row *rows, size_t count)
{
	char at[CLOCK_TEXT_MAX], first[CLOCK_TEXT_MAX];

	fputs("# id\tat\tfirst at\tcount\tseverity\ttype\tname\tdetail\n", file);
	for (size_t i = 0; i < count; i++) {
		const struct event_row *r = &rows[i];

		fprintf(file, "%" PRId64 "\t%s\t%s\t%" PRId64 "\t%c", r->id,
		        clock_format(r->at, at), clock_format(r->first_at, first), r->count,
		        r->severity == ' ' ? '-' : r->severity);
		print_safe(file, '\t', r->type);
		print_safe(file, '\t', r->name);
		print_safe(file, '\t', r->detail);
		putc('\n', file);
	}
	return !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* Ends with FD closed and PATH gone, should it not be whole. */
static bool
write_rows(int fd, const char *path, const struct event_row *rows, size_t count)
{
	FILE *file = fdopen(fd, "w");
	bool ok = file && print_rows(file, rows, count);
	int err = errno;

	if (file)
		ok = fclose(file) == 0 && ok;
	else
		close(fd);
	if (!ok)
		unlink(path);
	errno = err;
	return ok;
}

/* Of what is no file, nothing is replaced. */
static bool
is_file(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return false;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	return S_ISREG(st.st_mode);
}

static bool
replace_file(const char *path, const struct event_row *rows, size_t count)
{
	char fresh[PATH_MAX + sizeof(NEW_SUFFIX)];
	int fd;

	snprintf(fresh, sizeof(fresh), "%s" NEW_SUFFIX, path);
	if (!is_file(path) || (fd = mkostemp(fresh, O_CLOEXEC)) < 0)
		return false;
	if (!write_rows(fd, fresh, rows, count))
		return false;
	if (rename(fresh, path) == 0)
		return true;
	unlink(fresh);
	return false;
}

bool
event_file_write(const char *path, bool replaced, const struct event_row *rows, size_t count)
{
	const char *home = strncmp(path, "~/", 2) == 0 ? getenv("HOME") : NULL;
	char whole[PATH_MAX];
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", home ? home : "", home ? path + 1 : path);
	if (replaced)
		return replace_file(whole, rows, count);
	fd = open(whole, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0 && write_rows(fd, whole, rows, count);
}
