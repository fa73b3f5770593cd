/* SPDX-License-Identifier: Apache-2.0 */
/* The verb inspect: the certificates of a name, or of a text, one after the other, and what is
 * wrong with them. */
#include <string.h>

#include "acme/certview.h"
#include "acme/chain.h"
#include "acme/inspect.h"
#include "acme/pem.h"
#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/control/command_inside.h"
#include "store/cert.h"
#include "store/store.h"

enum { CERTIFICATES_MAX = 20 };

static void
add_fault(cJSON *faults, const char *what, const char *detail)
{
	cJSON *fault = cJSON_CreateObject();

	cJSON_AddStringToObject(fault, "what", what);
	cJSON_AddStringToObject(fault, "detail", detail);
	cJSON_AddItemToArray(faults, fault);
}

/* ---- one certificate ------------------------------------------------------------------------ */

static void
add_host_names(cJSON *object, const struct buf *list)
{
	cJSON *names = cJSON_AddArrayToObject(object, "names");

	for (size_t at = 0; at < list->len;) {
		const char *name = (const char *)list->data + at;

		cJSON_AddItemToArray(names, cJSON_CreateString(name));
		at += strlen(name) + 1;
	}
}

/* False: it cannot be read. */
static bool
add_certificate(cJSON *certificates, struct span der)
{
	struct chain_facts facts;
	struct certview view;
	cJSON *object;

	if (certview_read(der, &view) || chain_facts(der.data, der.len, &facts))
		return false;
	object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "serial", facts.serial);
	cJSON_AddStringToObject(object, "issuer", facts.issuer);
	cJSON_AddStringToObject(object, "key", facts.key);
	add_time(object, "not_before", view.not_before);
	add_time(object, "not_after", view.not_after);
	cJSON_AddBoolToObject(object, "is_ca", view.is_ca);
	add_host_names(object, &facts.names);
	cJSON_AddItemToArray(certificates, object);
	buf_done(&facts.names);
	return true;
}

static void
reply_inspection(struct control_client *cl, cJSON *line, const cJSON *faults)
{
	enum msg_exit code = cJSON_GetArraySize(faults) ? MSG_EXIT_FAILED : MSG_EXIT_OK;

	reply_json(cl, line);
	reply_end(cl, code);
}

/* ---- of a name ------------------------------------------------------------------------------ */

static enum err
judge(const struct hostname *name, const struct cert *cert, const struct buf *issuers,
      cJSON *faults)
{
	static const char *const words[INSPECT_END] = {
		[INSPECT_KEY] = "key",         [INSPECT_NAME] = "name",
		[INSPECT_CHAIN] = "chain",     [INSPECT_NOT_YET] = "not-yet-valid",
		[INSPECT_EXPIRED] = "expired",
	};
	const struct inspect_subject subject = {.name = name,
	                                        .leaf = {cert->leaf.data, cert->leaf.len},
	                                        .issuers = {issuers->data, issuers->len},
	                                        .key = &cert->key};
	struct inspection in;
	enum err err = inspect(&subject, clock_wall(), &in);

	for (int i = 0; !err && i < INSPECT_END; i++)
		if (in.faults & (1u << i))
			add_fault(faults, words[i], in.why[i]);
	return err;
}

static enum err
inspect_name(struct control_client *cl, const struct hostname *name)
{
	struct buf issuers = {0};
	struct cursor cursor;
	struct cert cert;
	cJSON *object, *certificates, *faults, *line = line_with("inspect", &object);
	enum err err;

	cert_init(&cert);
	err = command_read_cert(cl->control, name, &cert, &issuers);
	if (err)
		goto out;
	cJSON_AddStringToObject(object, "name", name->name);
	certificates = cJSON_AddArrayToObject(object, "certificates");
	faults = cJSON_AddArrayToObject(object, "faults");
	add_certificate(certificates, (struct span){cert.leaf.data, cert.leaf.len});
	cursor_init(&cursor, issuers.data, issuers.len);
	for (struct span one = cursor_bytes32(&cursor); one.len; one = cursor_bytes32(&cursor))
		add_certificate(certificates, one);
	err = judge(name, &cert, &issuers, faults);
	if (err)
		goto out;
	reply_inspection(cl, line, faults);
	line = NULL;
out:
	cJSON_Delete(line);
	cert_done(&cert);
	buf_done(&issuers);
	return err;
}

/* ---- of a text ------------------------------------------------------------------------------ */

static void
judge_dates(const cJSON *certificates, cJSON *faults)
{
	int64_t now = clock_wall(), from, until;
	const cJSON *one;

	cJSON_ArrayForEach(one, certificates)
	{
		const char *serial = json_text(one, "serial");

		if (!clock_parse(json_text(one, "not_before"), &from) && from > now)
			add_fault(faults, "not-yet-valid", serial);
		if (!clock_parse(json_text(one, "not_after"), &until) && until <= now)
			add_fault(faults, "expired", serial);
	}
}

static void
inspect_text(struct control_client *cl, const char *text)
{
	cJSON *object, *certificates, *faults, *line = line_with("inspect", &object);
	struct buf der = {0};
	struct pem pem;
	enum err err = ERR_OK;

	certificates = cJSON_AddArrayToObject(object, "certificates");
	faults = cJSON_AddArrayToObject(object, "faults");
	pem_init(&pem, text, strlen(text));
	while (!err && cJSON_GetArraySize(certificates) < CERTIFICATES_MAX) {
		buf_reset(&der);
		err = pem_next(&pem, &der);
		if (!err && strcmp(pem.label, "CERTIFICATE") == 0 &&
		    !add_certificate(certificates, (struct span){der.data, der.len}))
			err = ERR_INVALID;
	}
	if (err == ERR_NOTFOUND)
		err = cJSON_GetArraySize(certificates) ? ERR_OK : ERR_NOTFOUND;
	judge_dates(certificates, faults);
	if (err) {
		cJSON_Delete(line);
		reply_error(cl, MSG_EXIT_FAILED, "cert/rejected", "%s",
		            err == ERR_NOTFOUND ? "no certificate in it"
		                                : "a certificate in it cannot be read");
	} else {
		reply_inspection(cl, line, faults);
	}
	buf_done(&der);
}

void
command_inspect(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name"), *text = json_text(request, "pem");
	struct hostname name;
	char why[128];
	enum err err;

	if (text && !given) {
		/* nobody else lets our parsers read what is not ours */
		if (!may_not(cl, "the inspection of a text", RIGHTS_OWNER))
			inspect_text(cl, text);
	} else if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" or \"pem\" is missing");
	} else {
		err = inspect_name(cl, &name);
		if (err == ERR_NOTFOUND)
			reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
			            "there is no certificate of %s here", name.name);
		else if (err)
			reply_store_error(cl, err);
	}
}
