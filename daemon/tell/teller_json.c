/* SPDX-License-Identifier: Apache-2.0 */
/* An event as programs and web services get it, and how it is signed. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "daemon/common/event_severity.h"
#include "daemon/common/event_types.h"
#include "daemon/tell/teller_inside.h"

static void
add_at(cJSON *json, const char *member, int64_t at)
{
	char text[CLOCK_TEXT_MAX];

	cJSON_AddStringToObject(json, member, clock_format(at, text));
}

/* What a page might take for its own leaves as \u00XX; it stands in texts only. Those are escaped
 * already, so that nothing but valid UTF-8 is left. */
static void
add_harmless(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '<' || c == '>' || c == '&')
			buf_printf(out, "\\u%04x", c);
		else
			buf_add(out, &text[i], 1);
	}
}

enum err
teller_json(const struct event *event, struct buf *out)
{
	char detail[4 * EVENT_DETAIL_MAX + 1], name[4 * HOSTNAME_MAX + 1];
	size_t kind = event_type_find(event->type);
	cJSON *json = cJSON_CreateObject();
	struct buf plain = {0};
	enum err err;

	cJSON_AddNumberToObject(json, "id", (double)event->id);
	add_at(json, "at", event->at);
	cJSON_AddStringToObject(json, "type", event->type);
	cJSON_AddStringToObject(json, "severity",
	                        event_severity_word(event_severity_of(event->type)));
	cJSON_AddStringToObject(
		json, "act",
		kind < event_type_count ? event_actor_word(event_types[kind].actor) : "operator");
	if (event->name[0])
		cJSON_AddStringToObject(json, "name", log_escape(event->name, name, sizeof(name)));
	cJSON_AddStringToObject(json, "detail", log_escape(event->detail, detail, sizeof(detail)));
	cJSON_AddNumberToObject(json, "count", event->count);
	add_at(json, "first_at", event->first_at);
	err = json ? json_print(json, &plain) : ERR_NOMEM;
	cJSON_Delete(json);
	if (!err)
		add_harmless(out, (const char *)plain.data, plain.len);
	buf_add_str(out, "\n");
	buf_done(&plain);
	return err ? err : buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err
teller_sign(const struct secret *secret, int64_t timestamp, const struct buf *body,
            char ret_text[TELLER_SIGNATURE_MAX])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct buf text = {0};
	unsigned len = 0;
	size_t at;

	buf_printf(&text, "%lld.", (long long)timestamp);
	buf_add(&text, body->data, body->len);
	if (!buf_ok(&text) ||
	    !HMAC(EVP_sha256(), secret->data, (int)secret->len, text.data, text.len, mac, &len)) {
		buf_done(&text);
		return ERR_CRYPTO;
	}
	buf_done(&text);
	at = (size_t)sprintf(ret_text, "v1=");
	for (unsigned i = 0; i < len && at + 3 <= TELLER_SIGNATURE_MAX; i++)
		at += (size_t)sprintf(ret_text + at, "%02x", mac[i]);
	return ERR_OK;
}
