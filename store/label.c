/* SPDX-License-Identifier: Apache-2.0 */
#include "store/label.h"

#include <stdio.h>
#include <string.h>

static bool
key_is_good(const char *key, size_t len)
{
	if (len == 0 || len > LABEL_KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", key[i]))
			return false;
	return true;
}

static bool
value_is_good(const char *value, size_t len)
{
	if (len == 0 || len > LABEL_VALUE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	return true;
}

/* LEN bytes at TEXT, without a 0 among them. */
static enum err
parse(const char *text, size_t len, struct label *ret_label, const char **why)
{
	const char *equals = memchr(text, '=', len);
	size_t key_len = equals ? (size_t)(equals - text) : 0;

	if (!equals) {
		*why = "a label is key=value";
		return ERR_INVALID;
	}
	if (!key_is_good(text, key_len)) {
		*why = "a label's key is 1 to 32 of a-z, 0-9, '.', '_' and '-'";
		return ERR_INVALID;
	}
	if (!value_is_good(equals + 1, len - key_len - 1)) {
		*why = "a label's value is 1 to 64 printable ASCII characters";
		return ERR_INVALID;
	}
	snprintf(ret_label->key, sizeof(ret_label->key), "%.*s", (int)key_len, text);
	snprintf(ret_label->value, sizeof(ret_label->value), "%.*s", (int)(len - key_len - 1),
	         equals + 1);
	return ERR_OK;
}

enum err
label_parse(const char *text, struct label *ret_label, const char **ret_why)
{
	const char *why;
	enum err err = parse(text, strlen(text), ret_label, &why);

	if (err && ret_why)
		*ret_why = why;
	return err;
}

bool
label_text_is_good(const char *text)
{
	struct label label, before = {.key = ""};
	const char *end, *why;

	for (int i = 0; *text; i++, text = end + 1) {
		end = strchr(text, '\n');
		if (i == LABELS_MAX || !end || parse(text, (size_t)(end - text), &label, &why) ||
		    strcmp(before.key, label.key) >= 0)
			return false;
		before = label;
	}
	return true;
}

size_t
label_list(const struct domain *domain, struct label labels[LABELS_MAX])
{
	const char *text = domain->labels, *end, *why;
	size_t count = 0;

	while (count < LABELS_MAX && (end = strchr(text, '\n')) &&
	       parse(text, (size_t)(end - text), &labels[count], &why) == ERR_OK) {
		count++;
		text = end + 1;
	}
	return count;
}

static void
write_labels(struct domain *domain, const struct label *labels, size_t count)
{
	char *at = domain->labels, *end = at + sizeof(domain->labels);

	*at = '\0';
	for (size_t i = 0; i < count; i++)
		at += snprintf(at, (size_t)(end - at), "%s=%s\n", labels[i].key, labels[i].value);
}

enum err
label_set(struct domain *domain, const struct label *label)
{
	struct label labels[LABELS_MAX + 1];
	size_t count = label_list(domain, labels), at = 0;

	if (!key_is_good(label->key, strnlen(label->key, sizeof(label->key))) ||
	    !value_is_good(label->value, strnlen(label->value, sizeof(label->value))))
		return ERR_INVALID;
	while (at < count && strcmp(labels[at].key, label->key) < 0)
		at++;
	if (at == count || strcmp(labels[at].key, label->key) != 0) {
		if (count == LABELS_MAX)
			return ERR_TOOBIG;
		memmove(&labels[at + 1], &labels[at], (count - at) * sizeof(labels[0]));
		count++;
	}
	labels[at] = *label;
	write_labels(domain, labels, count);
	return ERR_OK;
}

enum err
label_remove(struct domain *domain, const char *key)
{
	struct label labels[LABELS_MAX];
	size_t count = label_list(domain, labels), at = 0;

	while (at < count && strcmp(labels[at].key, key) != 0)
		at++;
	if (at == count)
		return ERR_NOTFOUND;
	memmove(&labels[at], &labels[at + 1], (count - at - 1) * sizeof(labels[0]));
	write_labels(domain, labels, count - 1);
	return ERR_OK;
}
