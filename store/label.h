/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/label.h - labels of a domain: up to 8 "key=value", to list and select names by
 *
 * Keys are 1 to 32 of [a-z0-9._-], each at most once; values are 1 to 64 printable ASCII characters
 * (0x20 to 0x7e). They live in domain.labels as text; only these functions write there.
 */
#ifndef STORE_LABEL_H
#define STORE_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/domain.h"

struct label {
	char key[LABEL_KEY_MAX + 1];
	char value[LABEL_VALUE_MAX + 1];
};

/* "key=value"; ERR_INVALID otherwise. RET_WHY (may be NULL) is set to a static sentence then. */
MUST_CHECK enum err label_parse(const char *text, struct label *ret_label, const char **ret_why);
/* Adds or replaces; ERR_TOOBIG when DOMAIN has LABELS_MAX others. */
MUST_CHECK enum err label_set(struct domain *domain, const struct label *label);
/* ERR_NOTFOUND when DOMAIN has no KEY. */
MUST_CHECK enum err label_remove(struct domain *domain, const char *key);
/* DOMAIN's labels, by key; returns how many. */
size_t label_list(const struct domain *domain, struct label labels[LABELS_MAX]);
/* Whether TEXT is what label_set() writes. */
bool label_text_is_good(const char *text);

#endif
