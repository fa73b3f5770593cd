/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"

enum { STEPS_FIRST = ATTEMPT_STEPS_MAX / 2 };

void
attempt_step(struct attempt *a, const char *word, uint16_t status, int64_t at_ms)
{
	struct attempt_step *last = a->step_count ? &a->steps[a->step_count - 1] : NULL;

	if (!last || last->status != status || strcmp(last->word, word) != 0) {
		if (a->step_count == ATTEMPT_STEPS_MAX) {
			memmove(&a->steps[STEPS_FIRST], &a->steps[STEPS_FIRST + 1],
			        (ATTEMPT_STEPS_MAX - STEPS_FIRST - 1) * sizeof(*a->steps));
			a->step_count--;
		}
		last = &a->steps[a->step_count++];
		*last = (struct attempt_step){.status = status};
		snprintf(last->word, sizeof(last->word), "%s", word);
	}
	if (last->count < UINT16_MAX)
		last->count++;
	last->at_ms = at_ms;
}

/* ---- format 4, see docs/store.md ------------------------------------------------------------ */

/* Names that are dead are told so in the same words each time. */
static bool
says_the_same(const struct attempt *a, const struct attempt *next)
{
	return a->problem.kind == next->problem.kind &&
	       strcmp(a->problem.detail, next->problem.detail) == 0;
}

/* WHOLE: with steps and document. NEXT: the one behind it, NULL: none. */
static void
encode(const struct attempt *a, const struct attempt *next, bool whole, struct buf *out)
{
	size_t step_count = whole ? a->step_count : 0;
	struct problem problem = a->problem;

	if (next && says_the_same(a, next))
		problem.detail[0] = '\0';

	buf_u64(out, (uint64_t)a->began_ms);
	buf_u64(out, (uint64_t)a->ended_at);
	buf_u64(out, (uint64_t)a->next_at);
	buf_bytes16(out, a->ca, strlen(a->ca));
	buf_bytes16(out, a->order, strlen(a->order));
	buf_u8(out, (uint8_t)step_count);
	for (size_t i = 0; i < step_count; i++) {
		buf_bytes16(out, a->steps[i].word, strlen(a->steps[i].word));
		buf_u16(out, a->steps[i].status);
		buf_u16(out, a->steps[i].count);
		buf_u64(out, (uint64_t)a->steps[i].at_ms);
	}
	problem_encode(&problem, out);
	buf_bytes16(out, a->document, whole ? strlen(a->document) : 0);
}

static void
decode(struct cursor *in, struct attempt *a)
{
	a->began_ms = (int64_t)cursor_u64(in);
	a->ended_at = (int64_t)cursor_u64(in);
	a->next_at = (int64_t)cursor_u64(in);
	cursor_text16(in, a->ca, sizeof(a->ca));
	cursor_text16(in, a->order, sizeof(a->order));
	a->step_count = cursor_u8(in);
	if (a->step_count > ATTEMPT_STEPS_MAX) {
		a->step_count = 0;
		in->bad = true;
	}
	for (size_t i = 0; i < a->step_count && !in->bad; i++) {
		cursor_text16(in, a->steps[i].word, sizeof(a->steps[i].word));
		a->steps[i].status = cursor_u16(in);
		a->steps[i].count = cursor_u16(in);
		a->steps[i].at_ms = (int64_t)cursor_u64(in);
	}
	problem_decode(in, &a->problem);
	cursor_text16(in, a->document, sizeof(a->document));
}

static void
fill_detail(struct attempt *a, const struct attempt *next)
{
	if (a->problem.kind == next->problem.kind && !a->problem.detail[0])
		memcpy(a->problem.detail, next->problem.detail, sizeof(a->problem.detail));
}

enum err
attempts_get(struct store_txn *txn, const struct hostname *name, struct attempts *ret_attempts)
{
	struct cursor in;
	enum err err = table_get(txn, TABLE_ATTEMPT, table_key_name(name), &in);

	if (err)
		return err;
	*ret_attempts = (struct attempts){.count = cursor_u8(&in)};
	if (ret_attempts->count > ATTEMPTS_MAX) {
		ret_attempts->count = 0;
		in.bad = true;
	}
	for (size_t i = 0; i < ret_attempts->count && !in.bad; i++)
		decode(&in, &ret_attempts->list[i]);
	for (size_t i = ret_attempts->count; i-- > 1;)
		fill_detail(&ret_attempts->list[i - 1], &ret_attempts->list[i]);
	return table_end(txn, &in);
}

/* ---- which are kept ------------------------------------------------------------------------- */

static void
drop(struct attempts *all, size_t at)
{
	memmove(&all->list[at], &all->list[at + 1], (--all->count - at) * sizeof(*all->list));
}

static bool
went_well(const struct attempt *a)
{
	return a->ended_at && a->problem.kind == PROBLEM_NONE;
}

static bool
has_failed(const struct attempt *a)
{
	return a->ended_at && a->problem.kind != PROBLEM_NONE;
}

/* Room for one more; WELL: it went well itself. */
static void
make_room(struct attempts *all, bool well)
{
	size_t good = well;

	for (size_t i = all->count; i-- > 0;)
		if (went_well(&all->list[i]) && ++good > ATTEMPTS_GOOD)
			drop(all, i);
	if (all->count == ATTEMPTS_MAX)
		drop(all, 0);
}

/* A name that is well keeps little: a million of them are many. */
static bool
is_whole(const struct attempts *all, size_t at)
{
	if (went_well(&all->list[at]))
		return false;
	for (size_t i = at + 1; i < all->count; i++)
		if (has_failed(&all->list[i]) && strcmp(all->list[i].ca, all->list[at].ca) == 0)
			return false;
	return true;
}

static bool
check(const struct attempt *a)
{
	return memchr(a->ca, 0, sizeof(a->ca)) && memchr(a->order, 0, sizeof(a->order)) &&
	       memchr(a->document, 0, sizeof(a->document)) && a->step_count <= ATTEMPT_STEPS_MAX &&
	       (unsigned)a->problem.kind < PROBLEM_COUNT;
}

static enum err
add(struct store_txn *txn, const struct hostname *name, const struct attempt *attempt,
    struct attempts *all)
{
	struct attempt *last;
	struct buf *out;
	enum err err = attempts_get(txn, name, all);

	if (err == ERR_NOTFOUND || err == ERR_CORRUPT || err == ERR_VERSION)
		all->count = 0;
	else if (err)
		return txn_fail(txn, err);
	last = all->count ? &all->list[all->count - 1] : NULL;
	if (last && last->began_ms == attempt->began_ms && strcmp(last->ca, attempt->ca) == 0)
		all->count--;
	make_room(all, went_well(attempt));
	all->list[all->count++] = *attempt;
	out = table_new(txn);
	buf_u8(out, (uint8_t)all->count);
	for (size_t i = 0; i < all->count; i++)
		encode(&all->list[i], i + 1 < all->count ? &all->list[i + 1] : NULL,
		       is_whole(all, i), out);
	return table_put(txn, TABLE_ATTEMPT, table_key_name(name));
}

enum err
attempt_put(struct store_txn *txn, const struct hostname *name, const struct attempt *attempt)
{
	struct attempts *all;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (!check(attempt) || table_check_name(name))
		return txn_fail(txn, ERR_INVALID);
	all = malloc(sizeof(*all));
	err = all ? add(txn, name, attempt, all) : txn_fail(txn, ERR_NOMEM);
	free(all);
	return err;
}

enum err
attempts_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_ATTEMPT, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}
