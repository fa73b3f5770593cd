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
		print_line("data key %" PRId64 ", about %" PRId64
		           " older records to be looked at still",
		           json_int(keys, "key_id", 0), json_int(keys, "left", 0));
	else if (keys)
		print_line("data key %" PRId64 ", all records are under it",
		           json_int(keys, "key_id", 0));
}

/* A verb whose answer is that it is done, which SAID tells people. */
static enum msg_exit
ask_done(struct ctl *ctl, const char *verb, const char *said)
{
	enum msg_exit code = ctl_ask(ctl, ctl_request(verb), NULL, NULL, NULL);

	if (code == MSG_EXIT_OK)
		print_outcome(&ctl->print, said, NULL);
	return code;
}

enum msg_exit
cmd_key(struct ctl *ctl)
{
	const char *word = ctl->args[0];

	if (strcmp(word, "init") == 0)
		return init(ctl, ctl->arg_count > 1 ? ctl->args[1] : NULL);
	if (strcmp(word, "status") == 0)
		return ctl_ask(ctl, ctl_request("key.status"), on_keys, NULL, NULL);
	if (strcmp(word, "rotate") == 0)
		return ctl_ask(ctl, ctl_request("key.rotate"), on_keys, NULL, NULL);
	if (strcmp(word, "master") == 0)
		return ask_done(ctl, "key.master",
		                "the master key is a new one: keep a copy of it, and the old one "
		                "as long as there are backups from before");
	return ask_done(ctl, "key.tickets",
	                "session tickets have a new key: those out there resume nothing any more");
}
