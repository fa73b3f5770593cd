/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the owner of a name has shown that it is theirs (daemon/dns/ownership.h). */
#include <stdio.h>
#include <string.h>

#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose_inside.h"
#include "daemon/dns/ownership.h"

enum { TXT_TEXT_MAX = 255 };

/* A record's strings, one behind the other, are TOKEN (RFC 1035 3.3.14). */
static bool
is_token(const unsigned char *data, size_t len, const char *token)
{
	char text[TXT_TEXT_MAX + 1];
	size_t used = 0;

	for (size_t at = 0; at < len; at += 1 + data[at]) {
		size_t part = data[at];

		if (at + 1 + part > len || used + part > TXT_TEXT_MAX)
			return false;
		memcpy(text + used, data + at + 1, part);
		used += part;
	}
	return used == strlen(token) && memcmp(text, token, used) == 0;
}

static enum err
look_txt(struct look *l, bool *ret_shown)
{
	const struct conf_diagnose *conf = &l->q->conf->diagnose;
	struct lookup_way way = {
		.call = &l->call, .from_root = conf->from_root, .trust_anchor = conf->trust_anchor};
	char name[2 * DNS_NAME_MAX];
	struct lookup txt = {.name = name, .type = LOOKUP_TXT};
	enum err err;

	*ret_shown = false;
	snprintf(name, sizeof(name), "%s.%s", l->q->conf->ownership.txt, l->host);
	if (strlen(name) > DNS_NAME_MAX)
		return ERR_OK;
	err = lookups_run(&way, &txt, 1);
	for (size_t i = 0; i < txt.count && !err; i++)
		*ret_shown = *ret_shown ||
		             is_token(txt.records[i].data, txt.records[i].len, l->q->token);
	if (!err)
		look_found(l, "TXT %s: %s", name,
		           *ret_shown                  ? "as it is to be"
		           : txt.state == LOOKUP_FOUND ? "another value"
		           : txt.state == LOOKUP_NODATA || txt.state == LOOKUP_NXDOMAIN ? "none"
		           : txt.state == LOOKUP_SILENT ? "no answer"
		                                        : txt.why);
	lookups_done(&txt, 1);
	return err == ERR_INVALID || err == ERR_IO ? ERR_OK : err; /* the other lookups tell that */
}

static bool
look_page(struct look *l)
{
	const char *path = l->q->conf->ownership.http;

	for (size_t i = 0; i < l->address_count; i++) {
		struct look_address *a = &l->addresses[i];
		struct probe p = {.call = &l->call,
		                  .address = &a->address,
		                  .port = l->q->conf->diagnose.http_port};
		bool shown;

		if (!a->is_public && !l->q->conf->diagnose.probe_private)
			continue;
		shown = probe_page(&p, l->q->name.name, path, l->q->token) == PROBE_US;
		look_found(l, "http %s%s: %s", a->address.text, path,
		           shown ? "as it is to be" : p.what);
		if (shown)
			return true;
	}
	return false;
}

static void
missing(struct look *l)
{
	char lines[DIAGNOSIS_RECORD_MAX + 1];

	/* What was found so far is none of their business yet. */
	l->code = DIAGNOSE_OK;
	l->d->record[0] = '\0';
	ownership_lines(l->q->conf, &l->q->name, l->q->token, lines);
	snprintf(l->d->record, sizeof(l->d->record), "%s", lines);
	look_fault(l, DIAGNOSE_OWNERSHIP,
	           *lines ? "whoever owns %s is to show that: by one of the "
	                    "ways below, before its first certificate is "
	                    "ordered"
	                  : "nobody can show that %s is theirs in the way "
	                    "that `ownership` asks for",
	           l->q->name.name);
}

enum err
look_owner(struct look *l)
{
	const struct conf_ownership *conf = &l->q->conf->ownership;
	bool shown = false;
	enum err err = ERR_OK;

	if (!*l->q->token)
		return ERR_OK;
	if (conf->txt && !hostname_is_address(&l->q->name))
		err = look_txt(l, &shown);
	if (!err && !shown && conf->http && !hostname_is_wildcard(&l->q->name))
		shown = look_page(l);
	if (!err && shown)
		memcpy(l->d->owned, l->q->token, sizeof(l->d->owned));
	else if (!err)
		missing(l);
	return err;
}
