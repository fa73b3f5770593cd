/* SPDX-License-Identifier: Apache-2.0 */
/* The verb export: what is served under a name, as PEM. Its key only for root and our own user, and
 * never without a trace: no event, no key. */
#include <stdio.h>
#include <string.h>

#include "acme/bundle.h"
#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/control/command_inside.h"
#include "store/cert.h"
#include "store/event.h"
#include "store/store.h"

enum err
command_read_cert(struct control *c, const struct hostname *name, struct cert *cert,
                  struct buf *issuers)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	if (!err)
		err = cert_get_for(txn, &d, cert);
	if (!err)
		err = cert_chain_get(txn, cert->chain_id, issuers);
	store_abort(txn);
	return err;
}

static enum err
write_event(struct control_client *cl, const struct hostname *name)
{
	struct control *c = cl->control;
	struct event e = {.at = clock_wall(), .type = "security.key_exported"};
	struct store_txn *txn;
	enum err err = store_begin_write(c->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	snprintf(e.name, sizeof(e.name), "%s", name->name);
	snprintf(e.detail, sizeof(e.detail), "the private key, to uid %u", (unsigned)cl->uid);
	err = event_put(txn, &e);
	err = store_finish(txn, err);
	if (!err)
		log_host_notice(name, "private key exported to uid %u", (unsigned)cl->uid);
	notice_nudge(c->notices);
	return err;
}

static void
add_text(cJSON *object, const char *member, struct buf *text)
{
	if (text->len && buf_str(text))
		cJSON_AddStringToObject(object, member, buf_str(text));
}

static enum err
reply_export(struct control_client *cl, const struct hostname *name, bool with_key)
{
	struct buf chain = {0}, issuers = {0}, key = {.secret = true};
	struct cert cert;
	cJSON *export, *line;
	enum err err;

	cert_init(&cert);
	err = command_read_cert(cl->control, name, &cert, &issuers);
	if (!err)
		err = bundle_format_chain(&cert.leaf, &issuers, &chain);
	if (!err && with_key)
		err = bundle_format_key(&cert.key, &key);
	if (!err && with_key)
		err = write_event(cl, name);
	if (!err) {
		line = line_with("export", &export);
		cJSON_AddStringToObject(export, "name", name->name);
		add_text(export, "chain_pem", &chain);
		add_text(export, "key_pem", &key);
		reply_json(cl, line);
		reply_ok(cl);
	}
	cert_done(&cert);
	buf_done(&chain);
	buf_done(&issuers);
	buf_wipe(&key);
	return err;
}

void
command_export(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	bool with_key = json_bool(request, "private_key", false);
	struct hostname name;
	char why[128];
	enum err err;

	if (with_key && may_not(cl, "the export of private keys", RIGHTS_OWNER))
		return;
	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		return;
	}
	err = reply_export(cl, &name, with_key);
	if (err == ERR_NOTFOUND)
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
		            "there is no certificate of %s here", name.name);
	else if (err)
		reply_store_error(cl, err);
}
