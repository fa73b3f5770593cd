/* SPDX-License-Identifier: Apache-2.0 */
/* Traefik's acme.json: {RESOLVER: {"Certificates": [{"domain": {"main"}, "certificate", "key"}]}},
 * both PEM in base64. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "ctl/beneath.h"
#include "ctl/source.h"

enum { LABEL_ROOM = 4096 };

static bool
take_entry(struct source *s, const char *resolver, const cJSON *entry)
{
	const char *main = json_text(json_object(entry, "domain"), "main");
	const char *cert = json_text(entry, "certificate"), *key_text = json_text(entry, "key");
	struct buf chain = {0}, key = {.secret = true};
	char label[LABEL_ROOM];
	bool go_on = true;

	snprintf(label, sizeof(label), "%s: %s: %s", s->path, resolver, main ? main : "?");
	if (!cert || !key_text)
		source_fail(s, label, "an entry without certificate or key");
	else if (base64_decode(cert, strlen(cert), &chain) ||
	         base64_decode(key_text, strlen(key_text), &key))
		source_fail(s, label, "certificate or key is not base64");
	else
		go_on = s->take(s->arg, label, &chain, &key);
	buf_done(&chain);
	buf_wipe(&key);
	return go_on;
}

bool
source_acme_json(struct source *source)
{
	struct buf text = {.secret = true};
	cJSON *json = NULL;
	const cJSON *resolver, *entry;
	const char *why;
	bool go_on = true;

	if (beneath_read(AT_FDCWD, source->path, SOURCE_ACME_JSON_MAX, &text, &why))
		source_fail(source, source->path, why);
	else if (json_parse(text.data, text.len, &json) || !cJSON_IsObject(json))
		source_fail(source, source->path, "this is no acme.json of Traefik 2 or 3");
	cJSON_ArrayForEach(resolver, json)
		cJSON_ArrayForEach(entry, json_array(resolver, "Certificates")) if (go_on) go_on =
			take_entry(source, resolver->string, entry);
	cJSON_Delete(json);
	buf_wipe(&text);
	return go_on;
}
