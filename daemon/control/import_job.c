/* SPDX-License-Identifier: Apache-2.0 */
/* One job on an import thread: every certificate is judged, then all their names go into the store,
 * a group of whole certificates a transaction, then the answer is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "base/log.h"
#include "base/msg.h"
#include "daemon/control/import_inside.h"
#include "daemon/front/pair.h"
#include "daemon/order/compromised.h"
#include "store/store.h"

struct run {
	struct import_place *place;
	struct bundle_judge *judge;
	struct import_job *job;
	struct import_cert *certs;
	size_t cert_count;
	struct import_name *names; /* of all certificates, in their order */
	size_t name_count;
};

/* ---- judging -------------------------------------------------------------------------------- */

static void
refuse(struct import_cert *cert, const char *text)
{
	cert->refused = true;
	problem_set(&cert->why, PROBLEM_CERT_REJECTED, "%s", text);
}

/* The request may want one name only; the certificate must be for it. */
static void
choose_name(struct import_cert *cert)
{
	struct bundle *b = &cert->bundle;
	struct hostname name;
	char why[128], text[256];

	if (!cert->given)
		return;
	if (idna_parse(cert->given, &name, why, sizeof(why))) {
		snprintf(text, sizeof(text), "its name: %s", why);
		refuse(cert, text);
		return;
	}
	for (size_t i = 0; i < b->name_count; i++)
		if (hostname_equal(&b->names[i], &name) || hostname_matches(&b->names[i], &name)) {
			b->names[0] = name;
			b->name_count = 1;
			b->left_count = 0;
			return;
		}
	refuse(cert, "the certificate does not cover this name");
}

static void
look_at_key(struct run *r, struct import_cert *cert)
{
	struct span leaf = {cert->bundle.leaf.data, cert->bundle.leaf.len};
	bool compromised = false;
	struct store_txn *txn;
	enum err err = store_begin_read(r->place->store, STORE_PRIVATE, &txn);

	if (!err) {
		err = compromised_has(txn, leaf, &compromised);
		store_abort(txn);
	}
	if (err)
		refuse(cert, err_text(err));
	else if (compromised)
		refuse(cert, "a certificate with its key was revoked here as compromised "
		             "(keyCompromise): it needs a new key");
}

static void
judge_one(struct run *r, const cJSON *item, struct import_cert *cert)
{
	const char *chain = json_text(item, "chain_pem"), *key = json_text(item, "key_pem");
	struct bundle_pem pem = {.chain = chain, .key = key};
	enum err err;

	cert->given = json_text(item, "name");
	if (!chain || (key == NULL && cJSON_HasObjectItem(item, "key_pem"))) {
		refuse(cert, "not {\"chain_pem\":TEXT,\"key_pem\":TEXT}");
		return;
	}
	pem.chain_len = strlen(chain);
	pem.key_len = key ? strlen(key) : 0;
	err = r->judge ? bundle_read(r->judge, &pem, clock_wall(), &cert->bundle, &cert->why)
	               : ERR_NOMEM;
	cert->refused = err != ERR_OK;
	if (err && err != ERR_REFUSED)
		refuse(cert, err_text(err));
	if (cert->refused)
		return;
	cert->is_rsa = pair_leaf_is_rsa(&cert->bundle.leaf);
	choose_name(cert);
	if (!cert->refused)
		look_at_key(r, cert);
}

static enum err
judge_all(struct run *r)
{
	const cJSON *item;
	size_t count = 0;

	r->certs = calloc((size_t)cJSON_GetArraySize(r->job->certs) + 1, sizeof(*r->certs));
	if (!r->certs)
		return ERR_NOMEM;
	cJSON_ArrayForEach(item, r->job->certs)
	{
		struct import_cert *cert = &r->certs[r->cert_count++];

		judge_one(r, item, cert);
		count += cert->refused ? 0 : cert->bundle.name_count;
	}
	r->names = calloc(count + 1, sizeof(*r->names));
	return r->names ? ERR_OK : ERR_NOMEM;
}

/* ---- storing -------------------------------------------------------------------------------- */

static void
list_names(struct run *r)
{
	for (size_t i = 0; i < r->cert_count; i++) {
		struct import_cert *cert = &r->certs[i];

		for (size_t k = 0; !cert->refused && k < cert->bundle.name_count; k++)
			r->names[r->name_count++] =
				(struct import_name){.cert = cert, .name = cert->bundle.names[k]};
	}
}

/* How many names from FROM on belong to certificates that fit into one transaction. */
static size_t
group_at(const struct run *r, size_t from)
{
	size_t end = from;

	while (end < r->name_count) {
		size_t more = r->names[end].cert->bundle.name_count;

		if (end > from && end - from + more > IMPORT_COMMIT_NAMES)
			break;
		end += more;
	}
	return end - from;
}

static enum err
store_all(struct run *r)
{
	struct import_name **group;

	list_names(r);
	group = calloc(r->name_count + 1, sizeof(struct import_name *));
	if (!group)
		return ERR_NOMEM;
	for (size_t at = 0, count; at < r->name_count; at += count) {
		count = group_at(r, at);
		for (size_t i = 0; i < count; i++)
			group[i] = &r->names[at + i];
		import_put(r->place, r->job, group, count);
	}
	free(group);
	return ERR_OK;
}

/* ---- answering ------------------------------------------------------------------------------ */

static cJSON *
line_of(const char *member, size_t at, const char *name, cJSON **ret_object)
{
	cJSON *line = cJSON_CreateObject(), *object = cJSON_AddObjectToObject(line, member);

	cJSON_AddNumberToObject(object, "at", (double)at);
	if (name)
		cJSON_AddStringToObject(object, "name", name);
	*ret_object = object;
	return line;
}

static void
write_line(struct run *r, cJSON *line)
{
	if (json_print(line, &r->job->reply))
		r->job->reply.failed = true;
	buf_add(&r->job->reply, "\n", 1);
	cJSON_Delete(line);
}

static void
note(struct run *r, size_t at, const char *name, const char *code, const char *detail)
{
	cJSON *object, *line = line_of("note", at, name, &object);

	cJSON_AddStringToObject(object, "code", code);
	cJSON_AddStringToObject(object, "detail", detail);
	write_line(r, line);
}

static void
answer_failure(struct run *r, size_t at, const char *name, const char *code, const char *detail)
{
	cJSON *object, *error, *line = line_of("result", at, name, &object);

	cJSON_AddFalseToObject(object, "ok");
	error = cJSON_AddObjectToObject(object, "error");
	cJSON_AddStringToObject(error, "code", code);
	cJSON_AddStringToObject(error, "detail", detail);
	write_line(r, line);
	r->job->seen |= 1u << msg_exit_of_code(code);
}

static void
answer_name(struct run *r, size_t at, const struct import_name *n)
{
	cJSON *object, *line;

	if (n->err) {
		answer_failure(r, at, n->name.name, err_word(n->err),
		               n->detail ? n->detail : err_text(n->err));
		return;
	}
	line = line_of("result", at, n->name.name, &object);
	cJSON_AddTrueToObject(object, "ok");
	cJSON_AddStringToObject(object, "change", n->change);
	if (n->detail)
		cJSON_AddStringToObject(object, "detail", n->detail);
	write_line(r, line);
	r->job->seen |= 1u << MSG_EXIT_OK;
}

static void
answer_notes(struct run *r, size_t at, const struct import_cert *cert)
{
	const struct bundle *b = &cert->bundle;

	if (b->self_signed)
		note(r, at, b->names[0].name, "self-signed",
		     "it is signed by itself: no client trusts it unless told to");
	for (size_t i = 0; i < b->left_count; i++)
		note(r, at, b->left[i].name, "left-out", b->left[i].why);
}

static void
answer_all(struct run *r)
{
	const struct import_name *n = r->names, *end = r->names + r->name_count;

	for (size_t i = 0; i < r->cert_count; i++) {
		const struct import_cert *cert = &r->certs[i];

		if (cert->refused) {
			answer_failure(r, i, cert->given, problem_code(cert->why.kind),
			               cert->why.detail);
			continue;
		}
		answer_notes(r, i, cert);
		for (; n < end && n->cert == cert; n++)
			answer_name(r, i, n);
	}
}

void
import_run(struct import_place *place, struct bundle_judge *judge, struct import_job *job)
{
	struct run r = {.place = place, .judge = judge, .job = job};
	enum err err = judge_all(&r);

	if (!err)
		err = store_all(&r);
	if (err)
		job->reply.failed = true;
	else
		answer_all(&r);
	for (size_t i = 0; i < r.cert_count; i++)
		bundle_done(&r.certs[i].bundle);
	free(r.certs);
	free(r.names);
	cJSON_Delete(job->certs);
	job->certs = NULL;
}
