/* SPDX-License-Identifier: Apache-2.0 */
/* db.check: a process of its own reads every record, because damaged pages may end who reads them
 * (store/check.h). It is our own program (`certd --db-check`), gets the master key through a pipe,
 * and writes one JSON object a line. Asked for, soon after the start, and weekly. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "daemon/common/history.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/control/check_child.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/master.h"
#include "daemon/offline.h"
#include "daemon/watch/upkeep.h"

enum {
	FIRST_CHECK_MS = 30 * 1000,
	WEEK_MS = 7 * 86400 * 1000,
	AGAIN_MS = 60 * 1000,   /* when reports were lost */
	READ_CHUNK = 16 * 1024, /* fewer than UPKEEP_ROOM findings */
	BACKLOG_MAX = 4 * 1024 * 1024,
	TELL_MAX = 20, /* findings that get a log line and an event */
};

struct dbcheck {
	struct control *control;
	pid_t pid;
	int fd; /* its stdout */
	struct loop_watch *watch;
	struct buf in;
	struct buf backlog; /* finding lines, for clients that come later */
	int64_t began_ms;   /* mono */
	int64_t until_ms;   /* mono: killed then; what it waits for us does not count */
	int64_t looked_ms;  /* mono: last tick */
	bool late;          /* killed */
	char at[64];        /* the table it is in */
	bool ended;         /* it said how it went */
	uint64_t records, names, findings;
	char error[512]; /* why it could not go on, "" = it could */
	enum err err;    /* what that is called */
};

/* ---- findings ------------------------------------------------------------------------------- */

static void
relay(struct control *c, const cJSON *line)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].checking)
			reply_json(&c->clients[i], cJSON_Duplicate(line, true));
}

static bool
is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words) != 0)
		words++;
	return *words;
}

/* Upkeep repairs damaged names, and tells each; lists and counters, too. The rest is told here. */
static void
act_on(struct dbcheck *k, const cJSON *f)
{
	static const char *const records[] = {"domain", "cert", NULL};
	/* Of the pool: what nobody has is put aside by who makes names anew. */
	static const char *const lists[] = {"domain", "due",   "expiry", "state", "reason",
	                                    "label",  "count", "pool",   NULL};
	const char *env = json_text(f, "env"), *table = json_text(f, "table");
	const char *key = json_text(f, "key"), *what = json_text(f, "what");
	const char *lost = json_text(f, "name"); /* told when it cannot be made anew */
	struct control *c = k->control;
	struct hostname name;
	bool served = env && table && strcmp(env, "served") == 0;
	bool is_name = served && key && is_one_of(table, records) &&
	               hostname_parse_any(key, &name, NULL) == ERR_OK;

	if (is_name)
		upkeep_suspect(c->upkeep, &name);
	else if (lost && hostname_parse_any(lost, &name, NULL) == ERR_OK)
		upkeep_suspect(c->upkeep, &name);
	if (served && is_one_of(table, lists))
		upkeep_suspect_lists(c->upkeep);
	if (!is_name && k->findings <= TELL_MAX)
		history_add(c->store, c->notices, "store.corrupt", "", "%s/%s %.200s: %.200s",
		            env ? env : "?", table ? table : "?", key ? key : "", what ? what : "");
	if (k->findings <= TELL_MAX)
		log_err("check: %s/%s %s: %s", env ? env : "?", table ? table : "?", key ? key : "",
		        what ? what : "");
}

static void
take_finding(struct dbcheck *k, const cJSON *line)
{
	k->findings++;
	if (k->backlog.len < BACKLOG_MAX && json_print(line, &k->backlog) == ERR_OK)
		buf_add(&k->backlog, "\n", 1);
	relay(k->control, line);
	act_on(k, json_object(line, "finding"));
}

static void
take_line(struct dbcheck *k, const cJSON *line)
{
	const cJSON *checked = json_object(line, "checked");
	const char *at = json_text(line, "at"), *failed = json_text(line, "failed");

	if (at)
		snprintf(k->at, sizeof(k->at), "%s", at);
	if (json_object(line, "finding"))
		take_finding(k, line);
	if (failed)
		snprintf(k->error, sizeof(k->error), "%s", failed);
	if (!checked)
		return;
	k->ended = true;
	k->records = (uint64_t)json_int(checked, "records", 0);
	k->names = (uint64_t)json_int(checked, "names", 0);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Being ended by a signal is what damaged pages do. */
static void
take_death(struct dbcheck *k, int st)
{
	cJSON *finding, *line;
	char what[256];

	if (k->ended || k->error[0])
		return;
	if (!WIFSIGNALED(st)) {
		snprintf(k->error, sizeof(k->error), "the check ended with code %d",
		         WEXITSTATUS(st));
		return;
	}
	if (k->late)
		snprintf(what, sizeof(what),
		         "reading it did not end in %" PRId64
		         " minutes: pages of the file are damaged, most likely; restore a backup "
		         "(certctl db restore)",
		         (clock_mono_ms() - k->began_ms) / 60000);
	else
		snprintf(what, sizeof(what),
		         "reading it ended the check with signal %d (%s): pages of the file are "
		         "damaged; "
		         "restore a backup (certctl db restore)",
		         WTERMSIG(st), strsignal(WTERMSIG(st)));
	line = line_with("finding", &finding);
	cJSON_AddStringToObject(finding, "env", k->at[0] ? strtok(k->at, "/") : "?");
	cJSON_AddStringToObject(finding, "table", k->at[0] ? k->at + strlen(k->at) + 1 : "?");
	cJSON_AddStringToObject(finding, "key", "");
	cJSON_AddStringToObject(finding, "what", what);
	take_finding(k, line);
	cJSON_Delete(line);
}

static cJSON *
check_json(const struct dbcheck *k)
{
	cJSON *check = cJSON_CreateObject();

	add_time(check, "at", clock_wall());
	cJSON_AddNumberToObject(check, "records", (double)k->records);
	cJSON_AddNumberToObject(check, "names", (double)k->names);
	cJSON_AddNumberToObject(check, "damaged", (double)k->findings);
	cJSON_AddNumberToObject(check, "seconds", (double)(clock_mono_ms() - k->began_ms) / 1000);
	if (k->error[0])
		cJSON_AddStringToObject(check, "error", k->error);
	return check;
}

static void
tell(struct dbcheck *k)
{
	struct control *c = k->control;

	if (k->error[0])
		log_warn("the store is not checked: %s", k->error);
	else if (k->findings > 0)
		history_add(c->store, c->notices, "store.corrupt", "",
		            "a check has found %" PRIu64 " damaged; certctl db check lists them",
		            k->findings);
	else
		history_add(c->store, c->notices, "store.checked", "",
		            "%" PRIu64 " records of %" PRIu64 " names, nothing is damaged",
		            k->records, k->names);
}

static void
answer(struct control_client *cl, const struct dbcheck *k, const cJSON *check)
{
	cJSON *line = cJSON_CreateObject();

	cl->checking = false;
	cJSON_AddItemToObject(line, "check", cJSON_Duplicate(check, true));
	reply_json(cl, line);
	if (k->error[0])
		reply_error(cl, MSG_EXIT_FAILED, err_word(k->err), "%s", k->error);
	else
		reply_end(cl, k->findings ? MSG_EXIT_FAILED : MSG_EXIT_OK);
}

static void
answer_all(struct dbcheck *k)
{
	struct control *c = k->control;

	last_keep_check(c, check_json(k));
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].checking)
			answer(&c->clients[i], k, c->last_check);
}

static void
free_check(struct dbcheck *k)
{
	loop_unwatch(k->watch);
	close(k->fd);
	buf_done(&k->in);
	buf_done(&k->backlog);
	k->control->check = NULL;
	free(k);
}

static void
finish(struct dbcheck *k)
{
	struct control *c = k->control;
	int st = 0;

	while (waitpid(k->pid, &st, 0) < 0 && errno == EINTR)
		;
	take_death(k, st);
	answer_all(k);
	tell(k);
	free_check(k);
	loop_wake(c->loop); /* sends the answers */
}

static void
on_output(void *arg, int events)
{
	struct dbcheck *k = arg;
	unsigned char *end;
	ssize_t n;

	(void)events;
	if (!buf_reserve(&k->in, READ_CHUNK))
		return;
	n = read(k->fd, k->in.data + k->in.len, READ_CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || k->in.len > MSG_LINE_MAX) {
		if (n > 0)
			kill(k->pid, SIGKILL); /* it may wait for us to read on */
		finish(k);
		return;
	}
	k->in.len += (size_t)n;
	while ((end = memchr(k->in.data, '\n', k->in.len))) {
		cJSON *line = NULL;

		if (json_parse(k->in.data, (size_t)(end - k->in.data), &line) == ERR_OK)
			take_line(k, line);
		cJSON_Delete(line);
		buf_eat(&k->in, (size_t)(end - k->in.data) + 1);
	}
	if (!upkeep_takes_more(k->control->upkeep))
		loop_want(k->watch, 0); /* until the next tick; no name may be lost */
	loop_wake(k->control->loop);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static enum err
begin(struct control *c, struct problem *why)
{
	struct dbcheck *k = calloc(1, sizeof(*k));
	enum err err;

	if (!k)
		return ERR_NOMEM;
	*k = (struct dbcheck){.control = c, .fd = -1, .began_ms = clock_mono_ms(), .err = ERR_IO};
	k->looked_ms = k->began_ms;
	k->until_ms = k->began_ms + check_child_limit_ms(c->conf->state_directory);
	err = check_child_start(c->conf, &k->pid, &k->fd, why);
	if (!err && (fcntl(k->fd, F_SETFL, O_NONBLOCK) ||
	             loop_watch(c->loop, k->fd, on_output, k, &k->watch)))
		err = ERR_NOMEM;
	if (err) {
		if (k->pid > 0)
			check_child_end(k->pid);
		if (k->fd >= 0)
			close(k->fd);
		free(k);
		return err;
	}
	loop_want(k->watch, LOOP_READ);
	c->check = k;
	return ERR_OK;
}

static void
send_backlog(struct control_client *cl, const struct buf *backlog)
{
	buf_add(&cl->out, backlog->data, backlog->len);
}

void
command_db_check(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	struct problem why = {0};
	enum err err = c->check ? ERR_OK : begin(c, &why);

	(void)request;
	if (err) {
		reply_error(cl, msg_exit_of_err(err), err_word(err), "the check does not start: %s",
		            why.kind ? why.detail : strerror(errno));
		return;
	}
	cl->busy = true;
	cl->checking = true;
	send_backlog(cl, &c->check->backlog);
}

static void
watch_check(struct dbcheck *k, int64_t now)
{
	if (upkeep_takes_more(k->control->upkeep))
		loop_want(k->watch, LOOP_READ);
	else
		k->until_ms += now - k->looked_ms;
	k->looked_ms = now;
	if (k->late || now < k->until_ms)
		return;
	k->late = true;
	kill(k->pid, SIGKILL); /* its output ends, and so it does */
}

void
dbcheck_on_timer(struct control *c)
{
	struct problem why = {0};
	int64_t now = clock_mono_ms();

	if (c->check)
		watch_check(c->check, now);
	if (c->check_at == 0)
		c->check_at = now + FIRST_CHECK_MS;
	if (upkeep_wants_check(c->upkeep) && c->check_at > now + AGAIN_MS)
		c->check_at = now + AGAIN_MS;
	if (c->check_at > now || c->check)
		return;
	c->check_at = now + WEEK_MS;
	if (begin(c, &why))
		log_warn("the store is not checked: %s", why.kind ? why.detail : strerror(errno));
}

void
dbcheck_end(struct control *c)
{
	struct dbcheck *k = c->check;

	if (k) {
		check_child_end(k->pid);
		k->err = ERR_STOPPED;
		snprintf(k->error, sizeof(k->error), "%s", err_text(k->err));
		answer_all(k);
		free_check(k);
	}
	cJSON_Delete(c->last_check);
	c->last_check = NULL;
}
