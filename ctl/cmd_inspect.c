/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: the certificates of a name, or of a file, and what is wrong with them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"

enum { FIELD_MAX = 512, FILE_MAX = 512 * 1024 };

static void
show_certificate(const cJSON *one, int64_t now)
{
	const char *until = json_text(one, "not_after"), *from = json_text(one, "not_before");
	const cJSON *name;
	struct buf names = {0};
	char field[FIELD_MAX], left[PRINT_TIME_MAX];

	print_field("certificate", json_text(one, "serial"));
	print_field("  issuer", json_text(one, "issuer"));
	print_field("  key", json_text(one, "key"));
	snprintf(field, sizeof(field), "%.40s to %.40s (%s)", from ? from : "?",
	         until ? until : "?", print_relative(print_time_of(one, "not_after"), now, left));
	print_field("  valid", field);
	cJSON_ArrayForEach(name, json_array(one, "names")) if (cJSON_GetStringValue(name))
		buf_printf(&names, "%s%s", names.len ? " " : "", cJSON_GetStringValue(name));
	print_field("  covers", names.len ? buf_str(&names) : NULL);
	if (json_bool(one, "is_ca", false))
		print_field("  of", "a certificate authority");
	buf_done(&names);
}

/* Nothing is wrong: what was held against each other. A file has a key and names only where they
 * are given. */
static void
show_right(const struct ctl *ctl, bool stored)
{
	char field[FIELD_MAX];

	snprintf(field, sizeof(field), "%s%schain and dates are right",
	         stored || ctl->arg_count > 1 ? "key, " : "",
	         stored || ctl->options.name ? "names, " : "");
	print_field("audit", field);
}

static void
on_inspect(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *whole = json_object(line, "inspect"), *faults = json_array(whole, "faults"),
		    *one;
	int64_t now = clock_wall();

	if (whole && ctl->print.format != PRINT_TABLE) {
		print_single(&ctl->print, whole);
		return;
	}
	cJSON_ArrayForEach(one, json_array(whole, "certificates")) show_certificate(one, now);
	cJSON_ArrayForEach(one, faults)
	{
		const char *what = json_text(one, "what"), *detail = json_text(one, "detail");

		print_line("fault: %s: %s", what ? what : "", detail ? detail : "");
	}
	if (faults && !faults->child)
		show_right(ctl, *(const bool *)arg);
}

static bool
read_file(const char *path, struct buf *whole)
{
	FILE *file = fopen(path, "re");
	bool good = file != NULL;
	size_t n = 1;

	while (good && n && whole->len <= FILE_MAX) {
		good = buf_reserve(whole, FILE_MAX);
		n = good ? fread(whole->data + whole->len, 1, FILE_MAX, file) : 0;
		whole->len += n;
		good = good && !ferror(file);
	}
	if (!good)
		complain(path, "%s", strerror(errno));
	else if (whole->len > FILE_MAX)
		complain(path, "longer than 512 KiB");
	if (file)
		fclose(file);
	return good && whole->len <= FILE_MAX;
}

/* The blocks of the file whose label ends with WORD, and nothing else. */
static bool
read_blocks(const char *path, const char *word, struct buf *text)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	struct buf whole = {.secret = true};
	bool good = read_file(path, &whole);
	const char *at = good && whole.len ? buf_str(&whole) : NULL, *stop;
	char mark[64];

	snprintf(mark, sizeof(mark), "%s-----", word);
	for (; at && (at = strstr(at, begin)); at = stop) {
		size_t line = strcspn(at, "\r\n");
		bool wanted = line >= strlen(mark) &&
		              memcmp(at + line - strlen(mark), mark, strlen(mark)) == 0;

		stop = strstr(at, end);
		stop = stop ? stop + strcspn(stop, "\r\n") : at + strlen(at);
		if (wanted)
			buf_add(text, at, (size_t)(stop - at));
		if (wanted)
			buf_add_str(text, "\n");
	}
	buf_wipe(&whole);
	if (good && !text->len)
		complain(path, "no %s in it", *word == 'C' ? "certificate" : "private key");
	return text->len && buf_str(text);
}

static enum msg_exit
ask(struct ctl *ctl, const char *member, const char *text, const struct buf *key)
{
	cJSON *request = ctl_request("inspect");
	bool stored = strcmp(member, "name") == 0;

	cJSON_AddStringToObject(request, member, text);
	if (ctl->options.name)
		cJSON_AddStringToObject(request, "name", ctl->options.name);
	if (key->len)
		cJSON_AddStringToObject(request, "key_pem", (const char *)key->data);
	return ctl_ask(ctl, request, on_inspect, &stored, NULL);
}

/* What has a slash, or is a file here, is one; "./x" says so of what could be a name, too. A key
 * leaves this program only where its file is given for it. */
enum msg_exit
cmd_inspect(struct ctl *ctl)
{
	const char *given = ctl->args[0], *key_file = ctl->arg_count > 1 ? ctl->args[1] : NULL;
	bool is_file = strchr(given, '/') || access(given, F_OK) == 0;
	struct buf text = {0}, key = {.secret = true};
	enum msg_exit code = MSG_EXIT_FAILED;

	if (!is_file && (key_file || ctl->options.name)) {
		complain(NULL, "a KEYFILE and --name are for certificates of a file; see certctl "
		               "inspect --help");
		return MSG_EXIT_USAGE;
	}
	if (!is_file)
		return ask(ctl, "name", given, &key);
	if (read_blocks(given, "CERTIFICATE", &text) &&
	    (!key_file || read_blocks(key_file, "PRIVATE KEY", &key)))
		code = ask(ctl, "pem", buf_str(&text), &key);
	buf_done(&text);
	buf_wipe(&key);
	return code;
}
