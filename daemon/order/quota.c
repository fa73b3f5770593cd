/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/quota.h"

#include <stdio.h>
#include <string.h>

#include "daemon/conf/conf.h"
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

bool
labels_count_anew(const struct conf *conf, const struct domain *before, const struct domain *d)
{
	char text[LABEL_TEXT_MAX + 1], was[LABEL_TEXT_MAX + 1] = "";

	if (!conf->quota.label)
		return false;
	text_of(d, conf->quota.label, text);
	if (before)
		text_of(before, conf->quota.label, was);
	return *text && strcmp(text, was) != 0;
}

enum err
labels_take_more(struct store_txn *txn, const struct conf *conf, const struct domain *d,
                 size_t more, char *why, size_t size)
{
	char text[LABEL_TEXT_MAX + 1] = "";
	uint64_t count;
	enum err err;

	if (conf->quota.label)
		text_of(d, conf->quota.label, text);
	if (!*text || more == 0)
		return ERR_OK;
	err = domain_count_label(txn, text, &count);
	if (err || (count < conf->quota.names && more <= conf->quota.names - count))
		return err;
	snprintf(why, size, "%s has %u names, and `quota` of the configuration allows %u%s", text,
	         (unsigned)count, conf->quota.names, more > 1 ? ": these are more" : "");
	return ERR_TOOBIG;
}

enum err
labels_in_quota(struct store_txn *txn, const struct conf *conf, const struct domain *before,
                const struct domain *d, char *why, size_t size)
{
	return labels_take_more(txn, conf, d, labels_count_anew(conf, before, d), why, size);
}
