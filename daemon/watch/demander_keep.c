/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets of names on demand, over restarts: whoever has used one up does not get it anew by
 * waiting for one. Those that are full again need not be known. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/watch/demander_inside.h"
#include "store/memo.h"
#include "store/store.h"

enum { RECORDS_MAX = 64, RECORD_FULL = MEMO_MAX - HOSTNAME_MAX - 64 };

static const char prefix[] = "demand/";

/* ---- out ------------------------------------------------------------------------------------ */

struct writer {
	struct store_txn *txn;
	struct buf record;
	unsigned count; /* of records that are written */
	int64_t now;
	enum err err;
};

static void
write_record(struct writer *w)
{
	char key[MEMO_KEY_MAX + 1];

	snprintf(key, sizeof(key), "%s%02u", prefix, w->count++);
	w->err = memo_put(w->txn, key, w->record.data, w->record.len);
	buf_done(&w->record);
	w->record = (struct buf){0};
}

static void
on_bucket(void *arg, const char *key, const struct budget *budget)
{
	struct budget b = *budget;
	struct writer *w = arg;

	if (w->err || w->count == RECORDS_MAX || budget_room(&b, w->now) >= b.orders)
		return;
	buf_bytes16(&w->record, key, strlen(key));
	buf_u32(&w->record, b.orders);
	buf_u32(&w->record, b.period);
	buf_u64(&w->record, b.level);
	buf_u64(&w->record, (uint64_t)b.at);
	if (w->record.len >= RECORD_FULL)
		write_record(w);
}

/* Of a time when there were more. */
static enum err
drop_others(struct store_txn *txn, unsigned count)
{
	char last[MEMO_KEY_MAX + 1], key[MEMO_KEY_MAX + 1];
	enum err err;

	snprintf(last, sizeof(last), "%s", prefix); /* stands before all of them */
	if (count)
		snprintf(last, sizeof(last), "%s%02u", prefix, count - 1);
	while (!(err = memo_next(txn, prefix, last, key)) && !(err = memo_del(txn, key)))
		;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

void
demander_keep(struct demander *d)
{
	struct writer w = {.now = clock_wall()};

	if (!demand_book_changed(d->book) ||
	    store_begin_write(d->config.store, STORE_PRIVATE, &w.txn))
		return;
	demand_book_each(d->book, on_bucket, &w);
	if (!w.err && w.record.len)
		write_record(&w);
	if (!w.err)
		w.err = drop_others(w.txn, w.count);
	buf_done(&w.record);
	if (w.err)
		store_abort(w.txn);
	else
		w.err = store_commit(w.txn);
	if (w.err)
		log_info("the budgets of names on demand are not stored: %s", err_text(w.err));
}

/* ---- in ------------------------------------------------------------------------------------- */

static void
read_record(struct demander *d, const struct buf *record)
{
	struct cursor in;

	cursor_init(&in, record->data, record->len);
	while (in.left && !in.bad) {
		char key[HOSTNAME_MAX + 1] = "";
		struct budget b = {0};

		cursor_text16(&in, key, sizeof(key));
		b.orders = cursor_u32(&in);
		b.period = cursor_u32(&in);
		b.level = cursor_u64(&in);
		b.at = (int64_t)cursor_u64(&in);
		if (!in.bad && *key && b.orders && b.period)
			demand_book_restore(d->book, key, &b);
	}
}

void
demander_recall(struct demander *d)
{
	char key[MEMO_KEY_MAX + 1];
	struct store_txn *txn;

	if (store_begin_read(d->config.store, STORE_PRIVATE, &txn))
		return;
	snprintf(key, sizeof(key), "%s", prefix);
	while (!memo_next(txn, prefix, key, key)) {
		struct buf record = {0};

		if (memo_get(txn, key, &record) == ERR_OK)
			read_record(d, &record);
		buf_done(&record);
	}
	store_abort(txn);
}
