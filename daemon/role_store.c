/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/problem.h"
#include "daemon/conf/conf.h"
#include "daemon/master.h"
#include "daemon/role_inside.h"
#include "store/store.h"

enum err
role_claim_store(struct parent *p, struct problem *why)
{
	const char *dir = p->conf->state_directory;
	struct statvfs fs;
	enum err err = store_lock(dir, &p->lock_fd, why);

	p->readonly = err && !p->config->single && statvfs(dir, &fs) == 0 &&
	              (fs.f_flag & ST_RDONLY) && store_exists(dir);
	if (!p->readonly)
		return err;
	log_err("%s is on a read-only file system: what is stored is served, there are no orders "
	        "and no certctl until it can be written; trying every %d s",
	        dir, KEEPER_RESTART_MAX_MS / 1000);
	return ERR_OK;
}

bool
role_may_write(struct parent *p)
{
	struct problem why = {0};

	if (p->lock_fd < 0 && store_lock(p->conf->state_directory, &p->lock_fd, &why))
		return false;
	p->roles[KEEPER].spawn.lock_fd = p->lock_fd;
	return true;
}

static bool
is_same(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

void
role_refresh_master(struct parent *p)
{
	struct secret master = {0};
	struct problem why = {0};
	enum err err = master_find(p->conf, &master, &why);

	if (err) {
		log_warn("the master key is not read again, the one we have stays: %s",
		         why.kind ? why.detail : err_text(err));
	} else if (!is_same(&p->master, &master)) {
		secret_take(&p->master, &master);
		p->master_count++;
	}
	secret_done(&master);
}

bool
role_is_stale(const struct parent *p, const struct role *r)
{
	return !p->config->single && r->spawn.kind == SPAWN_WORKER &&
	       (r->state == ROLE_STARTING || r->state == ROLE_RUNNING) &&
	       r->master_count != p->master_count;
}
