/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"
#include "ctl/print.h"

/* A name in UTF-8 may be longer than its A-label form of 253 bytes, but not without end. */
enum { NAME_BYTES_MAX = 2048, JSON_PER_BYTE = 6, REQUEST_ROOM = 4096 };

void
names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){0};
}

bool
names_add(struct names *names, const char *name)
{
	size_t room = names->room ? names->room * 2 : 16;
	char **list;

	if (names->count == names->room) {
		list = reallocarray(names->list, room, sizeof(*list));
		if (!list)
			goto fail;
		names->list = list;
		names->room = room;
	}
	names->list[names->count] = strdup(name);
	if (!names->list[names->count])
		goto fail;
	names->count++;
	return true;
fail:
	complain(NULL, "out of memory");
	return false;
}

static bool
add_checked(struct names *names, const char *name)
{
	if (strlen(name) <= NAME_BYTES_MAX)
		return names_add(names, name);
	complain(NULL, "a name of %zu bytes: that is none", strlen(name));
	return false;
}

/* LINE of LEN bytes without the blanks around it. */
static char *
trim(char *line, size_t len)
{
	static const char blanks[] = " \t\r\n";

	while (len > 0 && strchr(blanks, line[len - 1]))
		line[--len] = '\0';
	return line + strspn(line, blanks);
}

static bool
read_stdin(struct names *names)
{
	char *line = NULL, *name;
	size_t size = 0;
	ssize_t len;
	bool good = true;

	while (good && (len = getline(&line, &size, stdin)) >= 0) {
		name = trim(line, (size_t)len);
		if (*name && *name != '#')
			good = add_checked(names, name);
	}
	if (good && ferror(stdin)) {
		complain(NULL, "stdin cannot be read: %s", strerror(errno));
		good = false;
	}
	free(line);
	return good;
}

bool
names_read(struct names *names, char **args, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool good =
			strcmp(args[i], "-") == 0 ? read_stdin(names) : add_checked(names, args[i]);

		if (!good)
			return false;
	}
	if (names->count)
		return true;
	complain(NULL, "no names on stdin");
	return false;
}

size_t
names_batch(const struct names *names, size_t from)
{
	size_t n = 0, bytes = REQUEST_ROOM;

	for (; from + n < names->count && n < MSG_NAMES_MAX; n++) {
		bytes += JSON_PER_BYTE * strlen(names->list[from + n]) + 3;
		if (bytes > MSG_LINE_MAX)
			break;
	}
	return n;
}

void
names_to_json(const struct names *names, size_t from, size_t count, cJSON *request)
{
	cJSON *list = cJSON_AddArrayToObject(request, "names");

	for (size_t i = from; i < from + count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(names->list[i]));
}
