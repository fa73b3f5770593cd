/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/offline.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/hostname.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/conf/conf.h"
#include "daemon/master.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/store.h"

enum { SHOWN_MAX = 1024 };

static int
fail(enum err err, const struct problem *why)
{
	char shown[SHOWN_MAX];

	fprintf(stderr, "certd: %s\n",
	        log_escape(why->kind ? why->detail : err_text(err), shown, sizeof(shown)));
	return (int)msg_exit_of_err(err);
}

int
offline_key_init(const struct conf *conf, const char *file)
{
	const char *path = file && *file ? file : conf->master_key;
	struct secret master = {0};
	struct problem why = {0};
	enum err err = master_make(path, &master, &why);

	secret_done(&master);
	if (err)
		return fail(err, &why);
	printf("%s: a new master key. Keep a copy apart from the backups of the store.\n", path);
	return MSG_EXIT_OK;
}

static void
print_copied(const char *what, const struct store_copied *copied, int64_t began)
{
	printf("%s: %" PRIu64 " records, %.1f MiB, in %.1f s\n", what, copied->records,
	       (double)copied->bytes / (1 << 20), (double)(clock_mono_ms() - began) / 1000);
}

int
offline_restore(const struct conf *conf, const char *from)
{
	struct store_copied copied = {0};
	struct secret master = {0};
	struct problem why = {0};
	int64_t began = clock_mono_ms();
	enum err err = master_find(conf, &master, &why);

	if (!err)
		err = store_restore(from, conf->state_directory, &master, &copied, &why);
	secret_done(&master);
	if (err)
		return fail(err, &why);
	print_copied("restored", &copied, began);
	return MSG_EXIT_OK;
}

int
offline_compact(const struct conf *conf)
{
	struct store_copied copied = {0};
	struct secret master = {0};
	struct problem why = {0};
	int64_t began = clock_mono_ms();
	enum err err = master_find(conf, &master, &why);

	if (!err)
		err = store_compact(conf->state_directory, &master, &copied, &why);
	secret_done(&master);
	if (err)
		return fail(err, &why);
	print_copied("compacted", &copied, began);
	return MSG_EXIT_OK;
}

/* ---- check ---------------------------------------------------------------------------------- */

static void
print_finding(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		printf("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

int
offline_check(const struct conf *conf)
{
	struct check_result result = {0};
	struct secret master = {0};
	struct problem why = {0};
	enum err err = master_find(conf, &master, &why);

	setvbuf(stdout, NULL, _IOLBF, 0); /* what is known before damage ends us */
	if (!err)
		err = store_check(conf->state_directory, &master, print_finding, NULL, &result,
		                  &why);
	secret_done(&master);
	if (err)
		return fail(err, &why);
	printf("%" PRIu64 " records of %" PRIu64 " names, %" PRIu64 " damaged\n", result.records,
	       result.names, result.damaged);
	return result.damaged ? MSG_EXIT_FAILED : MSG_EXIT_OK;
}

/* Takes LINE over. One write a line, so all that was found is told when damage ends us. */
static void
send_line(cJSON *line)
{
	struct buf text = {0};

	if (json_print(line, &text) == ERR_OK)
		buf_add(&text, "\n", 1);
	cJSON_Delete(line);
	if (!buf_ok(&text) || write(STDOUT_FILENO, text.data, text.len) != (ssize_t)text.len)
		_exit(MSG_EXIT_FAILED); /* nobody reads */
	buf_done(&text);
}

static void
send_finding(void *arg, const struct check_finding *f)
{
	cJSON *line = cJSON_CreateObject(), *finding;
	char at[64];

	(void)arg;
	if (!f->err) {
		snprintf(at, sizeof(at), "%s/%s", f->env, f->table);
		cJSON_AddStringToObject(line, "at", at);
	} else {
		finding = cJSON_AddObjectToObject(line, "finding");
		cJSON_AddStringToObject(finding, "code", err_word(f->err));
		cJSON_AddStringToObject(finding, "env", f->env);
		cJSON_AddStringToObject(finding, "table", f->table);
		cJSON_AddStringToObject(finding, "key", f->key);
		cJSON_AddStringToObject(finding, "what", f->what);
		if (f->lost)
			cJSON_AddStringToObject(finding, "name", f->lost->name);
	}
	send_line(line);
}

static void
send_result(enum err err, const struct check_result *result, const struct problem *why)
{
	cJSON *line = cJSON_CreateObject(), *checked;

	if (err) {
		cJSON_AddStringToObject(line, "failed", why->kind ? why->detail : err_text(err));
	} else {
		checked = cJSON_AddObjectToObject(line, "checked");
		cJSON_AddNumberToObject(checked, "records", (double)result->records);
		cJSON_AddNumberToObject(checked, "names", (double)result->names);
	}
	send_line(line);
}

/* Nobody waits for us, and what crashes here leaves nothing behind. */
static void
become_background(int key_fd)
{
	static const struct rlimit no_core = {0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "certd-check");
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGBUS, SIG_DFL); /* a sanitizer's handlers would hide the signal from the keeper */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (setpriority(PRIO_PROCESS, 0, 19))
		log_debug("the check runs at our own priority");
	close_range((unsigned)key_fd + 1, ~0u, 0);
}

/* One key or two, as master_find() found them. */
static enum err
read_master(int fd, struct secret *ret_master)
{
	unsigned char bytes[STORE_MASTER_PAIR_LEN];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	enum err err = n > 0 ? secret_set(ret_master, bytes, (size_t)n) : ERR_IO;

	explicit_bzero(bytes, sizeof(bytes));
	return err;
}

int
offline_check_child(const char *dir, int key_fd)
{
	struct check_result result = {0};
	struct secret master = {0};
	struct problem why = {0};
	enum err err;

	become_background(key_fd);
	err = read_master(key_fd, &master);
	close(key_fd);
	if (!err)
		err = store_check(dir, &master, send_finding, NULL, &result, &why);
	secret_done(&master);
	send_result(err, &result, &why);
	return err ? MSG_EXIT_FAILED : MSG_EXIT_OK;
}
