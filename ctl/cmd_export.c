/* SPDX-License-Identifier: Apache-2.0 */
/* The verb export: a certificate with its chain as PEM on stdout, with its key if asked for. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"

static void
on_export(struct ctl *ctl, const cJSON *line, void *arg)
{
	cJSON *export = cJSON_GetObjectItemCaseSensitive(line, "export");
	const char *chain = json_text(export, "chain_pem"), *key = json_text(export, "key_pem");

	(void)arg;
	if (!cJSON_IsObject(export))
		return;
	if (ctl->print.format != PRINT_TABLE) {
		print_single(&ctl->print, export);
	} else {
		print_pem(chain);
		print_pem(key);
	}
	print_flush();
}

enum msg_exit
cmd_export(struct ctl *ctl)
{
	cJSON *request = ctl_request("export"), *end = NULL;
	enum msg_exit code;
	enum err err;

	cJSON_AddStringToObject(request, "name", ctl->args[0]);
	if (option_is_given(&ctl->options, OPTION_PRIVATE_KEY))
		cJSON_AddTrueToObject(request, "private_key");
	ctl->client.in.secret = true;
	setvbuf(stdout, NULL, _IONBF, 0); /* no copy of the key in a buffer that nobody wipes */
	err = ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_export, NULL, &end);
	cJSON_Delete(request);
	if (err)
		return ctl_fail(ctl, err);
	if (json_object(end, "error"))
		complain_json(ctl->args[0], json_object(end, "error"));
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}
