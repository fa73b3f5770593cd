/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/event_types.h"

#include <string.h>

/* table: in the order of the words */
const struct event_type event_types[] = {
	{"audit.ack", EVENT_NOBODY},
	{"audit.add", EVENT_NOBODY},
	{"audit.apply", EVENT_NOBODY},
	{"audit.backend.set", EVENT_NOBODY},
	{"audit.ca.deactivate", EVENT_NOBODY},
	{"audit.ca.register", EVENT_NOBODY},
	{"audit.ca.rollover", EVENT_NOBODY},
	{"audit.db.backup", EVENT_NOBODY},
	{"audit.import", EVENT_NOBODY},
	{"audit.key.master", EVENT_NOBODY},
	{"audit.key.rotate", EVENT_NOBODY},
	{"audit.key.tickets", EVENT_NOBODY},
	{"audit.pause", EVENT_NOBODY},
	{"audit.refused", EVENT_OPERATOR},
	{"audit.reload", EVENT_NOBODY},
	{"audit.remove", EVENT_NOBODY},
	{"audit.renew", EVENT_NOBODY},
	{"audit.resume", EVENT_NOBODY},
	{"audit.retry", EVENT_NOBODY},
	{"audit.revoke", EVENT_NOBODY},
	{"audit.upgrade", EVENT_NOBODY},
	{"backend.down", EVENT_OPERATOR},
	{"backend.set", EVENT_NOBODY},
	{"backend.up", EVENT_NOBODY},
	{"ca.account_deactivated", EVENT_OPERATOR},
	{"ca.contacts_refused", EVENT_OPERATOR},
	{"ca.key_changed", EVENT_NOBODY},
	{"ca.limited", EVENT_OPERATOR},
	{"ca.terms_changed", EVENT_OPERATOR},
	{"cert.expired", EVENT_OPERATOR},
	{"cert.expiring", EVENT_OPERATOR},
	{"cert.renew_late", EVENT_OPERATOR},
	{"cert.revoked", EVENT_OPERATOR},
	{"cert.stored", EVENT_NOBODY},
	{"clock.suspect", EVENT_OPERATOR},
	{"clock.trusted", EVENT_NOBODY},
	{"config.rejected", EVENT_OPERATOR},
	{"config.reloaded", EVENT_NOBODY},
	{"diagnosis.found", EVENT_BY_PROBLEM},
	{"diagnosis.gone", EVENT_NOBODY},
	{"dns.left_behind", EVENT_OPERATOR},
	{"dns.record_ends", EVENT_CUSTOMER},
	{"hook.dropped", EVENT_OPERATOR},
	{"hook.failed", EVENT_OPERATOR},
	{"key.master", EVENT_NOBODY},
	{"key.rotated", EVENT_NOBODY},
	{"key.rotating", EVENT_NOBODY},
	{"key.tickets", EVENT_NOBODY},
	{"mismatch.backend_cert", EVENT_OPERATOR},
	{"mismatch.chain", EVENT_OPERATOR},
	{"mismatch.dates", EVENT_OPERATOR},
	{"mismatch.expired", EVENT_OPERATOR},
	{"mismatch.healed", EVENT_NOBODY},
	{"mismatch.key", EVENT_OPERATOR},
	{"mismatch.not_served", EVENT_OPERATOR},
	{"mismatch.not_yet_valid", EVENT_OPERATOR},
	{"mismatch.revoked", EVENT_OPERATOR},
	{"mismatch.san", EVENT_OPERATOR},
	{"mismatch.served_differs", EVENT_OPERATOR},
	{"mismatch.sni_unknown", EVENT_CUSTOMER},
	{"name.added", EVENT_NOBODY},
	{"name.changed", EVENT_NOBODY},
	{"name.moved", EVENT_CUSTOMER},
	{"name.paused", EVENT_NOBODY},
	{"name.removed", EVENT_NOBODY},
	{"name.resumed", EVENT_NOBODY},
	{"name.returned", EVENT_NOBODY},
	{"ocsp.failed", EVENT_CA},
	{"ocsp.missing", EVENT_CA},
	{"ondemand.added", EVENT_NOBODY},
	{"ondemand.denied", EVENT_NOBODY},
	{"ondemand.hook_down", EVENT_OPERATOR},
	{"ondemand.lapsed", EVENT_NOBODY},
	{"order.failed", EVENT_BY_PROBLEM},
	{"renewal.failed", EVENT_CA},
	{"renewal.window_changed", EVENT_NOBODY},
	{"security.key_exported", EVENT_OPERATOR},
	{"store.backup", EVENT_NOBODY},
	{"store.checked", EVENT_NOBODY},
	{"store.corrupt", EVENT_OPERATOR},
	{"store.failing", EVENT_OPERATOR},
	{"store.full", EVENT_OPERATOR},
	{"store.readonly", EVENT_OPERATOR},
	{"store.recovered", EVENT_NOBODY},
	{"store.repaired", EVENT_NOBODY},
	{"upgrade.done", EVENT_NOBODY},
	{"upgrade.failed", EVENT_OPERATOR},
};

const size_t event_type_count = sizeof(event_types) / sizeof(event_types[0]);

size_t
event_type_find(const char *word)
{
	size_t i = 0;

	while (i < event_type_count && strcmp(event_types[i].word, word) != 0)
		i++;
	return i;
}

const char *
event_actor_word(enum event_actor actor)
{
	static const char *const words[] = {[EVENT_NOBODY] = "nobody",
	                                    [EVENT_OPERATOR] = "operator",
	                                    [EVENT_CUSTOMER] = "customer",
	                                    [EVENT_CA] = "ca",
	                                    [EVENT_BY_PROBLEM] = "problem"};

	return words[actor];
}

bool
event_type_matches(const char *pattern, const char *word)
{
	size_t len = strlen(pattern);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (len > 2 && strcmp(pattern + len - 2, ".*") == 0)
		return strncmp(word, pattern, len - 1) == 0;
	return strcmp(pattern, word) == 0;
}

bool
event_pattern_is_known(const char *pattern)
{
	for (size_t i = 0; i < event_type_count; i++)
		if (event_type_matches(pattern, event_types[i].word))
			return true;
	return false;
}
