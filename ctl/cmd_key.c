/* SPDX-License-Identifier: Apache-2.0 */
/* key: what the store is sealed with. init makes the first master key and needs no certd; status,
 * rotate (data keys), master (the master key) and tickets (session tickets') ask the one that runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"

static enum msg_exit
init(struct ctl *ctl, const char *file)
{
	char word[4096];

	if (snprintf(word, sizeof(word), "--key-init%s%s", file ? "=" : "", file ? file : "") >=
	    (int)sizeof(word)) {
		complain(NULL, "the name of the file is too long");
		return MSG_EXIT_USAGE;
	}
	return certd_become(ctl, "make a key", (const char *const[]){word, NULL});
}

static void
on_keys(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *keys = json_object(line, "keys");

	(void)arg;
	if (keys && ctl->print.format != PRINT_TABLE)
		print_single(&ctl->print, keys);
	else if (keys && json_bool(keys, "rotating", false))
		printf("data key %" PRId64 ", about %" PRId64
		       " older records to be looked at still\n",
		       json_int(keys, "key_id", 0), json_int(keys, "left", 0));
	else if (keys)
		printf("data key %" PRId64 ", all records are under it\n",
		       json_int(keys, "key_id", 0));
}

static enum msg_exit
master(struct ctl *ctl)
{
	enum msg_exit code = ctl_ask(ctl, ctl_request("key.master"), NULL, NULL, NULL);

	if (code == MSG_EXIT_OK && ctl->print.format == PRINT_TABLE)
		printf("the master key is a new one: keep a copy of it, and the old one as long as "
		       "there are backups from before\n");
	return code;
}

static enum msg_exit
tickets(struct ctl *ctl)
{
	enum msg_exit code = ctl_ask(ctl, ctl_request("key.tickets"), NULL, NULL, NULL);

	if (code == MSG_EXIT_OK && ctl->print.format == PRINT_TABLE)
		printf("session tickets have a new key: those out there resume nothing any more\n");
	return code;
}

enum msg_exit
cmd_key(struct ctl *ctl)
{
	const char *word = ctl->args[0], *file = ctl->arg_count > 1 ? ctl->args[1] : NULL;

	if (strcmp(word, "init") == 0)
		return init(ctl, file);
	if (strcmp(word, "status") == 0 && !file)
		return ctl_ask(ctl, ctl_request("key.status"), on_keys, NULL, NULL);
	if (strcmp(word, "rotate") == 0 && !file)
		return ctl_ask(ctl, ctl_request("key.rotate"), on_keys, NULL, NULL);
	if (strcmp(word, "master") == 0 && !file)
		return master(ctl);
	if (strcmp(word, "tickets") == 0 && !file)
		return tickets(ctl);
	complain(NULL, "usage: certctl key init [FILE] | status | rotate | master | tickets; see "
	               "certctl key --help");
	return MSG_EXIT_USAGE;
}
