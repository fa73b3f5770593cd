/* SPDX-License-Identifier: Apache-2.0 */
/* The verb import: certificates from files of other programs, or as JSON lines. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "ctl/bulk.h"
#include "ctl/lines.h"
#include "ctl/source.h"

enum { IDLE_MS = 200, LABEL_ROOM = 64 };

static cJSON *
make_request(const struct ctl *ctl, const char *verb)
{
	const struct options *o = &ctl->options;
	cJSON *request = ctl_request(verb);

	if (o->backend)
		cJSON_AddStringToObject(request, "backend", o->backend);
	ctl_add_cas(request, o);
	if (option_is_given(o, OPTION_EXTERNAL))
		cJSON_AddTrueToObject(request, "external");
	if (option_is_given(o, OPTION_REPLACE))
		cJSON_AddTrueToObject(request, "replace");
	if (option_is_given(o, OPTION_DRY_RUN))
		cJSON_AddTrueToObject(request, "dry_run");
	return request;
}

/* ---- JSON lines ----------------------------------------------------------------------------- */

/* A line is passed on as it came, so it must be one JSON object and nothing behind it. */
static bool
take_line(struct bulk *bulk, size_t number, const char *line, size_t len)
{
	char label[LABEL_ROOM];
	cJSON *json = NULL;
	bool good = json_parse(line, len, &json) == ERR_OK && cJSON_IsObject(json);

	cJSON_Delete(json);
	snprintf(label, sizeof(label), "line %zu", number);
	if (good)
		return bulk_add(bulk, line, len, label);
	complain(label, "this is no JSON object");
	bulk_seen(bulk, MSG_EXIT_USAGE);
	return true;
}

/* When no line comes for a while, what there is is sent: who types sees what becomes of it. */
static void
read_lines(struct bulk *bulk, int fd, const char *path)
{
	struct lines lines;
	const char *line;
	size_t len;
	int patience = IDLE_MS;
	enum err err = ERR_OK;

	lines_init(&lines, fd);
	while (!err && !bulk->broken) {
		err = lines_next(&lines, patience, &line, &len);
		patience = IDLE_MS;
		if (!err) {
			(void)take_line(bulk, lines.number, line, len);
		} else if (err == ERR_TIMEOUT) {
			bulk_flush(bulk);
			patience = -1;
			err = ERR_OK;
		} else if (err == ERR_TOOBIG) {
			complain(path, "line %zu: longer than 1 MiB: left out", lines.number);
			bulk_seen(bulk, MSG_EXIT_USAGE);
			err = ERR_OK;
		} else if (err != ERR_NOTFOUND) {
			complain(path, "%s", errno ? strerror(errno) : err_text(err));
			bulk_seen(bulk, MSG_EXIT_FAILED);
		}
	}
	lines_done(&lines);
}

static double
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (double)st.st_size : 0;
}

static enum msg_exit
send_lines(struct ctl *ctl, const char *verb, const char *list, bool in_order)
{
	const char *path = ctl->options.file;
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct bulk bulk;

	if (fd < 0) {
		complain(path, "%s", strerror(errno));
		return MSG_EXIT_FAILED;
	}
	bulk_init(&bulk, ctl, make_request(ctl, verb), list, size_of(fd));
	bulk.waits = option_is_given(&ctl->options, OPTION_WAIT);
	if (in_order)
		bulk.lane_count = 1;
	read_lines(&bulk, fd, is_stdin ? "stdin" : path);
	if (!is_stdin)
		close(fd);
	return bulk_end(&bulk);
}

enum msg_exit
cmd_apply(struct ctl *ctl)
{
	if (option_is_given(&ctl->options, OPTION_WAIT) &&
	    option_is_given(&ctl->options, OPTION_DRY_RUN)) {
		complain(NULL, "one of --wait and --dry-run");
		return MSG_EXIT_USAGE;
	}
	if (ctl->options.file)
		return send_lines(ctl, "apply", "items", true); /* a name may come twice */
	complain(NULL, "-f FILE is missing, or -f - for stdin; see certctl apply --help");
	return MSG_EXIT_USAGE;
}

/* ---- files ---------------------------------------------------------------------------------- */

static bool
take_files(void *arg, const char *label, const struct buf *chain, const struct buf *key)
{
	struct bulk *bulk = arg;
	struct buf item = {.secret = true};

	buf_add_str(&item, "{\"chain_pem\":");
	bulk_text(&item, chain->data, chain->len);
	if (key->len) {
		buf_add_str(&item, ",\"key_pem\":");
		bulk_text(&item, key->data, key->len);
	}
	buf_add_str(&item, "}");
	if (buf_ok(&item))
		(void)bulk_add(bulk, item.data, item.len, label);
	else
		bulk_seen(bulk, ctl_fail(bulk->ctl, ERR_NOMEM));
	buf_wipe(&item);
	return !bulk->broken;
}

static enum msg_exit
send_source(struct ctl *ctl, enum source_kind kind)
{
	struct bulk bulk;
	struct source source = {.path = ctl->args[0], .take = take_files, .arg = &bulk};

	bulk_init(&bulk, ctl, make_request(ctl, "import"), "certs", 0);
	if (!source_read(&source, kind) || source.failed)
		bulk_seen(&bulk, MSG_EXIT_FAILED);
	else if (!bulk.seen && !bulk.items)
		complain(source.path, "no certificates in it");
	return bulk_end(&bulk);
}

enum msg_exit
cmd_import(struct ctl *ctl)
{
	enum source_kind kind = SOURCE_PEM;

	if (ctl->options.from && source_parse(ctl->options.from, &kind))
		return MSG_EXIT_USAGE; /* which the table of options does not let through */
	if (!ctl->options.file == !ctl->arg_count || (ctl->options.file && ctl->options.from)) {
		complain(NULL, "either PATH, with --from, or -f FILE; see certctl import --help");
		return MSG_EXIT_USAGE;
	}
	return ctl->options.file ? send_lines(ctl, "import", "certs", false)
	                         : send_source(ctl, kind);
}
