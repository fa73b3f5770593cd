/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/quota.h"

#include <stdio.h>
#include <string.h>

#include "daemon/conf.h"
#include "store/domain_list.h"

/* Of D's labels the one with KEY, as text; "": it has none. */
static void
text_of(const struct domain *d, const char *key, char text[LABEL_TEXT_MAX + 1])
{
	const char *at = d->labels, *end;
	size_t len = strlen(key);

	text[0] = '\0';
	for (; (end = strchr(at, '\n')); at = end + 1)
		if ((size_t)(end - at) <= LABEL_TEXT_MAX && strncmp(at, key, len) == 0 &&
		    at[len] == '=')
			snprintf(text, LABEL_TEXT_MAX + 1, "%.*s", (int)(end - at), at);
}

enum err
labels_in_quota(struct store_txn *txn, const struct conf *conf, const struct domain *before,
                const struct domain *d, char *why, size_t size)
{
	char text[LABEL_TEXT_MAX + 1], was[LABEL_TEXT_MAX + 1] = "";
	uint64_t count;
	enum err err;

	if (!conf->quota.label)
		return ERR_OK;
	text_of(d, conf->quota.label, text);
	if (before)
		text_of(before, conf->quota.label, was);
	if (!*text || strcmp(text, was) == 0)
		return ERR_OK;
	err = domain_count_label(txn, text, conf->quota.names, &count);
	if (err || count < conf->quota.names)
		return err;
	snprintf(why, size, "%s has %u names, as many as `quota` of the configuration allows", text,
	         conf->quota.names);
	return ERR_TOOBIG;
}
