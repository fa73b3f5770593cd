/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/problem.h"
#include "daemon/conf/conf.h"
#include "store/check.h"
#include "store/domain_due.h"
#include "store/domain_list.h"
#include "store/event.h"
#include "store/mark.h"
#include "store/order.h"
#include "store/store.h"

enum { PAGE = 16, LONGEST_S = 60, PAGES_MS = 300 };

struct probe {
	const struct conf *conf;
	const struct secret *master;
};

/* Touches the root of every table that the roles read first. */
static enum err
look_at_served(struct store *store)
{
	static struct domain page[PAGE];
	struct hostname names[PAGE];
	struct store_txn *txn;
	uint64_t count;
	size_t n;
	int64_t at;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_count_all(txn, &count);
	if (!err)
		err = domain_page(txn, NULL, PAGE, page, &n);
	if (!err && (count > 0) != (n > 0))
		err = ERR_CORRUPT;
	if (!err)
		err = domain_due(txn, &(struct domain_queue){"", LANE_RENEW}, INT64_MAX, PAGE,
		                 names, &n);
	if (!err)
		err = domain_next_expiry(txn, &at);
	store_abort(txn);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
look_at_private(struct store *store)
{
	static struct event events[PAGE];
	struct hostname names[PAGE];
	struct store_txn *txn;
	uint64_t last = 0;
	size_t n;
	enum err err = store_begin_read(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = event_last(txn, &last);
	if (!err)
		err = event_page(txn, last > PAGE ? last - PAGE : 0, PAGE, events, &n);
	if (!err)
		err = order_page(txn, NULL, PAGE, names, &n);
	store_abort(txn);
	return err;
}

/* A table whose root was flipped looks empty, an old meta page brings old roots: all of it opens.
 */
static enum err
look_for_lost_names(struct store *store, const char *dir, struct problem *why)
{
	struct store_mark noted, now;
	enum err err = store_mark_get(store, &noted);

	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	err = store_mark_now(store, &now);
	if (err || store_mark_compare(&noted, &now) != MARK_LOST)
		return err;
	problem_set(why, PROBLEM_INTERNAL,
	            "%s/served shows %" PRIu64 " names as of revision %" PRIu64 ", but had %" PRIu64
	            " names at revision %" PRIu64 ": a damaged page hides them, or an older file "
	            "was put there. Restore a backup into an empty directory (certctl db restore), "
	            "or, to go on with what it shows, run certctl db compact",
	            dir, now.names, now.revision, noted.names, noted.revision);
	return ERR_CORRUPT;
}

/* ERR_AGAIN: served/ must not be written. */
static enum err
look(const struct probe *probe, struct problem *why)
{
	struct store *store = NULL;
	enum err err =
		store_open(probe->conf->state_directory, STORE_READER, probe->master, &store, why);

	if (err)
		return err;
	err = store_check_length(store);
	if (!err)
		err = store_check_ends(store);
	if (!err)
		err = look_at_served(store);
	if (!err)
		err = look_at_private(store);
	if (!err)
		err = look_for_lost_names(store, probe->conf->state_directory, why);
	if (!err && (store_check_free_list(store, STORE_SERVED) == ERR_CORRUPT ||
	             store_check_pages(store, STORE_SERVED, PAGES_MS) == ERR_CORRUPT))
		err = ERR_AGAIN;
	if (err == ERR_CORRUPT && !why->kind)
		problem_set(why, PROBLEM_INTERNAL,
		            "the store in %s is damaged: restore a backup into an empty directory "
		            "(certctl db restore)",
		            probe->conf->state_directory);
	store_close(store);
	return err;
}

/* ---- in a child ----------------------------------------------------------------------------- */

static _Noreturn void
child_main(const struct probe *probe, int out)
{
	static const struct rlimit no_core = {0, 0};
	struct problem why = {0};
	enum err err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGBUS, SIG_DFL); /* a sanitizer's handlers would hide the signal */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	alarm(LONGEST_S);
	err = look(probe, &why);
	if (err && write(out, why.detail, strlen(why.detail)) < 0)
		_exit(ERR_IO);
	_exit((int)err);
}

static bool
is_damage_signal(int number)
{
	return number == SIGBUS || number == SIGSEGV || number == SIGABRT;
}

static enum err
judge(const struct probe *probe, int st, const char *text, struct problem *why)
{
	if (WIFSIGNALED(st) && !is_damage_signal(WTERMSIG(st))) {
		problem_set(why, PROBLEM_INTERNAL,
		            "the store in %s cannot be examined (that ended with signal %d, %s): "
		            "start again",
		            probe->conf->state_directory, WTERMSIG(st), strsignal(WTERMSIG(st)));
		return ERR_IO;
	}
	if (WIFSIGNALED(st)) {
		problem_set(why, PROBLEM_INTERNAL,
		            "the store in %s is damaged (reading it ends with signal %d, %s): "
		            "restore a backup into an empty directory (certctl db restore)",
		            probe->conf->state_directory, WTERMSIG(st), strsignal(WTERMSIG(st)));
		return ERR_CORRUPT;
	}
	if (*text)
		problem_set(why, PROBLEM_INTERNAL, "%s", text);
	return (enum err)WEXITSTATUS(st);
}

static enum err
look_in_child(const struct probe *probe, struct problem *why)
{
	char text[PROBLEM_DETAIL_MAX];
	size_t len = 0;
	ssize_t n = 0;
	int out[2], st = 0;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) != 0)
		return ERR_IO;
	pid = fork();
	if (pid == 0)
		child_main(probe, out[1]);
	close(out[1]);
	while (pid > 0 && len < sizeof(text) - 1 &&
	       (n = read(out[0], text + len, sizeof(text) - 1 - len)) != 0)
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			break;
	text[len] = '\0';
	close(out[0]);
	if (pid < 0)
		return ERR_NOMEM;
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return judge(probe, st, text, why);
}

enum err
probe_store(const struct conf *conf, const struct secret *master, bool *ret_careful,
            struct problem *ret_why)
{
	struct probe probe = {.conf = conf, .master = master};
	struct problem why = {0};
	enum err err = ERR_OK;

	if (store_exists(conf->state_directory))
		err = look_in_child(&probe, &why);
	*ret_careful = err == ERR_AGAIN;
	if (err != ERR_CORRUPT)
		return ERR_OK;
	*ret_why = why;
	return err;
}

enum err
probe_open(const struct conf *conf, const struct secret *master, struct problem *ret_why)
{
	return look_in_child(&(struct probe){.conf = conf, .master = master}, ret_why);
}
