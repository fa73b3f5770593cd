/* SPDX-License-Identifier: Apache-2.0 */
/* config: check a file, show what certd runs with, diff: what a reload would change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"

/* ---- check ---------------------------------------------------------------------------------- */

static enum msg_exit
check(struct ctl *ctl)
{
	const char *file = ctl->arg_count > 1 ? ctl->args[1] : NULL;
	char *path;
	cJSON *request, *end = NULL;
	enum msg_exit code;
	enum err err;

	path = file ? realpath(file, NULL) : NULL;
	if (file && !path) {
		complain(file, "%s", strerror(errno));
		return MSG_EXIT_FAILED;
	}
	request = ctl_request("config.check");
	if (path)
		cJSON_AddStringToObject(request, "file", path);
	err = ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, NULL, NULL, &end);
	cJSON_Delete(request);
	if (err == ERR_UNREACHABLE && path)
		code = certd_become(ctl, "check the file, and none runs",
		                    (const char *const[]){"--check", "-c", path, NULL});
	else if (err)
		code = ctl_fail(ctl, err);
	else
		code = ctl_code(end);
	if (json_object(end, "error"))
		complain_json(NULL, json_object(end, "error"));
	if (end)
		print_outcome(&ctl->print, "the configuration is valid", json_object(end, "error"));
	cJSON_Delete(end);
	free(path);
	return code;
}

/* ---- show ----------------------------------------------------------------------------------- */

/* A file's text comes in pieces. */
struct files {
	cJSON *list; /* {"file","text"} */
	cJSON *last;
	struct buf text; /* of the last one, so far */
};

static void
end_file(struct files *files)
{
	if (files->last)
		cJSON_AddStringToObject(files->last, "text",
		                        files->text.len ? buf_str(&files->text) : "");
	buf_reset(&files->text);
}

static void
on_piece(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct files *files = arg;
	const cJSON *piece = json_object(line, "config");
	const char *file = json_text(piece, "file"), *text = json_text(piece, "text");
	const char *before = json_text(files->last, "file");

	(void)ctl;
	if (!file || !text)
		return;
	if (!before || strcmp(before, file) != 0) {
		end_file(files);
		files->last = cJSON_CreateObject();
		cJSON_AddStringToObject(files->last, "file", file);
		cJSON_AddItemToArray(files->list, files->last);
	}
	buf_add_str(&files->text, text);
}

static enum msg_exit
ask_files(struct ctl *ctl, bool on_disk, cJSON **ret_list)
{
	struct files files = {.list = cJSON_CreateArray()};
	cJSON *request = ctl_request("config.show");
	enum msg_exit code;

	if (on_disk)
		cJSON_AddTrueToObject(request, "on_disk");
	code = ctl_ask(ctl, request, on_piece, &files, NULL);
	end_file(&files);
	buf_done(&files.text);
	*ret_list = files.list;
	return code;
}

static enum msg_exit
show(struct ctl *ctl)
{
	cJSON *list, *file;
	enum msg_exit code = ask_files(ctl, false, &list);

	cJSON_ArrayForEach(file, list)
	{
		if (ctl->print.format == PRINT_TABLE) {
			print_line("# %s", json_text(file, "file"));
			print_lines(json_text(file, "text"));
		} else {
			print_item(&ctl->print, file);
		}
	}
	if (code == MSG_EXIT_OK)
		print_end(&ctl->print, NULL);
	cJSON_Delete(list);
	return code;
}

/* ---- diff ----------------------------------------------------------------------------------- */

/* All files in one, as show has them; the descriptor, -1 with errno. */
static int
as_file(const cJSON *list)
{
	int fd = memfd_create("config", 0);
	struct buf text = {0};
	const cJSON *file;

	cJSON_ArrayForEach(file, list)
		buf_printf(&text, "# %s\n%s", json_text(file, "file"), json_text(file, "text"));
	if (fd >= 0 && (!buf_ok(&text) || write(fd, text.data, text.len) != (ssize_t)text.len)) {
		close(fd);
		fd = -1;
	}
	buf_done(&text);
	return fd;
}

/* diff(1), its lines through our output. Its exit code: 0 the same, 1 not. */
static int
run_diff(struct buf *out, int runs, int disk)
{
	char command[160], chunk[4096];
	FILE *pipe;
	size_t n;

	snprintf(command, sizeof(command),
	         "exec diff -u --label 'what certd runs with' --label 'on disk' /proc/self/fd/%d "
	         "/proc/self/fd/%d",
	         runs, disk);
	pipe = popen(command, "re");
	if (!pipe)
		return -1;
	while ((n = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
		buf_add(out, chunk, n);
	n = (size_t)pclose(pipe);
	return WIFEXITED((int)n) ? WEXITSTATUS((int)n) : -1;
}

static enum msg_exit
print_diff(struct ctl *ctl, const struct buf *text, bool same)
{
	cJSON *answer = cJSON_CreateObject();
	struct buf copy = {0};

	buf_add(&copy, text->data, text->len);
	cJSON_AddBoolToObject(answer, "same", same);
	cJSON_AddStringToObject(answer, "diff", copy.len ? buf_str(&copy) : "");
	if (ctl->print.format == PRINT_TABLE)
		print_lines(json_text(answer, "diff"));
	else
		print_single(&ctl->print, answer);
	buf_done(&copy);
	cJSON_Delete(answer);
	return same ? MSG_EXIT_OK : MSG_EXIT_FAILED;
}

static enum msg_exit
diff(struct ctl *ctl)
{
	cJSON *runs = NULL, *disk = NULL;
	struct buf text = {0};
	int a = -1, b = -1, status;
	enum msg_exit code = ask_files(ctl, false, &runs);

	if (code == MSG_EXIT_OK)
		code = ask_files(ctl, true, &disk);
	if (code != MSG_EXIT_OK)
		goto out;
	a = as_file(runs);
	b = as_file(disk);
	status = a < 0 || b < 0 ? -1 : run_diff(&text, a, b);
	if (status == 0 || status == 1) {
		code = print_diff(ctl, &text, status == 0);
	} else {
		complain(NULL, "diff cannot compare them: is it installed?");
		code = MSG_EXIT_FAILED;
	}
out:
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	buf_done(&text);
	cJSON_Delete(runs);
	cJSON_Delete(disk);
	return code;
}

enum msg_exit
cmd_config(struct ctl *ctl)
{
	const char *word = ctl->args[0];

	if (strcmp(word, "check") == 0)
		return check(ctl);
	return strcmp(word, "show") == 0 ? show(ctl) : diff(ctl);
}
