/* SPDX-License-Identifier: Apache-2.0 */
/* db.stat and db.backup. A backup is copied by a thread of its own, so neither people nor orders
 * wait for it; there is one at a time. */
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/upkeep.h"
#include "store/backup.h"
#include "store/quarantine.h"
#include "store/rotate.h"
#include "store/store.h"

struct dbjob {
	struct control *control;
	pthread_t thread;
	char dir[PATH_MAX];
	int64_t began_ms; /* mono */
	_Atomic bool done;
	_Atomic bool stop;
	/* by the thread, to be read when it is done */
	int64_t took_ms;
	enum err err;
	struct store_copied copied;
	struct problem why;
};

/* ---- stat ----------------------------------------------------------------------------------- */

void
add_store_state(cJSON *store, struct control *c)
{
	struct upkeep_state state;

	upkeep_look(c->upkeep, &state);
	cJSON_AddNumberToObject(store, "free_bytes", (double)state.free_bytes);
	cJSON_AddNumberToObject(store, "reserve_bytes", (double)state.reserve_bytes);
	cJSON_AddBoolToObject(store, "takes_orders", state.room && state.trouble == ERR_OK);
	if (state.trouble)
		cJSON_AddStringToObject(store, "trouble", err_word(state.trouble));
	cJSON_AddNumberToObject(store, "put_aside", (double)state.repaired);
	cJSON_AddNumberToObject(store, "reports_lost", (double)state.reports_lost);
	add_keys(store, c);
}

/* A record of a domain that is not there any more: only its operator can bring it back. */
static bool
is_lost(struct store_txn *txn, const struct quarantine *q)
{
	struct hostname name;
	struct domain d;

	return strcmp(q->table, "domain") == 0 &&
	       hostname_parse_any(q->name, &name, NULL) == ERR_OK &&
	       domain_get(txn, &name, &d) == ERR_NOTFOUND;
}

static void
add_quarantined(cJSON *list, struct store_txn *txn, const struct quarantine *q)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddNumberToObject(item, "id", (double)q->id);
	add_time(item, "at", q->at);
	cJSON_AddStringToObject(item, "table", q->table);
	cJSON_AddStringToObject(item, "name", q->name);
	cJSON_AddStringToObject(item, "reason", q->reason);
	cJSON_AddNumberToObject(item, "size", (double)q->size);
	cJSON_AddBoolToObject(item, "lost", is_lost(txn, q));
	cJSON_AddItemToArray(list, item);
}

static enum err
add_quarantine(cJSON *db, struct store_txn *txn)
{
	enum { PAGE = 100 };
	struct quarantine *page = calloc(PAGE, sizeof(*page));
	cJSON *list = cJSON_AddArrayToObject(db, "quarantine");
	uint64_t after = 0, total = 0;
	size_t count = PAGE;
	enum err err = page ? quarantine_count(txn, &total) : ERR_NOMEM;

	cJSON_AddNumberToObject(db, "quarantined", (double)total);
	while (!err && count == PAGE) {
		err = quarantine_page(txn, after, PAGE, page, &count);
		for (size_t i = 0; i < count && !err; i++) {
			add_quarantined(list, txn, &page[i]);
			after = page[i].id;
		}
	}
	free(page);
	return err;
}

void
command_db_stat(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	cJSON *db, *line = line_with("db", &db);
	struct store_stat stat = {0};
	struct store_txn *txn;
	enum err err = store_stat(c->store, &stat);

	(void)request;
	if (!err)
		err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (!err) {
		add_names(db, txn);
		err = add_quarantine(db, txn);
		store_abort(txn);
	}
	if (err) {
		cJSON_Delete(line);
		reply_store_error(cl, err);
		return;
	}
	cJSON_AddStringToObject(db, "directory", c->conf->state_directory);
	cJSON_AddNumberToObject(db, "used_bytes", (double)stat.used_bytes);
	cJSON_AddNumberToObject(db, "file_bytes", (double)stat.file_bytes);
	cJSON_AddNumberToObject(db, "map_bytes", (double)stat.map_bytes);
	cJSON_AddNumberToObject(db, "readers", (double)stat.readers);
	add_store_state(db, c);
	add_last(db, c);
	reply_json(cl, line);
	reply_ok(cl);
}

/* ---- backup --------------------------------------------------------------------------------- */

static void *
backup_main(void *arg)
{
	struct dbjob *job = arg;

	job->err = store_backup(job->control->store, job->dir, &job->stop, &job->copied, &job->why);
	job->took_ms = clock_mono_ms() - job->began_ms;
	atomic_store(&job->done, true);
	loop_wake(job->control->loop);
	return NULL;
}

static cJSON *
backup_json(const struct dbjob *job)
{
	cJSON *backup = cJSON_CreateObject();
	double seconds = (double)job->took_ms / 1000;

	add_time(backup, "at", clock_wall());
	cJSON_AddStringToObject(backup, "directory", job->dir);
	cJSON_AddNumberToObject(backup, "records", (double)job->copied.records);
	cJSON_AddNumberToObject(backup, "bytes", (double)job->copied.bytes);
	cJSON_AddNumberToObject(backup, "seconds", seconds);
	cJSON_AddNumberToObject(
		backup, "bytes_per_second",
		(double)(int64_t)((double)job->copied.bytes / (seconds > 0.001 ? seconds : 0.001)));
	return backup;
}

static void
answer_backup(struct control_client *cl, const struct dbjob *job, const cJSON *backup)
{
	cJSON *line;

	cl->backing_up = false;
	if (job->err) {
		reply_error(cl, msg_exit_of_err(job->err), err_word(job->err), "%s",
		            job->why.kind ? job->why.detail : err_text(job->err));
		return;
	}
	line = cJSON_CreateObject();
	cJSON_AddItemToObject(line, "backup", cJSON_Duplicate(backup, true));
	reply_json(cl, line);
	reply_ok(cl);
}

static void
tell_backup(struct control *c, const struct dbjob *job)
{
	if (job->err) {
		log_warn("the backup to %s failed: %s", job->dir,
		         job->why.kind ? job->why.detail : err_text(job->err));
		return;
	}
	log_notice("backup of %" PRIu64 " records to %s", job->copied.records, job->dir);
	history_add(c->store, c->notices, "store.backup", "",
	            "%" PRIu64 " records, %" PRIu64 " bytes, in %" PRId64 ".%03d s to %.300s",
	            job->copied.records, job->copied.bytes, job->took_ms / 1000,
	            (int)(job->took_ms % 1000), job->dir);
}

/* Waits for the thread. */
static void
dbjob_finish(struct control *c)
{
	struct dbjob *job = c->backup;
	cJSON *backup;

	pthread_join(job->thread, NULL);
	c->backup = NULL;
	backup = backup_json(job);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].backing_up)
			answer_backup(&c->clients[i], job, backup);
	tell_backup(c, job);
	if (job->err)
		cJSON_Delete(backup);
	else
		last_keep_backup(c, backup);
	free(job);
}

static void
dbjob_end(struct control *c)
{
	if (c->backup) {
		atomic_store(&c->backup->stop, true);
		dbjob_finish(c);
	}
	cJSON_Delete(c->last_backup);
	c->last_backup = NULL;
}

void
command_db_backup(struct control_client *cl, const cJSON *request)
{
	const char *dir = json_text(request, "directory");
	struct control *c = cl->control;
	struct dbjob *job;

	if (!dir || dir[0] != '/' || strlen(dir) >= sizeof(job->dir)) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"directory\" must be a path that begins with /");
		return;
	}
	if (c->backup) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy", "a backup to %s is running",
		            c->backup->dir);
		return;
	}
	if (c->upgrading) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "an upgrade is in work: try again when it is done");
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job) {
		*job = (struct dbjob){.control = c, .began_ms = clock_mono_ms()};
		snprintf(job->dir, sizeof(job->dir), "%s", dir);
	}
	if (!job || pthread_create(&job->thread, NULL, backup_main, job) != 0) {
		free(job);
		reply_store_error(cl, ERR_NOMEM);
		return;
	}
	c->backup = job;
	cl->busy = true;
	cl->backing_up = true;
}

/* ---- for control.c -------------------------------------------------------------------------- */

void
store_on_wake(struct control *c)
{
	if (upkeep_has_planned(c->upkeep))
		issuer_wake(c->issuer);
	if (c->backup && atomic_load(&c->backup->done))
		dbjob_finish(c);
}

void
store_on_timer(struct control *c)
{
	dbcheck_on_timer(c);
	keys_on_timer(c);
	if (upkeep_is_lost(c->upkeep))
		loop_stop(c->loop);
}

void
store_end(struct control *c)
{
	dbjob_end(c);
	dbcheck_end(c);
}
