/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/problem.h"
#include "daemon/master.h"
#include "daemon/probe.h"
#include "daemon/role_inside.h"

static bool
is_same(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

void
role_refresh_master(struct parent *p, bool settle)
{
	struct secret master = {0};
	struct problem why = {0};
	enum err err = ERR_OK;

	if (settle && master_change_is_open(p->conf))
		err = probe_settle_master(p->conf, &why);
	if (!err)
		err = master_find(p->conf, &master, &why);
	if (err)
		log_warn("the master key is not read again, the one we have stays: %s",
		         why.kind ? why.detail : err_text(err));
	else if (!is_same(&p->master, &master))
		secret_take(&p->master, &master);
	secret_done(&master);
}
