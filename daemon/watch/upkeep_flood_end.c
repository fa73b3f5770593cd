/* SPDX-License-Identifier: Apache-2.0 */
/* When the row of names that nobody serves is over: nobody has asked for one for long, or those
 * that were asked for are here now. The row itself stays a day's, and counts on if they come again;
 * up to which repeat of it all is well is stored. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/memo.h"
#include "store/store.h"

static const char over_memo[] = "sni-unknown";

/* The repeat that was the last one, 0: none was. */
static uint64_t
ended_with(struct store_txn *txn)
{
	struct buf record = {0};
	struct cursor in;
	uint64_t id = 0;

	if (memo_get(txn, over_memo, &record) == ERR_OK) {
		cursor_init(&in, record.data, record.len);
		id = cursor_u64(&in);
		if (!cursor_end(&in))
			id = 0;
	}
	buf_done(&record);
	return id;
}

enum err
upkeep_unknown_names(struct store_txn *txn, int64_t at, struct event *ret_row)
{
	struct event row;
	enum err err = event_tallied(txn, UPKEEP_UNKNOWN, at, &row);

	if (!err && row.id <= ended_with(txn))
		err = ERR_NOTFOUND;
	if (!err)
		*ret_row = row;
	return err;
}

static bool
is_here(struct store_txn *txn, const char *text)
{
	struct hostname name, wildcard;
	struct domain d;
	enum err err = hostname_parse_sni(text, strlen(text), &name);

	if (!err)
		err = domain_get(txn, &name, &d);
	if (err == ERR_NOTFOUND && !hostname_wildcard_parent(&name, &wildcard))
		err = domain_get(txn, &wildcard, &d);
	return !err;
}

static bool
are_here(struct upkeep *u, const struct flood_seen *seen)
{
	struct store_txn *txn;
	bool all = true;

	if (store_begin_read(u->config.store, STORE_SERVED, &txn))
		return false;
	for (size_t i = 0; i < seen->name_count && all; i++)
		all = is_here(txn, seen->names[i]);
	store_abort(txn);
	return all;
}

static bool
read_row(struct upkeep *u, int64_t now, struct event *ret_row)
{
	struct store_txn *txn;
	enum err err = store_begin_read(u->config.store, STORE_PRIVATE, &txn);

	if (err)
		return false;
	/* one whose day has ended meanwhile, too */
	err = upkeep_unknown_names(txn, now - 2 * UPKEEP_QUIET_S, ret_row);
	store_abort(txn);
	return !err;
}

static enum err
write_end(struct upkeep *u, const struct event *row, struct event *healed)
{
	struct buf record = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(u->config.store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	buf_u64(&record, row->id);
	err = memo_put(txn, over_memo, record.data, record.len);
	if (!err)
		err = event_put(txn, healed);
	buf_done(&record);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

bool
upkeep_end_flood(struct upkeep *u, const struct flood_seen *seen, int64_t now)
{
	struct event row, healed = {.at = now, .type = "mismatch.healed"};
	char since[CLOCK_TEXT_MAX];
	int64_t quiet;
	bool known;
	enum err err;

	if (!read_row(u, now, &row))
		return false;
	quiet = now - (row.at > seen->heard_at ? row.at : seen->heard_at);
	known = quiet >= UPKEEP_KNOWN_S && seen->name_count > 0 && are_here(u, seen);
	if (!known && quiet < UPKEEP_QUIET_S)
		return false;
	snprintf(healed.detail, sizeof(healed.detail), "%s, found at %s, is over: %s",
	         UPKEEP_UNKNOWN, clock_format(row.first_at, since),
	         known ? "what was asked for is here now" : "nobody asks any more");
	err = write_end(u, &row, &healed);
	if (err) {
		log_debug("that unknown names are over is not told yet: %s", err_text(err));
		return false;
	}
	notice_nudge(u->config.notices);
	return true;
}
