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

static void
on_inspect(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *whole = json_object(line, "inspect"), *one;
	int64_t now = clock_wall();

	(void)arg;
	if (whole && ctl->print.format != PRINT_TABLE) {
		print_single(&ctl->print, whole);
		return;
	}
	cJSON_ArrayForEach(one, json_array(whole, "certificates")) show_certificate(one, now);
	cJSON_ArrayForEach(one, json_array(whole, "faults"))
	{
		const char *what = json_text(one, "what"), *detail = json_text(one, "detail");

		print_line("fault: %s: %s", what ? what : "", detail ? detail : "");
	}
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

/* The certificates of the file, and nothing else: its keys stay here. */
static bool
read_certificates(const char *path, struct buf *text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	struct buf whole = {.secret = true};
	bool good = read_file(path, &whole);
	const char *at = good && whole.len ? buf_str(&whole) : NULL, *stop;

	for (; at && (at = strstr(at, begin)); at = stop) {
		stop = strstr(at, end);
		stop = stop ? stop + strlen(end) : at + strlen(at);
		buf_add(text, at, (size_t)(stop - at));
		buf_add_str(text, "\n");
	}
	buf_wipe(&whole);
	if (good && !text->len)
		complain(path, "no certificate in it");
	return text->len && buf_str(text);
}

/* What has a slash, or is a file here, is one; "./x" says so of what could be a name, too. */
enum msg_exit
cmd_inspect(struct ctl *ctl)
{
	const char *given = ctl->args[0];
	bool is_file = strchr(given, '/') || access(given, F_OK) == 0;
	struct buf text = {0};
	enum msg_exit code = MSG_EXIT_FAILED;
	cJSON *request;

	if (!is_file || read_certificates(given, &text)) {
		request = ctl_request("inspect");
		cJSON_AddStringToObject(request, is_file ? "pem" : "name",
		                        is_file ? buf_str(&text) : given);
		code = ctl_ask(ctl, request, on_inspect, NULL, NULL);
	}
	buf_done(&text);
	return code;
}
