/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/worker.h"
#include "daemon/front_user.h"
#include "daemon/keeper.h"
#include "daemon/master.h"
#include "daemon/role.h"
#include "store/store.h"

enum { ORPHAN_S = 1 };

#ifdef __SANITIZE_ADDRESS__
static const bool sanitized = true; /* it traces itself at the end, and needs files for that */
#else
static const bool sanitized;
#endif

static enum err
run_role(struct spawn *s, struct store *store)
{
	if (s->kind == SPAWN_KEEPER)
		return keeper_run(&(struct keeper_config){.conf = s->conf,
		                                          .store = store,
		                                          .status = s->status,
		                                          .careful = s->careful,
		                                          .servers = s->servers,
		                                          .news = s->news,
		                                          .control_fd = s->control_fd,
		                                          .channel = s->theirs});
	return worker_run(
		&(struct worker_config){.conf = s->conf,
	                                .store = store,
	                                .status = &s->status->slot[s->status_slot],
	                                .demand = &s->status->demand,
	                                .servers = s->servers,
	                                .role = s->status_slot,
	                                .listen_fds = s->own_fds ? s->own_fds : s->listen_fds,
	                                .listen_count = s->listen_count,
	                                .hold = s->hold,
	                                .confined = !s->single && !sanitized,
	                                .channel = s->theirs});
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes everything the parent had open but stderr and what this role works with: a forgotten copy
 * of another worker's socket would keep its queue alive without anybody accepting. */
static void
close_others(const struct spawn *s)
{
	int *keep = calloc(s->listen_count + 3, sizeof(*keep));
	size_t n = 0;
	unsigned from = 3;

	if (!keep)
		_exit(1);
	keep[n++] = s->theirs;
	if (s->kind == SPAWN_KEEPER) {
		keep[n++] = s->lock_fd;
		keep[n++] = s->control_fd;
	}
	for (size_t i = 0; i < s->listen_count; i++)
		keep[n++] = s->listen_fds[i];
	qsort(keep, n, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue; /* -1: none */
		if ((int)from < keep[i])
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
	free(keep);
}

static pid_t parent_pid;

/* The parent tells us to go, also when the service manager sends SIGTERM to everybody. Without it
 * the channel's end does; whoever does not see that within ORPHAN_S is ended here. */
static void
on_term(int number)
{
	(void)number;
	if (getppid() != parent_pid)
		alarm(ORPHAN_S);
}

static void
become_role(const struct spawn *s, pid_t parent, char *tag, size_t size)
{
	static const struct rlimit no_core = {0, 0};
	const struct sigaction term = {.sa_handler = on_term, .sa_flags = SA_RESTART};
	sigset_t none;

	parent_pid = parent;
	sigaction(SIGTERM, &term, NULL);
	if (!(s->kind == SPAWN_WORKER ? front_user_worker(s->conf) : front_user_keeper()))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, s->kind == SPAWN_KEEPER ? "certd-keeper" : "certd-front");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	if (!sanitized)
		prctl(PR_SET_DUMPABLE, 0);
	close_others(s);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* ^C goes to the parent, which tells us */
	if (s->kind == SPAWN_KEEPER)
		snprintf(tag, size, "keeper");
	else
		snprintf(tag, size, "front %u", s->slot);
	log_init(s->conf->log_level, tag);
}

/* With the store open: what a keeper does first, and tells the parent. */
static void
settle(const struct spawn *s, struct store *store)
{
	const char message = ROLE_MASTER;

	if (store_was_upgraded(store))
		log_notice(
			"the store was upgraded; as it was it lies in %s/backup-before-..., for a "
			"way back to the older certd: remove it when there is none",
			s->conf->state_directory);
	if (s->kind == SPAWN_KEEPER && master_change_settle(s->conf, store, s->master) &&
	    send(s->theirs, &message, 1, MSG_NOSIGNAL) != 1)
		log_warn("the parent does not hear of the new master key");
}

static enum store_mode
mode_of(const struct spawn *s)
{
	if (s->kind != SPAWN_KEEPER)
		return STORE_FRONT;
	return s->careful ? STORE_CAREFUL : STORE_KEEPER;
}

/* The child's life after fork(); the exit code is what the parent sees. */
static _Noreturn void
process_main(struct spawn *s, pid_t parent)
{
	static char tag[32];
	struct secret master;
	struct store *store = NULL;
	struct problem why = {0};
	enum err err;

	become_role(s, parent, tag, sizeof(tag));
	err = store_open(s->conf->state_directory, mode_of(s), s->master, &store, &why);
	if (err)
		log_err("cannot open the store in %s: %s", s->conf->state_directory,
		        why.kind ? why.detail : err_text(err));
	else if (!s->careful)
		settle(s, store);
	master = *s->master; /* our copy after fork(): wipe it, the store has sealed itself */
	secret_done(&master);
	if (!err)
		err = run_role(s, store);
	store_close(store);
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void *
thread_main(void *arg)
{
	struct spawn *s = arg;

	if (run_role(s, s->store))
		log_err("%s ended with an error", s->kind == SPAWN_KEEPER ? "keeper" : "worker");
	close(s->theirs);
	return NULL;
}

static void
close_copies(struct spawn *s, size_t count)
{
	while (count > 0)
		if (s->own_fds[--count] >= 0)
			close(s->own_fds[count]);
	free(s->own_fds);
	s->own_fds = NULL;
}

/* As fork() does for a process: the worker closes its own when it drains. */
static enum err
copy_sockets(struct spawn *s)
{
	s->own_fds = calloc(s->listen_count + 1, sizeof(*s->own_fds));
	if (!s->own_fds)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->listen_count; i++) {
		int fd = s->listen_fds[i];

		s->own_fds[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd >= 0 && s->own_fds[i] < 0) {
			close_copies(s, i);
			return ERR_IO;
		}
	}
	return ERR_OK;
}

static enum err
start_thread(struct spawn *s)
{
	if (copy_sockets(s))
		return ERR_NOMEM;
	if (pthread_create(&s->thread, NULL, thread_main, s) == 0)
		return ERR_OK;
	close_copies(s, s->listen_count);
	return ERR_NOMEM;
}

enum err
spawn_start(struct spawn *spawn)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_IO;
	spawn->channel = pair[0];
	spawn->theirs = pair[1];
	if (spawn->single) {
		if (start_thread(spawn) == ERR_OK)
			return ERR_OK;
		close(pair[1]);
	} else {
		spawn->pid = fork();
		if (spawn->pid == 0)
			process_main(spawn, parent);
		close(pair[1]);
		if (spawn->pid > 0)
			return ERR_OK;
	}
	close(pair[0]);
	spawn->channel = -1;
	return ERR_NOMEM;
}

void
spawn_join(struct spawn *spawn)
{
	pthread_join(spawn->thread, NULL);
	free(spawn->own_fds);
	spawn->own_fds = NULL;
}
