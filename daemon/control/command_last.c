/* SPDX-License-Identifier: Apache-2.0 */
/* What came of the last backup and the last check, kept over restarts: how old a backup is matters
 * most when nobody remembers. */
#include "base/json.h"
#include "base/log.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "store/memo.h"
#include "store/store.h"

static const char backup_memo[] = "last/backup", check_memo[] = "last/check";

static cJSON *
recall(struct store_txn *txn, const char *memo)
{
	struct buf text = {0};
	cJSON *json = NULL;

	if (memo_get(txn, memo, &text) || json_parse(text.data, text.len, &json))
		json = NULL; /* as if there had been none */
	buf_done(&text);
	return json;
}

void
last_recall(struct control *c)
{
	struct store_txn *txn;

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	c->last_backup = recall(txn, backup_memo);
	c->last_check = recall(txn, check_memo);
	store_abort(txn);
}

static void
keep(struct control *c, const char *memo, const cJSON *json)
{
	struct buf text = {0};
	struct store_txn *txn;
	enum err err = json_print(json, &text);

	if (!err)
		err = store_begin_write(c->store, STORE_PRIVATE, &txn);
	if (!err) {
		err = memo_put(txn, memo, text.data, text.len);
		err = store_finish(txn, err);
	}
	buf_done(&text);
	if (err)
		log_debug("%s is not kept: %s", memo, err_text(err));
}

void
last_keep_backup(struct control *c, cJSON *json)
{
	cJSON_Delete(c->last_backup);
	c->last_backup = json;
	keep(c, backup_memo, json);
}

void
last_keep_check(struct control *c, cJSON *json)
{
	cJSON_Delete(c->last_check);
	c->last_check = json;
	keep(c, check_memo, json);
}

void
add_last(cJSON *object, struct control *c)
{
	if (c->last_backup)
		cJSON_AddItemToObject(object, "last_backup", cJSON_Duplicate(c->last_backup, true));
	if (c->last_check)
		cJSON_AddItemToObject(object, "last_check", cJSON_Duplicate(c->last_check, true));
}
