/* SPDX-License-Identifier: Apache-2.0 */
/* The verb import: the request becomes a job for the import threads (daemon/control/import.h); the
 * client's next request is read when it is answered. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/import.h"
#include "daemon/order/issuer.h"

static void
wake_loop(void *arg)
{
	struct control *c = arg;

	loop_wake(c->loop);
}

static struct import_job *
make_job(struct control_client *cl, const cJSON *request)
{
	struct import_job *job;
	struct ca_choice cas;
	const struct conf_backend *backend;
	struct domain d = {.failures = 0};

	if (!choose_blocks(cl, request, &cas, &backend))
		return NULL;
	job = calloc(1, sizeof(*job));
	if (!job) {
		reply_error(cl, MSG_EXIT_FAILED, err_word(ERR_NOMEM), "%s", err_text(ERR_NOMEM));
		return NULL;
	}
	job->client = cl;
	job->replace = json_bool(request, "replace", false);
	job->dry_run = json_bool(request, "dry_run", false);
	if (cas.count)
		choice_put(&cas, &d);
	snprintf(job->ca, sizeof(job->ca), "%s", d.ca);
	snprintf(job->cas, sizeof(job->cas), "%s", d.cas);
	snprintf(job->backend, sizeof(job->backend), "%s", backend->name);
	return job;
}

void
command_import(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	const cJSON *certs = json_array(request, "certs");
	int count = certs ? cJSON_GetArraySize(certs) : 0;
	struct import_config config = {
		.store = c->store, .upkeep = c->upkeep, .wake = wake_loop, .arg = c};
	struct import_job *job;

	if (count < 1 || count > IMPORT_CERTS_MAX) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"certs\" must be a list of 1 to %d certificates", IMPORT_CERTS_MAX);
		return;
	}
	job = make_job(cl, request);
	if (!job)
		return;
	if (!c->imports && import_pool_new(&config, &c->imports)) {
		import_job_free(job);
		reply_error(cl, MSG_EXIT_FAILED, err_word(ERR_NOMEM), "no threads to import with");
		return;
	}
	job->certs = cJSON_DetachItemFromObjectCaseSensitive(cl->request, "certs");
	cl->import = job;
	cl->busy = true;
	import_submit(c->imports, job);
}

static void
answer(struct control_client *cl, const struct import_job *job)
{
	cl->import = NULL;
	if (job->stopped) {
		reply_error(cl, MSG_EXIT_FAILED, err_word(ERR_STOPPED), "nothing was imported: %s",
		            err_text(ERR_STOPPED));
		return;
	}
	reply_text(cl, &job->reply);
	reply_end(cl, msg_exit_combine(job->seen));
}

void
import_end(struct control *c)
{
	if (c->imports)
		import_pool_end(c->imports);
	import_on_done(c);
}

void
import_on_done(struct control *c)
{
	struct import_job *job;

	while (c->imports && (job = import_take(c->imports))) {
		struct control_client *cl = job->client;

		if (cl)
			answer(cl, job);
		import_job_free(job);
		notice_nudge(c->notices);
		issuer_wake(c->issuer);
	}
}

void
import_forget(struct control_client *cl)
{
	if (cl->import)
		cl->import->client = NULL;
	cl->import = NULL;
}
