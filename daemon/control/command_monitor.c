/* SPDX-License-Identifier: Apache-2.0 */
/* The verb check: the few numbers that say whether somebody must look. From counters only. */
#include "base/clock.h"
#include "base/json.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep.h"
#include "store/domain_list.h"
#include "store/late.h"
#include "store/store.h"

enum { DAY_S = 86400, WARN_S = 14 * DAY_S, CRIT_S = 3 * DAY_S };
static const int64_t span_max_s = 100000 * (int64_t)DAY_S;

static enum err
count_expiring(struct control *c, int64_t now, cJSON *check, int64_t warn_s, int64_t crit_s)
{
	uint64_t names = 0, failing = 0, expired = 0, crit = 0, warn = 0;
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_count_all(txn, &names);
	if (!err)
		err = domain_count_state(txn, DOMAIN_FAILING, &failing);
	if (!err)
		err = domain_count_expiring(txn, now, &expired);
	if (!err)
		err = domain_count_expiring(txn, now + crit_s, &crit);
	if (!err)
		err = domain_count_expiring(txn, now + warn_s, &warn);
	store_abort(txn);
	cJSON_AddNumberToObject(check, "names", (double)names);
	cJSON_AddNumberToObject(check, "expired", (double)expired);
	cJSON_AddNumberToObject(check, "crit", crit > expired ? (double)(crit - expired) : 0);
	cJSON_AddNumberToObject(check, "warn", warn > crit ? (double)(warn - crit) : 0);
	cJSON_AddNumberToObject(check, "failing", (double)failing);
	return err;
}

static enum err
count_late(struct control *c, cJSON *check)
{
	struct store_txn *txn;
	uint64_t late = 0;
	enum err err = store_begin_read(c->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = late_count(txn, &late);
	store_abort(txn);
	cJSON_AddNumberToObject(check, "late", (double)late);
	return err;
}

void
command_monitor(struct control_client *cl, const cJSON *request)
{
	int64_t warn = json_int(request, "warn", WARN_S), crit = json_int(request, "crit", CRIT_S);
	struct control *c = cl->control;
	struct upkeep_state state;
	cJSON *check, *line;
	enum err err;

	if (warn < 0 || crit < 0 || warn > span_max_s || crit > warn) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"warn\" and \"crit\" are seconds, and \"warn\" the larger one");
		return;
	}
	line = line_with("check", &check);
	err = count_expiring(c, clock_wall(), check, warn, crit);
	if (!err)
		err = count_late(c, check);
	if (err) {
		cJSON_Delete(line);
		reply_store_error(cl, err);
		return;
	}
	upkeep_look(c->upkeep, &state);
	cJSON_AddBoolToObject(check, "takes_orders", state.room && state.trouble == ERR_OK);
	cJSON_AddBoolToObject(check, "clock_suspect", clockwatch_is_suspect(c->clock));
	reply_json(cl, line);
	reply_ok(cl);
}
