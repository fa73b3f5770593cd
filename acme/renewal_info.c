/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal_info.h"

#include <stdio.h>
#include <string.h>

#include "acme/certview.h"
#include "acme/jose.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/problem.h"

bool
renewal_info_id(struct span leaf, char ret_id[RENEWAL_INFO_ID_MAX + 1])
{
	struct certview view;
	struct buf id = {0};
	bool good;

	if (certview_read(leaf, &view) || !view.authority_key.len || !view.serial.len)
		return false;
	jose_base64url(view.authority_key.data, view.authority_key.len, &id);
	buf_add_str(&id, ".");
	jose_base64url(view.serial.data, view.serial.len, &id);
	good = buf_ok(&id) && id.len <= RENEWAL_INFO_ID_MAX;
	if (good)
		snprintf(ret_id, RENEWAL_INFO_ID_MAX + 1, "%s", buf_str(&id));
	buf_done(&id);
	return good;
}

bool
renewal_info_url(const char *base, const char *id, char ret_url[URL_MAX + 1])
{
	size_t len = strlen(base);
	const char *slash = len && base[len - 1] == '/' ? "" : "/";
	int n = snprintf(ret_url, URL_MAX + 1, "%s%s%s", base, slash, id);

	return n > 0 && n <= URL_MAX;
}

static enum err
senseless(struct problem *why, const char *what)
{
	problem_set(why, PROBLEM_CA_PROTOCOL, "the CA's renewal information %s", what);
	return ERR_PROTO;
}

static enum err
read_window(const cJSON *json, struct renewal_info *info, struct problem *why)
{
	const cJSON *window = json_object(json, "suggestedWindow");
	const char *start = json_text(window, "start"), *end = json_text(window, "end");

	if (!start || !end || clock_parse(start, &info->start) || clock_parse(end, &info->end))
		return senseless(why, "has no window");
	if (info->end <= info->start)
		return senseless(why, "has a window that ends before it begins");
	return ERR_OK;
}

enum err
renewal_info_read(struct span body, struct renewal_info *ret_info, struct problem *ret_why)
{
	struct renewal_info info = {0};
	const char *link;
	cJSON *json = NULL;
	enum err err;

	if (json_parse(body.data, body.len, &json) || !cJSON_IsObject(json)) {
		err = senseless(ret_why, "is no JSON object");
		goto out;
	}
	err = read_window(json, &info, ret_why);
	link = json_text(json, "explanationURL");
	if (link && strlen(link) <= RENEWAL_INFO_LINK_MAX && url_is_foreign(link))
		snprintf(info.explanation, sizeof(info.explanation), "%s", link);
	if (!err)
		*ret_info = info;
out:
	cJSON_Delete(json);
	return err;
}
