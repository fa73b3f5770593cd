/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/event_severity.h"

#include <stddef.h>
#include <string.h>

#include "daemon/common/event_types.h"

static const char *const words[] = {[SEVERITY_CRIT] = "crit",
                                    [SEVERITY_ERR] = "err",
                                    [SEVERITY_WARN] = "warn",
                                    [SEVERITY_INFO] = "info"};

/* table: the first that matches; what is not here is a warning if somebody has to act. */
static const struct {
	const char *pattern;
	enum event_severity severity;
} table[] = {
	{"cert.expired", SEVERITY_CRIT},    {"mismatch.expired", SEVERITY_CRIT},
	{"store.corrupt", SEVERITY_CRIT},   {"store.failing", SEVERITY_CRIT},
	{"store.full", SEVERITY_CRIT},      {"store.readonly", SEVERITY_CRIT},
	{"backend.down", SEVERITY_ERR},     {"ca.account_deactivated", SEVERITY_ERR},
	{"cert.renew_late", SEVERITY_ERR},  {"config.rejected", SEVERITY_ERR},
	{"hook.dropped", SEVERITY_ERR},     {"mismatch.sni_unknown", SEVERITY_WARN},
	{"mismatch.healed", SEVERITY_INFO}, {"mismatch.*", SEVERITY_ERR},
	{"order.failed", SEVERITY_ERR},     {"upgrade.failed", SEVERITY_ERR},
};

enum event_severity
event_severity_of(const char *type)
{
	size_t known = event_type_find(type);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (event_type_matches(table[i].pattern, type))
			return table[i].severity;
	return known < event_type_count && event_types[known].actor != EVENT_NOBODY ? SEVERITY_WARN
	                                                                            : SEVERITY_INFO;
}

const char *
event_severity_word(enum event_severity severity)
{
	return words[severity];
}

enum err
event_severity_parse(const char *word, enum event_severity *ret_severity)
{
	for (int i = 0; i < SEVERITIES; i++)
		if (strcmp(words[i], word) == 0) {
			*ret_severity = (enum event_severity)i;
			return ERR_OK;
		}
	return ERR_INVALID;
}
