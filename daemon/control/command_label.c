/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, as requests and replies have them. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "store/label.h"

enum err
labels_from_json(const cJSON *object, struct domain *d, char *why, size_t size)
{
	const cJSON *member;
	const char *reason = "a label's value must be a text";
	struct label label;

	d->labels[0] = '\0';
	cJSON_ArrayForEach(member, object)
	{
		const char *value = cJSON_GetStringValue(member);
		char text[2 * LABEL_TEXT_MAX];
		enum err err = ERR_INVALID;

		if (value && strlen(member->string) + 1 + strlen(value) > LABEL_TEXT_MAX)
			reason = "a label has a key of 32 and a value of 64 characters at most";
		else if (value && strchr(member->string, '='))
			reason = "a label's key has no \"=\" in it";
		else if (value) {
			snprintf(text, sizeof(text), "%s=%s", member->string, value);
			err = label_parse(text, &label, &reason);
			if (!err && label_set(d, &label)) {
				err = ERR_INVALID;
				reason = "a name has at most 8 labels";
			}
		}
		if (err) {
			snprintf(why, size, "%s", reason);
			return err;
		}
	}
	return ERR_OK;
}

void
labels_to_json(const struct domain *d, cJSON *item)
{
	struct label labels[LABELS_MAX];
	size_t count = label_list(d, labels);
	cJSON *object = count ? cJSON_AddObjectToObject(item, "labels") : NULL;

	for (size_t i = 0; i < count; i++)
		cJSON_AddStringToObject(object, labels[i].key, labels[i].value);
}
