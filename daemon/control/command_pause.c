/* SPDX-License-Identifier: Apache-2.0 */
/* retry: what has failed is tried at once, as if for the first time. pause: no orders, until
 * resume. What is stored is served all the while. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_batch.h"
#include "daemon/order/job_set.h"
#include "daemon/order/limits.h"
#include "store/attempt.h"
#include "store/set.h"
#include "store/store.h"

/* ---- retry ---------------------------------------------------------------------------------- */

/* The names of O's order, and who is asked; ERR_NOTFOUND: there is none. */
static enum err
read_order(struct store_txn *txn, const struct outcome *o, struct domain *lead,
           struct hostname names[SET_NAMES_MAX], size_t *ret_count)
{
	struct hostname members[SET_NAMES_MAX];
	size_t count = 0;
	enum err err = domain_get(txn, &o->name, lead);

	if (!err)
		err = set_lead(txn, lead, lead);
	if (!err)
		err = set_members(txn, &lead->name, members, &count);
	if (err)
		return err;
	names[0] = lead->name;
	for (size_t i = 0; i < count && i + 1 < SET_NAMES_MAX; i++)
		names[i + 1] = members[i];
	*ret_count = count + 1 < SET_NAMES_MAX ? count + 1 : SET_NAMES_MAX;
	return ERR_OK;
}

static enum err
forgive_one(struct batch *b, struct store_txn *served, struct store_txn *private,
            const struct outcome *o)
{
	static struct hostname names[SET_NAMES_MAX]; /* this thread's only */
	struct limits_order order = {.names = names};
	const struct conf_ca *ca;
	struct domain lead;
	enum err err = read_order(served, o, &lead, names, &order.count);

	if (err)
		return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	ca = conf_ca(b->control->conf, lead.ca);
	if (!ca)
		return ERR_OK;
	order.ca = ca->name;
	order.rules = &ca->limits;
	return limits_forgive(private, &order);
}

/* Before the names are due: the issuer must not find the blocks again. */
static enum err
forgive_all(struct batch *b)
{
	struct store_txn *served, *private;
	enum err err = store_begin_read(b->control->store, STORE_SERVED, &served);

	if (err)
		return err;
	err = store_begin_write(b->control->store, STORE_PRIVATE, &private);
	if (!err) {
		for (size_t i = 0; i < b->count && !err; i++)
			if (!b->outcomes[i].err)
				err = forgive_one(b, served, private, &b->outcomes[i]);
		err = store_finish(private, err);
	}
	store_abort(served);
	return err;
}

static enum err
retry_one(struct batch *b, struct outcome *o)
{
	struct domain d;
	enum err err = batch_get_ordered(b, o, &d);

	if (err || o->err)
		return err;
	if (d.state == DOMAIN_PAUSED)
		return batch_refuse(o, ERR_WRONGSTATE, "conflict", batch_is_paused);
	if (d.state == DOMAIN_VALID && d.problem.kind == PROBLEM_NONE)
		return batch_refuse(o, ERR_WRONGSTATE, "conflict",
		                    "it has not failed; for a new certificate: certctl renew");
	snprintf(o->ca, sizeof(o->ca), "%s", d.ca);
	if (d.due_at == 0)
		return ERR_OK; /* in work already */
	d.failures = 0;
	batch_let_go(&d);
	d.due_at = clock_wall();
	return domain_put(b->txn, &d);
}

void
command_retry(struct control_client *cl, const cJSON *request)
{
	struct batch b = {.cl = cl,
	                  .control = cl->control,
	                  .before = forgive_all,
	                  .apply = retry_one,
	                  .wait = json_bool(request, "wait", false)};

	batch_run(&b, request);
}

/* ---- pause, resume -------------------------------------------------------------------------- */

/* All that share the certificate. */
static enum err
put(struct batch *b, struct domain *d, enum domain_state state)
{
	enum err err;

	d->state = state;
	if (d->due_at == 0)
		d->due_at = clock_wall(); /* what was in work is given up */
	err = domain_put(b->txn, d);
	return err ? err : job_set_follow(b->txn, d);
}

static enum err
pause_one(struct batch *b, struct outcome *o)
{
	struct domain d;
	enum err err = batch_get_ordered(b, o, &d);

	if (err || o->err || d.state == DOMAIN_PAUSED)
		return err;
	return put(b, &d, DOMAIN_PAUSED);
}

static enum err
resume_one(struct batch *b, struct outcome *o)
{
	struct domain d;
	enum err err = batch_get_ordered(b, o, &d);

	if (err || o->err || d.state != DOMAIN_PAUSED)
		return err;
	return put(b, &d, domain_unpaused(&d));
}

void
command_pause(struct control_client *cl, const cJSON *request)
{
	struct batch b = {
		.cl = cl, .control = cl->control, .event = "name.paused", .apply = pause_one};

	batch_run(&b, request);
}

void
command_resume(struct control_client *cl, const cJSON *request)
{
	struct batch b = {
		.cl = cl, .control = cl->control, .event = "name.resumed", .apply = resume_one};

	batch_run(&b, request);
}
