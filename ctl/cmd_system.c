/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about certd itself: reload, upgrade, version. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

/* ---- reload --------------------------------------------------------------------------------- */

/* Reload has no half-way answer, so it is the same with --wait and without. */
enum msg_exit
cmd_reload(struct ctl *ctl)
{
	cJSON *request = ctl_request("reload"), *end;
	const cJSON *error;
	enum msg_exit code;
	enum err err = ctl_exchange(ctl, request, ctl_deadline(ctl), NULL, NULL, &end);

	cJSON_Delete(request);
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the reload is not done yet; see certctl events");
		return MSG_EXIT_TIMEOUT;
	}
	if (err)
		return ctl_fail(ctl, err);
	error = json_object(end, "error");
	if (error)
		complain_json(NULL, error);
	print_outcome(&ctl->print, "reloaded", error);
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}

/* ---- upgrade -------------------------------------------------------------------------------- */

struct upgraded {
	int64_t pid; /* of the new certd; 0: not told yet */
	char version[32];
};

static void
on_upgrade(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *json = json_object(line, "upgrade");
	struct upgraded *u = arg;

	(void)ctl;
	if (!json)
		return;
	u->pid = json_int(json, "pid", 0);
	snprintf(u->version, sizeof(u->version), "%s",
	         json_text(json, "version") ? json_text(json, "version") : "?");
}

static void
on_pid(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *version = json_object(line, "version");

	(void)ctl;
	if (version)
		*(int64_t *)arg = json_int(version, "pid", 0);
}

/* The control socket's queue holds us until the new keeper reads it; should that socket be lost on
 * the way, it opens another. Answers the pid of the certd that answers; 0: none. */
static int64_t
who_answers(struct ctl *ctl, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	cJSON *request = ctl_request("version"), *end = NULL;
	int64_t pid = 0;

	client_close(&ctl->client);
	while (!pid && clock_mono_ms() < deadline) {
		if (ctl_exchange(ctl, request, deadline, on_pid, &pid, &end))
			nanosleep(&pause, NULL);
		cJSON_Delete(end);
		end = NULL;
	}
	cJSON_Delete(request);
	return pid;
}

static enum msg_exit
end_upgrade(struct ctl *ctl, const struct upgraded *u, int64_t deadline)
{
	int64_t pid = who_answers(ctl, deadline);
	char done[128];

	if (!pid) {
		complain(NULL,
		         "certd %s, pid %" PRId64 ", serves, but does not answer here yet; see "
		         "its log",
		         u->version, u->pid);
		return MSG_EXIT_TIMEOUT;
	}
	if (pid != u->pid) {
		complain(NULL,
		         "the new certd has ended, and the old one, pid %" PRId64
		         ", serves again; see certctl events",
		         pid);
		return MSG_EXIT_FAILED;
	}
	snprintf(done, sizeof(done), "upgraded to certd %s, pid %" PRId64, u->version, u->pid);
	print_outcome(&ctl->print, done, NULL);
	return MSG_EXIT_OK;
}

/* As with reload, --wait changes nothing: it ends when the new keeper answers. */
enum msg_exit
cmd_upgrade(struct ctl *ctl)
{
	int64_t deadline = ctl_deadline(ctl);
	cJSON *request = ctl_request("upgrade"), *end = NULL;
	struct upgraded u = {0};
	const cJSON *error;
	enum msg_exit code;
	enum err err = ctl_exchange(ctl, request, deadline, on_upgrade, &u, &end);

	cJSON_Delete(request);
	error = json_object(end, "error");
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the upgrade is not done yet; see certctl events");
		code = MSG_EXIT_TIMEOUT;
	} else if (err && !u.pid) {
		code = ctl_fail(ctl, err);
	} else if (error) {
		complain_json(NULL, error);
		print_outcome(&ctl->print, "", error);
		code = ctl_code(end);
	} else {
		code = end_upgrade(ctl, &u, deadline);
	}
	cJSON_Delete(end);
	return code;
}

/* ---- version -------------------------------------------------------------------------------- */

static void
on_version(struct ctl *ctl, const cJSON *line, void *arg)
{
	const char *version = json_text(json_object(line, "version"), "version");

	(void)ctl;
	if (version)
		cJSON_AddStringToObject(arg, "certd", version);
}

/* certd's too when it runs; that it does not is no error here. */
enum msg_exit
cmd_version(struct ctl *ctl)
{
	cJSON *versions = cJSON_CreateObject(), *request = ctl_request("version"), *end = NULL;
	enum err err;

	cJSON_AddStringToObject(versions, "certctl", CERTD_VERSION);
	err = ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_version, versions,
	                   &end);
	if (err || !json_text(versions, "certd"))
		cJSON_AddNullToObject(versions, "certd");
	if (ctl->print.format == PRINT_JSON || ctl->print.format == PRINT_NDJSON) {
		print_single(&ctl->print, versions);
	} else {
		print_field("certctl", CERTD_VERSION);
		print_field("certd", json_text(versions, "certd") ? json_text(versions, "certd")
		                                                  : "does not answer");
	}
	cJSON_Delete(end);
	cJSON_Delete(request);
	cJSON_Delete(versions);
	return MSG_EXIT_OK;
}
