/* SPDX-License-Identifier: Apache-2.0 */
/* Which ca and backend a request means for its names, and whether a CA is asked at all. */
#include "base/json.h"
#include "daemon/command_inside.h"
#include "daemon/conf.h"
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
		return json_text(object, "ca") ? EXTERNAL_NO : EXTERNAL_UNSAID;
	return json_bool(object, "external", false) ? EXTERNAL_YES : EXTERNAL_NO;
}

/* Servers behind a backend that passes TLS through have certificates of their own. */
bool
default_ca(const struct conf *conf, enum external external, const struct conf_backend *backend,
           const struct conf_ca **ret_ca)
{
	bool asked =
		external == EXTERNAL_NO || (external == EXTERNAL_UNSAID && !backend->passthrough);

	*ret_ca = asked ? conf->otherwise.ca : NULL;
	return !asked || conf->otherwise.ca;
}

bool
external_is_served(const struct domain *d, const struct conf_backend *backend)
{
	return d->state != DOMAIN_EXTERNAL || d->generation || (backend && backend->passthrough);
}

static bool
refuse(struct control_client *cl, const char *code, const char *text, const char *name)
{
	reply_error(cl, MSG_EXIT_USAGE, code, name ? "%s \"%s\"" : "%s%s", text, name ? name : "");
	return false;
}

static bool
is_dropped(const struct conf *next, const struct conf_ca *ca, const struct conf_backend *backend)
{
	return next && ((ca && !conf_ca(next, ca->name)) ||
	                (backend && !conf_backend(next, backend->name)));
}

bool
given_blocks(struct control_client *cl, const cJSON *request, const struct conf_ca **ret_ca,
             const struct conf_backend **ret_backend)
{
	const struct conf *conf = cl->control->conf;
	const char *ca = json_text(request, "ca"), *backend = json_text(request, "backend");

	*ret_ca = ca ? conf_ca(conf, ca) : NULL;
	*ret_backend = backend ? conf_backend(conf, backend) : NULL;
	if (ca && !*ret_ca)
		return refuse(cl, "unknown-ca", "the configuration has no ca", ca);
	if (ca && external_of(request) == EXTERNAL_YES)
		return refuse(cl, "invalid", ca_or_external, NULL);
	if (backend && !*ret_backend)
		return refuse(cl, "unknown-backend", "the configuration has no backend", backend);
	if (!is_dropped(cl->control->next_conf, *ret_ca, *ret_backend))
		return true;
	reply_error(cl, MSG_EXIT_CONFLICT, "busy",
	            "a reload is in work that drops this ca or backend");
	return false;
}

bool
choose_blocks(struct control_client *cl, const cJSON *request, const struct conf_ca **ret_ca,
              const struct conf_backend **ret_backend)
{
	const struct conf *conf = cl->control->conf;

	if (!given_blocks(cl, request, ret_ca, ret_backend))
		return false;
	if (!*ret_backend)
		*ret_backend = conf->otherwise.backend;
	if (!*ret_backend)
		return refuse(cl, "unknown-backend", no_default_backend, NULL);
	if (!*ret_ca && !default_ca(conf, external_of(request), *ret_backend, ret_ca))
		return refuse(cl, "unknown-ca", no_default_ca, NULL);
	if (!is_dropped(cl->control->next_conf, *ret_ca, *ret_backend))
		return true;
	reply_error(cl, MSG_EXIT_CONFLICT, "busy",
	            "a reload is in work that drops the default ca or backend");
	return false;
}
