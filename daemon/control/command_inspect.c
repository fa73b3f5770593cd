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

enum { CERTIFICATES_MAX = 20, ALL_FAULTS = ~0 };

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

/* Those of WHICH, 1u << INSPECT_..., that there are. */
static enum err
judge(const struct inspect_subject *subject, unsigned which, cJSON *faults)
{
	static const char *const words[INSPECT_END] = {
		[INSPECT_KEY] = "key",         [INSPECT_NAME] = "name",
		[INSPECT_CHAIN] = "chain",     [INSPECT_NOT_YET] = "not-yet-valid",
		[INSPECT_EXPIRED] = "expired",
	};
	struct inspection in;
	enum err err = inspect(subject, clock_wall(), &in);

	for (int i = 0; !err && i < INSPECT_END; i++)
		if (in.faults & which & (1u << i))
			add_fault(faults, words[i], in.why[i]);
	return err;
}

/* ---- of a name ------------------------------------------------------------------------------ */

static enum err
judge_name(const struct hostname *name, const struct cert *cert, const struct buf *issuers,
           cJSON *faults)
{
	const struct inspect_subject subject = {.name = name,
	                                        .leaf = {cert->leaf.data, cert->leaf.len},
	                                        .issuers = {issuers->data, issuers->len},
	                                        .key = &cert->key};

	return judge(&subject, ALL_FAULTS, faults);
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
	err = judge_name(name, &cert, &issuers, faults);
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

/* What a text is made of, in its order: the first certificate is the one that is judged. */
struct text {
	struct buf leaf, issuers, key; /* DER; issuers behind a length each */
};

static void
text_done(struct text *t)
{
	buf_done(&t->leaf);
	buf_done(&t->issuers);
	buf_wipe(&t->key);
}

/* ERR_NOTFOUND: no certificate in it. ERR_INVALID: one that cannot be read. */
static enum err
read_certificates(const char *pem_text, struct text *t, cJSON *certificates)
{
	struct buf der = {0};
	struct pem pem;
	enum err err = ERR_OK;

	pem_init(&pem, pem_text, strlen(pem_text));
	while (!err && cJSON_GetArraySize(certificates) < CERTIFICATES_MAX) {
		buf_reset(&der);
		err = pem_next(&pem, &der);
		if (err || strcmp(pem.label, "CERTIFICATE") != 0)
			continue;
		if (!add_certificate(certificates, (struct span){der.data, der.len}))
			err = ERR_INVALID;
		else if (t->leaf.len)
			buf_bytes32(&t->issuers, der.data, der.len);
		else
			buf_add(&t->leaf, der.data, der.len);
	}
	buf_done(&der);
	if (err && err != ERR_NOTFOUND)
		return err;
	return t->leaf.len ? ERR_OK : ERR_NOTFOUND;
}

/* The first key there is. ERR_NOTFOUND: none; ERR_UNSUPPORTED: it is encrypted. */
static enum err
read_key(const char *pem_text, struct text *t)
{
	static const char word[] = "PRIVATE KEY";
	struct pem pem;
	enum err err = ERR_OK;

	t->key.secret = true;
	pem_init(&pem, pem_text, strlen(pem_text));
	while (!err) {
		size_t len;

		buf_reset(&t->key);
		err = pem_next(&pem, &t->key);
		len = strlen(pem.label);
		if (!err && len >= strlen(word) && !strcmp(pem.label + len - strlen(word), word))
			return pem.encrypted || strstr(pem.label, "ENCRYPTED") ? ERR_UNSUPPORTED
			                                                       : ERR_OK;
	}
	return err;
}

/* NAME may be NULL. Of a file of CAs the order says nothing. */
static enum err
judge_text(const struct text *t, const struct hostname *name, const cJSON *certificates,
           cJSON *faults)
{
	const struct inspect_subject subject = {.name = name,
	                                        .leaf = {t->leaf.data, t->leaf.len},
	                                        .issuers = {t->issuers.data, t->issuers.len},
	                                        .key_der = {t->key.data, t->key.len}};
	unsigned which = 1u << INSPECT_KEY | 1u << INSPECT_NAME;

	if (!json_bool(cJSON_GetArrayItem(certificates, 0), "is_ca", false))
		which |= 1u << INSPECT_CHAIN;
	judge_dates(certificates, faults);
	return judge(&subject, which, faults);
}

static const char *
why_not(enum err err, bool key)
{
	if (err == ERR_NOTFOUND)
		return key ? "no key in it" : "no certificate in it";
	if (err == ERR_UNSUPPORTED)
		return "its key is encrypted";
	return key ? "its key cannot be read" : "a certificate in it cannot be read";
}

static void
inspect_text(struct control_client *cl, const cJSON *request, const struct hostname *name)
{
	cJSON *object, *certificates, *faults, *line = line_with("inspect", &object);
	const char *key = json_text(request, "key_pem");
	struct text t = {.leaf = {0}};
	bool at_key = false;
	enum err err;

	if (name)
		cJSON_AddStringToObject(object, "name", name->name);
	certificates = cJSON_AddArrayToObject(object, "certificates");
	faults = cJSON_AddArrayToObject(object, "faults");
	err = read_certificates(json_text(request, "pem"), &t, certificates);
	if (!err && key) {
		at_key = true;
		err = read_key(key, &t);
	}
	if (!err)
		err = judge_text(&t, name, certificates, faults);
	if (err) {
		cJSON_Delete(line);
		reply_error(cl, MSG_EXIT_FAILED, "cert/rejected", "%s", why_not(err, at_key));
	} else {
		reply_inspection(cl, line, faults);
	}
	text_done(&t);
}

void
command_inspect(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name"), *text = json_text(request, "pem");
	struct hostname name;
	char why[128];
	enum err err;

	if ((!given && !text) || (given && idna_parse(given, &name, why, sizeof(why)))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" or \"pem\" is missing");
	} else if (text) {
		/* nobody else lets our parsers read what is not ours */
		if (!may_not(cl, "the inspection of a text", RIGHTS_OWNER))
			inspect_text(cl, request, given ? &name : NULL);
	} else {
		err = inspect_name(cl, &name);
		if (err == ERR_NOTFOUND)
			reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
			            "there is no certificate of %s here", name.name);
		else if (err)
			reply_store_error(cl, err);
	}
}
