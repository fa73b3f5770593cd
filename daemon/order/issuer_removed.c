/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of names that were removed meanwhile end: the CA is asked nothing more, and what it still
 * has of them ends there by itself. */
#include "base/log.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/keymaker.h"
#include "store/store.h"

void
issuer_forget_removed(struct issuer *issuer)
{
	pthread_mutex_lock(&issuer->mail.mutex);
	issuer->removed = true;
	pthread_mutex_unlock(&issuer->mail.mutex);
	issuer_wake(issuer);
}

static bool
take_mail(struct issuer *s)
{
	bool removed;

	pthread_mutex_lock(&s->mail.mutex);
	removed = s->removed;
	s->removed = false;
	pthread_mutex_unlock(&s->mail.mutex);
	return removed;
}

/* The next settle drops it. */
static void
end(struct issuer *s, struct job *job)
{
	issuer_drop_requests(job);
	keymaker_cancel(s->keymaker, job);
	job->removed = true;
	log_host_info(&job->name, "removed: its order is given up");
}

void
issuer_end_removed(struct issuer *s)
{
	struct store_txn *txn;

	if (!take_mail(s) || !s->jobs || store_begin_read(s->store, STORE_SERVED, &txn))
		return;
	for (struct job *job = s->jobs; job; job = job->hh.next) {
		struct domain d;

		if (job->phase < JOB_CLOSE && !job->removed &&
		    domain_get(txn, &job->name, &d) == ERR_NOTFOUND)
			end(s, job);
	}
	store_abort(txn);
}
