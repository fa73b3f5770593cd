/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/terminal.h"

enum { CONNECT_MS = 5000 };

cJSON *
ctl_request(const char *verb)
{
	cJSON *request = cJSON_CreateObject();

	if (!request || !cJSON_AddStringToObject(request, "verb", verb)) {
		complain(NULL, "out of memory");
		exit(MSG_EXIT_FAILED);
	}
	return request;
}

void
ctl_add_labels(cJSON *request, const struct options *options)
{
	cJSON *labels = options->label_count ? cJSON_AddObjectToObject(request, "labels") : NULL;
	char key[256];

	for (size_t i = 0; i < options->label_count; i++) {
		const char *equals = strchr(options->labels[i], '=');

		snprintf(key, sizeof(key), "%.*s", (int)(equals - options->labels[i]),
		         options->labels[i]);
		cJSON_AddStringToObject(labels, key, equals + 1);
	}
}

void
ctl_add_cas(cJSON *request, const struct options *options)
{
	const char *at = options->ca;
	cJSON *list = at && strchr(at, ',') ? cJSON_AddArrayToObject(request, "ca") : NULL;
	char name[256];

	if (at && !list)
		cJSON_AddStringToObject(request, "ca", at);
	while (list && *at) {
		size_t len = strcspn(at, ",");

		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		cJSON_AddItemToArray(list, cJSON_CreateString(name));
		at += len + (at[len] == ',');
	}
}

int64_t
ctl_deadline(const struct ctl *ctl)
{
	return clock_mono_ms() + ctl->options.timeout_ms;
}

enum err
ctl_exchange(struct ctl *ctl, const cJSON *request, int64_t deadline, ctl_line *on_line, void *arg,
             cJSON **ret_end)
{
	int64_t connect_by = clock_mono_ms() + CONNECT_MS;
	enum err err = ERR_OK;
	cJSON *line, *end;

	if (!client_is_open(&ctl->client))
		err = client_open(&ctl->client, ctl->options.socket,
		                  connect_by < deadline ? connect_by : deadline);
	if (!err)
		err = client_send(&ctl->client, request, deadline);
	ctl->enough = false;
	*ret_end = NULL;
	while (!err && !ctl->enough) {
		err = client_read(&ctl->client, deadline, &line);
		if (err)
			break;
		end = cJSON_DetachItemFromObjectCaseSensitive(line, "end");
		if (!end && on_line)
			on_line(ctl, line, arg);
		cJSON_Delete(line);
		if (end) {
			*ret_end = end;
			return ERR_OK;
		}
	}
	client_close(&ctl->client);
	return err;
}

/* We did not come so far that certd itself could say who may. */
static void
complain_perm(const char *path, int error)
{
	const struct group *group = NULL;
	struct stat st;

	if (lstat(path, &st) == 0 && (st.st_mode & S_IWGRP))
		group = getgrgid(st.st_gid);
	if (group)
		complain(NULL,
		         "%s: %s: it is for root, certd's user and group %s; you are uid %u (more: "
		         "`control` in certd.conf)",
		         path, strerror(error), group->gr_name, (unsigned)geteuid());
	else
		complain(NULL,
		         "%s: %s: it is for root, certd's user and those of `control` in "
		         "certd.conf; you are uid %u",
		         path, strerror(error), (unsigned)geteuid());
}

enum msg_exit
ctl_fail(struct ctl *ctl, enum err err)
{
	const char *path = ctl->options.socket;

	switch (err) {
	case ERR_PERM:
		complain_perm(path, ctl->client.error);
		return MSG_EXIT_PERM;
	case ERR_UNREACHABLE:
		complain(NULL, "cannot reach certd at %s: %s", path, strerror(ctl->client.error));
		return MSG_EXIT_UNREACHABLE;
	case ERR_TIMEOUT:
		complain(NULL, "certd at %s does not answer in time", path);
		return MSG_EXIT_UNREACHABLE;
	case ERR_CLOSED:
	case ERR_IO:
		complain(NULL, "certd at %s closed the connection before its answer was complete",
		         path);
		return MSG_EXIT_UNREACHABLE;
	case ERR_PROTO:
		complain(NULL, "what answers at %s does not speak certd's protocol", path);
		return MSG_EXIT_FAILED;
	case ERR_TOOBIG:
		complain(NULL, "the request is too long");
		return MSG_EXIT_USAGE;
	default:
		complain(NULL, "%s", err_text(err));
		return MSG_EXIT_FAILED;
	}
}

void
ctl_found_nothing(const struct ctl *ctl, const char *what)
{
	if (ctl->print.format == PRINT_TABLE && terminal_hears())
		complain(NULL, "%s", what);
}

enum msg_exit
ctl_code(const cJSON *end)
{
	int64_t code = json_int(end, "code", MSG_EXIT_FAILED);

	return code >= 0 && code < MSG_EXIT_COUNT ? (enum msg_exit)code : MSG_EXIT_FAILED;
}

static enum msg_exit
ask(struct ctl *ctl, cJSON *request, int64_t deadline, ctl_line *on_line, void *arg,
    cJSON **ret_end)
{
	const cJSON *error;
	enum err err = ctl_exchange(ctl, request, deadline, on_line, arg, ret_end);

	cJSON_Delete(request);
	if (err)
		return ctl_fail(ctl, err);
	error = json_object(*ret_end, "error");
	if (error)
		complain_json(NULL, error);
	return ctl_code(*ret_end);
}

enum msg_exit
ctl_ask(struct ctl *ctl, cJSON *request, ctl_line *on_line, void *arg, cJSON **ret_end)
{
	cJSON *end = NULL;
	enum msg_exit code = ask(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_line, arg, &end);

	if (ret_end)
		*ret_end = end;
	else
		cJSON_Delete(end);
	return code;
}

enum msg_exit
ctl_ask_long(struct ctl *ctl, cJSON *request, ctl_line *on_line, void *arg)
{
	cJSON *end = NULL;
	enum msg_exit code = ask(ctl, request, ctl_deadline(ctl), on_line, arg, &end);

	cJSON_Delete(end);
	return code;
}
