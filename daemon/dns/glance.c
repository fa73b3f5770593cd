/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/glance.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose_dns.h"

static enum glance_word
word_of(const struct lookup *l)
{
	if (l->state == LOOKUP_SILENT)
		return GLANCE_SILENT;
	return l->state == LOOKUP_FAILED ? GLANCE_FAILS : GLANCE_ANSWERS;
}

enum err
glance(const struct conf *conf, const atomic_bool *stop, const struct hostname *const *names,
       size_t count, enum glance_word *ret_words)
{
	struct lookup *lookups = calloc(count + 1, sizeof(*lookups));
	struct dns_call call = {.resolvers = &conf->resolvers,
	                        .deadline = clock_mono_ms() + GLANCE_MS,
	                        .stop = stop};
	/* DNSSEC would ask more, and is for the look */
	struct lookup_way way = {
		.call = &call, .from_root = conf->diagnose.from_root, .at_once = GLANCE_NAMES};
	enum err err = lookups ? ERR_OK : ERR_NOMEM;

	for (size_t i = 0; i < count && !err; i++)
		lookups[i] = (struct lookup){
			.name = names[i]->name + (hostname_is_wildcard(names[i]) ? 2 : 0),
			.type = LOOKUP_A};
	if (!err)
		err = lookups_run(&way, lookups, count);
	for (size_t i = 0; i < count && !err; i++)
		ret_words[i] = word_of(&lookups[i]);
	if (lookups)
		lookups_done(lookups, count);
	free(lookups);
	return err;
}
