/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due_window.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/domain_due.h"
#include "store/domain_index.h"
#include "store/domain_window.h"
#include "store/walk.h"

/* More CAs than anybody has, those of names from before included, times lanes. */
enum { QUEUES_MAX = 1024, AT_LEN = sizeof(uint64_t) - 1 };

/* One CA's lane; its first row is the one that counts. */
struct queue {
	struct walk walk;
	size_t front; /* "CA" | 0 | lane, of `key` */
	unsigned char key[INDEX_KEY_MAX];
	int64_t at;
	struct hostname name;
	bool ended;
};

struct merge {
	struct queue *of;
	size_t count;
	bool back;
};

static uint64_t
at_of(const unsigned char *bytes)
{
	uint64_t wire = 0;

	memcpy((unsigned char *)&wire + 1, bytes, AT_LEN);
	return be64toh(wire);
}

/* The row under the walk; one that nobody can read is passed over. */
static enum err
take_row(struct queue *q, bool back)
{
	enum err err = ERR_OK;

	while (!err) {
		struct span key = q->walk.key;

		if (key.len < q->front || memcmp(key.data, q->key, q->front) != 0) {
			q->ended = true;
			return ERR_OK;
		}
		if (key.len > q->front + AT_LEN) {
			size_t begin = q->front + AT_LEN;

			q->at = (int64_t)at_of(key.data + q->front);
			if (!table_name_of_key(table_key(key.data + begin, key.len - begin),
			                       &q->name))
				return ERR_OK;
		}
		err = back ? walk_prev(&q->walk) : walk_next(&q->walk);
	}
	q->ended = err == ERR_NOTFOUND;
	return q->ended ? ERR_OK : err;
}

/* The place in this queue: its bytes behind the front. */
static size_t
place_of(const struct domain_window *w, const struct queue *q, unsigned char *key)
{
	bool last = w->place == WINDOW_LAST;
	uint64_t at = w->at < 0 ? 0 : (uint64_t)w->at & DUE_AT_MASK;
	size_t len = q->front;

	if (w->at > (int64_t)DUE_AT_MASK || last)
		at = DUE_AT_MASK;
	at = htobe64(at);
	memcpy(key, q->key, len);
	memcpy(key + len, (unsigned char *)&at + 1, AT_LEN);
	len += AT_LEN;
	if (last) {
		key[len++] = 0xff; /* names are ASCII: this is behind all of them */
	} else {
		memcpy(key + len, w->name.name, w->name.len);
		len += w->name.len;
	}
	return len;
}

static enum err
begin(struct queue *q, const struct domain_window *w, bool back)
{
	unsigned char bytes[INDEX_KEY_MAX];
	struct span key = table_key(bytes, place_of(w, q, bytes));
	enum err err = back ? walk_before(&q->walk, key) : walk_seek(&q->walk, key);

	if (!err && w->place == WINDOW_BEHIND && q->walk.key.len == key.len &&
	    memcmp(q->walk.key.data, key.data, key.len) == 0)
		err = walk_next(&q->walk);
	if (err == ERR_NOTFOUND) {
		q->ended = true;
		return ERR_OK;
	}
	return err ? err : take_row(q, back);
}

/* ---- the queues there are ------------------------------------------------------------------- */

/* The first entry behind all of the last queue's. */
static enum err
seek_behind(struct walk *walk, const struct queue *last)
{
	unsigned char key[INDEX_KEY_MAX];

	if (!last)
		return walk_first(walk);
	memcpy(key, last->key, last->front);
	key[last->front - 1]++; /* lanes are few */
	return walk_seek(walk, table_key(key, last->front));
}

/* An entry that has no front is nobody's: false. */
static bool
front_of(struct span key, struct queue *ret_queue)
{
	const unsigned char *zero = memchr(key.data, 0, key.len);
	size_t front = zero ? (size_t)(zero - key.data) + 2 : 0;

	if (!zero || front > key.len || front > NAME_WORD_MAX + 2 || key.data[front - 1] == 0xff)
		return false;
	*ret_queue = (struct queue){.front = front};
	memcpy(ret_queue->key, key.data, front);
	return true;
}

static enum err
add_queue(struct merge *m, struct span key)
{
	struct queue *more;

	if (m->count == QUEUES_MAX)
		return ERR_FULL;
	more = realloc(m->of, (m->count + 1) * sizeof(*more));
	if (!more)
		return ERR_NOMEM;
	m->of = more;
	if (!front_of(key, &m->of[m->count]))
		return ERR_CORRUPT;
	m->count++;
	return ERR_OK;
}

static enum err
find_queues(struct store_txn *txn, struct merge *m)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = seek_behind(&walk, NULL);
	while (!err) {
		err = add_queue(m, walk.key);
		if (!err)
			err = seek_behind(&walk, &m->of[m->count - 1]);
		else if (err == ERR_CORRUPT)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* ---- all of them as one --------------------------------------------------------------------- */

static struct queue *
next_queue(const struct merge *m)
{
	struct queue *best = NULL;

	for (size_t i = 0; i < m->count; i++) {
		struct queue *q = &m->of[i];
		int order = 0;

		if (q->ended)
			continue;
		if (best && q->at != best->at)
			order = q->at < best->at ? -1 : 1;
		else if (best)
			order = strcmp(q->name.name, best->name.name);
		if (!best || (m->back ? order > 0 : order < 0))
			best = q;
	}
	return best;
}

/* The index says when it is due, also of a record that does not open. */
static enum err
read_row(struct store_txn *txn, const struct queue *q, struct domain *d)
{
	enum err err = domain_get(txn, &q->name, d);

	if (err == ERR_NOTFOUND)
		return ERR_CORRUPT;
	err = domain_row(err, &q->name, d);
	d->due_at = q->at;
	return err;
}

static enum err
read_rows(struct store_txn *txn, struct merge *m, size_t limit, struct domain *domains,
          size_t *ret_count)
{
	struct queue *q;
	size_t count = 0;
	enum err err = ERR_OK;

	while (!err && count < limit && (q = next_queue(m))) {
		err = read_row(txn, q, &domains[count]);
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT) {
			err = m->back ? walk_prev(&q->walk) : walk_next(&q->walk);
			q->ended = err == ERR_NOTFOUND;
			err = q->ended ? ERR_OK : err ? err : take_row(q, m->back);
		}
	}
	*ret_count = count;
	return err;
}

enum err
due_window(struct store_txn *txn, const struct domain_window *window, size_t limit,
           struct domain *domains, size_t *ret_count)
{
	struct merge m = {.back = window->place == WINDOW_BEFORE || window->place == WINDOW_LAST};
	size_t count = 0, opened = 0;
	enum err err = find_queues(txn, &m);

	for (; !err && opened < m.count; opened++) {
		err = walk_open(&m.of[opened].walk, txn, TABLE_DUE);
		if (!err)
			err = begin(&m.of[opened], window, m.back);
	}
	if (!err)
		err = read_rows(txn, &m, limit, domains, &count);
	for (size_t i = 0; i < m.count; i++)
		walk_close(&m.of[i].walk);
	free(m.of);
	if (!err)
		*ret_count = count;
	return err;
}

enum err
due_count_all(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_DUE, ret_count);
}
