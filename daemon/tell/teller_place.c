/* SPDX-License-Identifier: Apache-2.0 */
/* Where the targets stand in the log of events. */
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "daemon/tell/teller_inside.h"
#include "store/store.h"

static const char prefix[] = "target/";

size_t
teller_read(struct teller *t, uint64_t after)
{
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(t->store, STORE_PRIVATE, &txn))
		return 0;
	if (event_page(txn, after, TELLER_PAGE, t->page, &count))
		count = 0;
	store_abort(txn);
	return count;
}

bool
teller_ends(struct teller *t, uint64_t *ret_last, uint64_t *ret_dropped)
{
	struct store_txn *txn;
	enum err err;

	if (store_begin_read(t->store, STORE_PRIVATE, &txn))
		return false;
	err = event_last(txn, ret_last);
	if (!err)
		err = event_dropped(txn, ret_dropped);
	store_abort(txn);
	return err == ERR_OK;
}

static enum err
put_place(struct store_txn *txn, const struct target *target)
{
	struct buf record = {0};
	enum err err;

	buf_u64(&record, target->place);
	err = memo_put(txn, target->key, record.data, record.len);
	buf_done(&record);
	return err;
}

static enum err
get_place(struct target *target)
{
	struct buf record = {0};
	struct store_txn *txn;
	struct cursor in;
	enum err err = store_begin_read(target->teller->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = memo_get(txn, target->key, &record);
	store_abort(txn);
	if (!err) {
		cursor_init(&in, record.data, record.len);
		target->place = target->stored = cursor_u64(&in);
		err = cursor_end(&in) ? ERR_OK : ERR_CORRUPT;
	}
	buf_done(&record);
	return err;
}

bool
teller_find_place(struct target *target, uint64_t last)
{
	struct store_txn *txn;
	enum err err = get_place(target);

	if (!err && target->place <= last)
		return true;
	if (err && err != ERR_NOTFOUND && err != ERR_CORRUPT)
		return false;
	target->place = target->stored = last; /* new, or its ids are of another log */
	if (store_begin_write(target->teller->store, STORE_PRIVATE, &txn))
		return false;
	err = put_place(txn, target);
	err = store_finish(txn, err);
	return err == ERR_OK;
}

void
teller_store_places(struct teller *t)
{
	struct target *target;
	struct store_txn *txn;
	enum err err = store_begin_write(t->store, STORE_PRIVATE, &txn);

	t->stored_at = clock_mono_ms();
	t->delivered = false;
	if (err)
		return;
	TAILQ_FOREACH(target, &t->targets, link)
	if (!err && target->place != target->stored)
		err = put_place(txn, target);
	err = store_finish(txn, err);
	TAILQ_FOREACH(target, &t->targets, link)
	if (!err)
		target->stored = target->place;
	if (err)
		log_warn("the places of hooks are not stored (%s): events may come again",
		         err_text(err));
}

static bool
is_known(const struct teller *t, const char *key)
{
	const struct target *target;

	TAILQ_FOREACH(target, &t->targets, link)
	if (target->conf && strcmp(target->key, key) == 0)
		return true;
	return false;
}

/* One that comes back later begins anew. */
void
teller_forget_others(struct teller *t)
{
	char key[MEMO_KEY_MAX + 1] = "";
	struct store_txn *txn;
	bool any = false;
	enum err err = store_begin_write(t->store, STORE_PRIVATE, &txn);

	if (err)
		return;
	while (!err && memo_next(txn, prefix, key, key) == ERR_OK)
		if (!is_known(t, key)) {
			err = memo_del(txn, key);
			any = true;
		}
	if (!err && any)
		err = store_commit(txn);
	else
		store_abort(txn);
	if (err)
		log_warn("places of hooks that are gone stay stored: %s", err_text(err));
}
