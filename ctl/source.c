/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/beneath.h"
#include "ctl/print.h"

enum { PATH_ROOM = 1024, LABEL_ROOM = 4096 };

void
source_fail(struct source *source, const char *label, const char *why)
{
	complain(label, "%s", why);
	source->failed++;
}

static const char *
label_of(const struct source *s, const char *path, char label[LABEL_ROOM])
{
	size_t len = strlen(s->path);

	if (s->folder < 0)
		snprintf(label, LABEL_ROOM, "%s", s->path);
	else
		snprintf(label, LABEL_ROOM, "%s%s%s", s->path,
		         len && s->path[len - 1] == '/' ? "" : "/", path);
	return label;
}

/* A certificate out of one file (KEY_PATH NULL) or two. */
static bool
take_files(struct source *s, const char *chain_path, const char *key_path)
{
	struct buf chain = {.secret = true}, key = {.secret = true};
	char label[LABEL_ROOM];
	const char *why, *path = chain_path;
	int folder = s->folder < 0 ? AT_FDCWD : s->folder;
	enum err err = beneath_read(folder, chain_path, SOURCE_FILE_MAX, &chain, &why);
	bool go_on = true;

	if (!err && key_path) {
		path = key_path;
		err = beneath_read(folder, key_path, SOURCE_FILE_MAX, &key, &why);
	}
	label_of(s, path, label);
	if (err)
		source_fail(s, label, why);
	else if (!memmem(chain.data, chain.len, "-----BEGIN ", 11))
		source_fail(s, label, "no PEM in it");
	else
		go_on = s->take(s->arg, label_of(s, chain_path, label), &chain, &key);
	buf_wipe(&chain);
	buf_wipe(&key);
	return go_on;
}

/* Calls EACH for what is in the folder PATH ("." is the source itself). */
static bool
each(struct source *s, const char *path,
     bool (*one)(struct source *s, const char *path, const char *name))
{
	struct names names = {0};
	char label[LABEL_ROOM];
	const char *why = "";
	int fd = -1;
	bool go_on = true;
	enum err err = beneath_open_folder(s->folder, path, &fd, &why);

	if (!err)
		err = beneath_list(fd, &names, &why);
	if (err)
		source_fail(s, label_of(s, path, label), why);
	for (size_t i = 0; !err && go_on && i < names.count; i++)
		go_on = one(s, path, names.list[i]);
	names_done(&names);
	if (fd >= 0)
		close(fd);
	return go_on;
}

static bool
has_folder(const struct source *s, const char *path)
{
	const char *why;
	int fd;

	if (beneath_open_folder(s->folder, path, &fd, &why))
		return false;
	close(fd);
	return true;
}

/* ---- pem ------------------------------------------------------------------------------------ */

static bool
pem_file(struct source *s, const char *path, const char *name)
{
	(void)path;
	return has_folder(s, name) || take_files(s, name, NULL);
}

static bool
read_pem(struct source *s)
{
	return s->folder < 0 ? take_files(s, s->path, NULL) : each(s, ".", pem_file);
}

/* ---- certbot -------------------------------------------------------------------------------- */

static bool
live_name(struct source *s, const char *path, const char *name)
{
	char chain[PATH_ROOM], key[PATH_ROOM];

	snprintf(chain, sizeof(chain), "%s/%s", path, name);
	if (!has_folder(s, chain))
		return true; /* README */
	snprintf(chain, sizeof(chain), "%s/%s/fullchain.pem", path, name);
	snprintf(key, sizeof(key), "%s/%s/privkey.pem", path, name);
	return take_files(s, chain, key);
}

/* "fullchain7.pem" -> 7; 0: another file. */
static unsigned long
version_of(const char *name)
{
	unsigned long n;
	char *end;

	if (strncmp(name, "fullchain", 9) != 0 || name[9] < '1' || name[9] > '9')
		return 0;
	n = strtoul(name + 9, &end, 10);
	return strcmp(end, ".pem") == 0 ? n : 0;
}

static bool
archive_name(struct source *s, const char *path, const char *name)
{
	struct names names = {0};
	char folder[PATH_ROOM], chain[PATH_ROOM + 64], key[PATH_ROOM + 64];
	const char *why;
	unsigned long latest = 0;
	int fd;

	snprintf(folder, sizeof(folder), "%s/%s", path, name);
	if (beneath_open_folder(s->folder, folder, &fd, &why))
		return true;
	if (!beneath_list(fd, &names, &why))
		for (size_t i = 0; i < names.count; i++)
			if (version_of(names.list[i]) > latest)
				latest = version_of(names.list[i]);
	names_done(&names);
	close(fd);
	snprintf(chain, sizeof(chain), "%s/fullchain%lu.pem", folder, latest);
	snprintf(key, sizeof(key), "%s/privkey%lu.pem", folder, latest);
	if (latest)
		return take_files(s, chain, key);
	source_fail(s, folder, "no fullchainN.pem in it");
	return true;
}

/* Its root, or live or archive itself; the links of live lead to archive, so the root is best. */
static bool
read_certbot(struct source *s)
{
	if (has_folder(s, "live"))
		return each(s, "live", live_name);
	if (has_folder(s, "archive"))
		return each(s, "archive", archive_name);
	return each(s, ".", live_name);
}

/* ---- caddy ---------------------------------------------------------------------------------- */

static bool
caddy_name(struct source *s, const char *path, const char *name)
{
	char chain[PATH_ROOM], key[PATH_ROOM];

	snprintf(chain, sizeof(chain), "%s/%s/%s.crt", path, name, name);
	snprintf(key, sizeof(key), "%s/%s/%s.key", path, name, name);
	return take_files(s, chain, key);
}

static bool
caddy_ca(struct source *s, const char *path, const char *name)
{
	char folder[PATH_ROOM];

	snprintf(folder, sizeof(folder), "%s/%s", path, name);
	return !has_folder(s, folder) || each(s, folder, caddy_name);
}

static bool
read_caddy(struct source *s)
{
	return each(s, has_folder(s, "certificates") ? "certificates" : ".", caddy_ca);
}

/* --------------------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool (*read)(struct source *s);
	bool is_file, is_folder; /* what PATH may be */
} kinds[SOURCE_COUNT] = {
	[SOURCE_PEM] = {"pem", read_pem, true, true},
	[SOURCE_CERTBOT] = {"certbot", read_certbot, false, true},
	[SOURCE_ACME_JSON] = {"acme.json", source_acme_json, true, false},
	[SOURCE_CADDY] = {"caddy", read_caddy, false, true},
};

const char *
source_word(enum source_kind kind)
{
	return (unsigned)kind < SOURCE_COUNT ? kinds[kind].word : NULL;
}

enum err
source_parse(const char *word, enum source_kind *ret_kind)
{
	for (int i = 0; i < SOURCE_COUNT; i++)
		if (strcmp(kinds[i].word, word) == 0) {
			*ret_kind = (enum source_kind)i;
			return ERR_OK;
		}
	return ERR_INVALID;
}

bool
source_read(struct source *source, enum source_kind kind)
{
	const char *why = "";
	bool is_folder;

	source->folder = -1;
	is_folder = beneath_open_folder(AT_FDCWD, source->path, &source->folder, &why) == ERR_OK;
	if (is_folder ? !kinds[kind].is_folder : !kinds[kind].is_file) {
		complain(source->path, "%s", is_folder ? "this is a folder, not a file" : why);
		if (is_folder)
			close(source->folder);
		return false;
	}
	(void)kinds[kind].read(source);
	if (is_folder)
		close(source->folder);
	return true;
}
