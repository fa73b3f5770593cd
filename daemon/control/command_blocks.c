/* SPDX-License-Identifier: Apache-2.0 */
/* Which ca and backend a request means for its names, and whether a CA is asked at all. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "store/domain.h"

const char no_default_ca[] = "no ca given, and the configuration has no default";
const char no_default_backend[] = "no backend given, and the configuration has no default";
const char ca_or_external[] = "a name that has a \"ca\" is not \"external\"";
const char external_needs_certificate[] =
	"its backend does not pass TLS through, so the name needs a certificate, and an external "
	"one has none: import it, or let a ca issue it";

bool
ca_may_have_wildcards(const struct conf_ca *ca)
{
	for (size_t i = 0; i < ca->challenge_count; i++)
		if (ca->challenges[i] != CHALLENGE_HTTP_01 &&
		    ca->challenges[i] != CHALLENGE_TLS_ALPN_01)
			return true;
	return false;
}

enum external
external_of(const cJSON *object)
{
	if (!cJSON_HasObjectItem(object, "external"))
		return cJSON_HasObjectItem(object, "ca") ? EXTERNAL_NO : EXTERNAL_UNSAID;
	return json_bool(object, "external", false) ? EXTERNAL_YES : EXTERNAL_NO;
}

/* Servers behind a backend that passes TLS through have certificates of their own. */
bool
default_cas(const struct conf *conf, enum external external, const struct conf_backend *backend,
            struct ca_choice *ret_cas)
{
	const struct conf_default *otherwise = &conf->otherwise;
	bool asked =
		external == EXTERNAL_NO || (external == EXTERNAL_UNSAID && !backend->passthrough);

	ret_cas->count = asked ? otherwise->ca_count : 0;
	memcpy(ret_cas->cas, otherwise->cas, sizeof(ret_cas->cas));
	return !asked || ret_cas->count > 0;
}

bool
external_is_served(const struct domain *d, const struct conf_backend *backend)
{
	return d->state != DOMAIN_EXTERNAL || d->generation || (backend && backend->passthrough);
}

static bool
refuse(struct control_client *cl, const char *code, const char *text)
{
	reply_error(cl, MSG_EXIT_USAGE, code, "%s", text);
	return false;
}

static bool
is_dropped(const struct conf *next, const struct ca_choice *cas, const struct conf_backend *backend)
{
	for (size_t i = 0; next && i < cas->count; i++)
		if (!conf_ca(next, cas->cas[i]->name))
			return true;
	return next && backend && !conf_backend(next, backend->name);
}

static const char *
next_ca(const void *arg, size_t at)
{
	const struct conf *conf = arg;

	return at < conf->ca_count ? conf->cas[at].name : NULL;
}

static const char *
next_backend(const void *arg, size_t at)
{
	const struct conf *conf = arg;

	return at < conf->backend_count ? conf->backends[at].name : NULL;
}

static const char *
no_block(const char *kind, const char *name, const char *near, char why[NO_BLOCK_MAX])
{
	snprintf(why, NO_BLOCK_MAX, "the configuration has no %s \"%.100s\"%s%s%s", kind, name,
	         near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return why;
}

const char *
no_ca(const struct conf *conf, const char *name, char why[NO_BLOCK_MAX])
{
	return no_block("ca", name, nearest_word(name, next_ca, conf), why);
}

const char *
no_backend(const struct conf *conf, const char *name, char why[NO_BLOCK_MAX])
{
	return no_block("backend", name, nearest_word(name, next_backend, conf), why);
}

bool
given_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
             const struct conf_backend **ret_backend)
{
	const struct conf *conf = cl->control->conf;
	const char *backend = json_text(request, "backend"), *word;
	char why[NO_BLOCK_MAX];

	*ret_cas = (struct ca_choice){.count = 0};
	word = choose_cas(conf, request, ret_cas, why, sizeof(why));
	*ret_backend = backend ? conf_backend(conf, backend) : NULL;
	if (word)
		return refuse(cl, word, why);
	if (ret_cas->count && external_of(request) == EXTERNAL_YES)
		return refuse(cl, "invalid", ca_or_external);
	if (backend && !*ret_backend)
		return refuse(cl, "unknown-backend", no_backend(conf, backend, why));
	if (!is_dropped(cl->control->next_conf, ret_cas, *ret_backend))
		return true;
	reply_error(cl, MSG_EXIT_CONFLICT, "busy",
	            "a reload is in work that drops this ca or backend");
	return false;
}

bool
choose_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
              const struct conf_backend **ret_backend)
{
	const struct conf *conf = cl->control->conf;

	if (!given_blocks(cl, request, ret_cas, ret_backend))
		return false;
	if (!*ret_backend)
		*ret_backend = conf->otherwise.backend;
	if (!*ret_backend)
		return refuse(cl, "unknown-backend", no_default_backend);
	if (!ret_cas->count && !default_cas(conf, external_of(request), *ret_backend, ret_cas))
		return refuse(cl, "unknown-ca", no_default_ca);
	if (!is_dropped(cl->control->next_conf, ret_cas, *ret_backend))
		return true;
	reply_error(cl, MSG_EXIT_CONFLICT, "busy",
	            "a reload is in work that drops the default ca or backend");
	return false;
}
