/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner of a new name is to show before its first order (`ownership`), as replies have it.
 */
#include <string.h>

#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/shown.h"
#include "daemon/dns/ownership.h"
#include "store/store.h"

static enum err
read_lines(struct control *c, const struct hostname *name, char lines[DIAGNOSIS_RECORD_MAX + 1])
{
	char token[OWNERSHIP_TOKEN_MAX + 1];
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	store_abort(txn);
	if (!err && !ownership_is_asked(c->conf, &d))
		err = ERR_NOTFOUND;
	if (!err)
		err = ownership_token(c->store, c->conf, &d, token);
	if (!err)
		ownership_lines(c->conf, name, token, lines);
	return err;
}

void
owner_to_json(struct control *c, const struct hostname *name, cJSON *result)
{
	char lines[DIAGNOSIS_RECORD_MAX + 1];

	if ((c->conf->ownership.txt || c->conf->ownership.http) && !read_lines(c, name, lines))
		add_lines(result, "ownership", lines);
}
