/* SPDX-License-Identifier: Apache-2.0 */
/* Before the first order for a name its owner shows that it is theirs (`ownership`). */
#include <stdio.h>
#include <string.h>

#include "acme/engine.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/ownership.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/job_failure.h"
#include "store/store.h"

static enum err
read_domain(struct issuer *s, const struct hostname *name, struct domain *d)
{
	struct store_txn *txn;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, d);
	store_abort(txn);
	return err;
}

/* One or two LINES, each ended by '\n'. */
static void
say_ways(const struct hostname *name, const char *lines, struct problem *why)
{
	int first = (int)strcspn(lines, "\n"), second;
	const char *rest = lines + first + (lines[first] ? 1 : 0);

	second = (int)strcspn(rest, "\n");
	if (first == 0) {
		problem_set(why, PROBLEM_OWNERSHIP,
		            "nobody can show that %s is theirs in the way that `ownership` asks "
		            "for: a wildcard takes `txt`, an address `http`",
		            name->name);
		return;
	}
	problem_set(why, PROBLEM_OWNERSHIP,
	            "before its first order the owner of %s is to set %.*s%s%.*s", name->name,
	            first, lines, second ? " or " : "", second, rest);
}

/* WHY, and true, when NAME waits for its owner. */
static bool
is_missing(struct issuer *s, const struct hostname *name, struct problem *why)
{
	char token[OWNERSHIP_TOKEN_MAX + 1], lines[DIAGNOSIS_RECORD_MAX + 1];
	struct domain d;
	enum err err = read_domain(s, name, &d);

	if (err || !ownership_is_asked(s->conf, &d))
		return false; /* what is gone or damaged ends soon */
	err = ownership_token(s->store, s->conf, &d, token);
	if (err) {
		problem_set(why, PROBLEM_INTERNAL, "the token of `ownership` cannot be made: %s",
		            err_text(err));
		return true;
	}
	if (ownership_is_shown(s->store, name, token))
		return false;
	ownership_lines(s->conf, name, token, lines);
	say_ways(name, lines, why);
	return true;
}

bool
issuer_asks_owner(struct issuer *s, struct job *job)
{
	struct problem why = {0};
	size_t count;
	const struct hostname *names = engine_names(job->engine, &count);

	if ((!s->conf->ownership.txt && !s->conf->ownership.http) || job->was_ordered ||
	    job->phase == JOB_LOST)
		return false;
	for (size_t i = 0; i < count; i++)
		if (is_missing(s, &names[i], &why)) {
			job_leave(job, &why);
			return true;
		}
	return false;
}
