/* SPDX-License-Identifier: Apache-2.0 */
/* Before a look a glance, at many names at once: those whose DNS is silent, as it was before, need
 * no look, and hold up nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/store.h"

/* ---- the batch ------------------------------------------------------------------------------ */

bool
diagnoser_glance_has_room(const struct diagnoser *g, size_t count)
{
	return g->glance->phase == GLANCE_GATHERS && g->glance->count + count <= GLANCE_NAMES;
}

static bool
has(const struct glancing *b, const struct hostname *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (hostname_equal(&b->names[i].name, name))
			return true;
	return false;
}

void
diagnoser_glance_add(struct diagnoser *g, const struct glanced *name)
{
	struct glancing *b = g->glance;

	if (b->count < GLANCE_NAMES && !diagnoser_is_busy(g, &name->name) && !has(b, &name->name))
		b->names[b->count++] = *name;
}

static void
run(struct pool_task *task, const atomic_bool *stop)
{
	struct glancing *b = (struct glancing *)task;
	const struct hostname *names[GLANCE_NAMES] = {NULL};
	enum glance_word words[GLANCE_NAMES];
	size_t at[GLANCE_NAMES], count = 0;

	for (size_t i = 0; i < b->count; i++) {
		b->names[i].word = GLANCE_ANSWERS; /* what has no DNS, or if it cannot be asked */
		if (hostname_is_address(&b->names[i].name))
			continue;
		at[count] = i;
		names[count++] = &b->names[i].name;
	}
	if (glance(b->conf, stop, names, count, words))
		return; /* the look says why */
	for (size_t i = 0; i < count; i++)
		b->names[at[i]].word = words[i];
}

void
diagnoser_glance_send(struct diagnoser *g)
{
	struct glancing *b = g->glance;

	if (b->phase != GLANCE_GATHERS || b->count == 0)
		return;
	b->pool.run = run;
	b->conf = conf_ref(g->conf);
	if (pool_submit(g->glances, &b->pool)) {
		conf_unref(b->conf);
		b->conf = NULL;
		b->count = 0; /* they stay due */
		return;
	}
	b->phase = GLANCE_OUT;
}

/* ---- what came of it ------------------------------------------------------------------------ */

/* Healed ones first, then those whose certificates end soonest. */
static int
compare(const void *a, const void *b)
{
	const struct glanced *x = a, *y = b;
	bool first = x->was_silent && x->word == GLANCE_ANSWERS;
	bool second = y->was_silent && y->word == GLANCE_ANSWERS;

	if (first != second)
		return first ? -1 : 1;
	return x->ends < y->ends ? -1 : x->ends > y->ends ? 1 : 0;
}

/* What is said of a name that has not been looked at, when there are too many such. */
static void
describe(const struct glanced *n, struct diagnosis *d)
{
	enum diagnose_code code = n->word == GLANCE_SILENT ? DIAGNOSE_TIMEOUT : DIAGNOSE_SERVFAIL;

	snprintf(d->code, sizeof(d->code), "%s", diagnose_word(code));
	snprintf(d->text, sizeof(d->text),
	         "the DNS servers of %s do not answer%s: whoever runs them must put that right",
	         n->name.name, n->word == GLANCE_SILENT ? "" : " but with an error");
	snprintf(d->findings, sizeof(d->findings), "A %s: no answer of use within %d s\n",
	         n->name.name, GLANCE_MS / 1000);
}

static enum err
put_silent(struct diagnoser *g, struct store_txn *txn, const struct glanced *n)
{
	struct diagnosis before = {0}, d;
	struct domain domain;
	struct store_txn *served;
	enum err err = store_begin_read(g->store, STORE_SERVED, &served);

	if (err)
		return err;
	err = domain_get(served, &n->name, &domain);
	store_abort(served);
	if (err || (domain.state != DOMAIN_FAILING && domain.state != DOMAIN_MOVED))
		return ERR_OK; /* no longer our business */
	if (diagnosis_get(txn, &n->name, &before))
		before = (struct diagnosis){0};
	d = before;
	d.name = n->name;
	d.at = clock_wall();
	if (!n->was_silent) {
		d.record[0] = '\0';
		describe(n, &d);
	}
	diagnosing_go_on(g->conf, &before, &domain, &d);
	return diagnosing_put(txn, &before, &d);
}

/* Those of the batch that are to get no look now, in one commit. */
static void
store_silent(struct diagnoser *g)
{
	struct glancing *b = g->glance;
	struct store_txn *txn;
	enum err err =
		b->silent_count ? store_begin_write(g->store, STORE_PRIVATE, &txn) : ERR_NOTFOUND;

	if (err)
		return;
	for (size_t i = 0; i < b->silent_count && !err; i++)
		err = put_silent(g, txn, &b->names[b->silent[i]]);
	b->silent_count = 0;
	err = store_finish(txn, err);
	if (err)
		log_info("that DNS servers are silent is not kept: %s", err_text(err));
	else
		notice_nudge(g->notices);
}

void
diagnoser_glance_collect(struct diagnoser *g)
{
	struct glancing *b = g->glance;

	if (!pool_take(g->glances))
		return;
	conf_unref(b->conf);
	b->conf = NULL;
	qsort(b->names, b->count, sizeof(b->names[0]), compare);
	b->phase = GLANCE_BACK;
	b->at = b->silent_count = 0;
	b->until = clock_mono_ms() + DIAGNOSER_BATCH_MS;
}

/* False: it is to wait for room. A look that DNS keeps waiting is for few at a time. */
static bool
look_at(struct diagnoser *g, const struct glanced *n)
{
	struct glancing *b = g->glance;
	bool begun = false, late = clock_mono_ms() >= b->until;
	enum err err;

	if (diagnoser_is_busy(g, &n->name))
		return true;
	if (n->word == GLANCE_ANSWERS) {
		begun = diagnoser_begin(g, &n->name, 0, &err);
		return begun || (!n->was_silent && late); /* it stays due */
	}
	if (diagnoser_patient(g) < DIAGNOSER_PATIENT)
		begun = diagnoser_begin(g, &n->name, LOOK_PATIENT, &err);
	if (!begun)
		b->silent[b->silent_count++] = (uint16_t)b->at;
	return true;
}

void
diagnoser_glance_go_on(struct diagnoser *g)
{
	struct glancing *b = g->glance;

	if (b->phase != GLANCE_BACK)
		return;
	while (b->at < b->count && look_at(g, &b->names[b->at]))
		b->at++;
	store_silent(g);
	if (b->at < b->count)
		return;
	b->count = 0;
	b->phase = GLANCE_GATHERS;
}
