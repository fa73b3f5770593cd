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
#include "daemon/conf.h"
#include "daemon/keeper.h"
#include "daemon/status.h"
#include "daemon/worker.h"
#include "store/store.h"

static enum err
run_role(struct spawn *s, struct store *store)
{
	if (s->kind == SPAWN_KEEPER)
		return keeper_run(&(struct keeper_config){.conf = s->conf,
		                                          .store = store,
		                                          .status = s->status,
		                                          .servers = s->servers,
		                                          .channel = s->theirs});
	return worker_run(&(struct worker_config){.conf = s->conf,
	                                          .store = store,
	                                          .status = &s->status->slot[s->status_slot],
	                                          .servers = s->servers,
	                                          .role = s->status_slot,
	                                          .listen_fds = s->listen_fds,
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
	int keep[CONF_LISTENS_MAX + 1], n = 0;
	unsigned from = 3;

	keep[n++] = s->theirs;
	if (s->kind == SPAWN_KEEPER)
		keep[n++] = s->lock_fd;
	else
		for (size_t i = 0; i < s->conf->listen_count; i++)
			keep[n++] = s->listen_fds[i];
	qsort(keep, (size_t)n, sizeof(keep[0]), by_number);
	for (int i = 0; i < n; i++) {
		if ((int)from < keep[i])
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

static void
become_role(const struct spawn *s, pid_t parent, char *tag, size_t size)
{
	static const struct rlimit no_core = {0, 0};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, s->kind == SPAWN_KEEPER ? "certd-keeper" : "certd-front");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
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
	err = store_open(s->conf->state_directory,
	                 s->kind == SPAWN_KEEPER ? STORE_KEEPER : STORE_FRONT, s->master, &store,
	                 &why);
	master = *s->master; /* our copy after fork(): wipe it, the store has sealed itself */
	secret_done(&master);
	if (err)
		log_err("cannot open the store in %s: %s", s->conf->state_directory,
		        why.kind ? why.detail : err_text(err));
	if (!err && store_was_upgraded(store))
		log_notice(
			"the store was upgraded; as it was it lies in %s/backup-before-..., for a "
			"way back to the older certd: remove it when there is none",
			s->conf->state_directory);
	if (!err)
		err = run_role(s, store);
	store_close(store);
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void
close_own(struct spawn *s)
{
	while (s->own_count > 0)
		close(s->own_fds[--s->own_count]);
	s->listen_fds = s->parents_fds; /* for the next start */
}

static void *
thread_main(void *arg)
{
	struct spawn *s = arg;

	if (run_role(s, s->store))
		log_err("%s ended with an error", s->kind == SPAWN_KEEPER ? "keeper" : "worker");
	close_own(s);
	close(s->theirs);
	return NULL;
}

/* As fork() does for a process: the parent may close its sockets while a worker still drains. */
static enum err
copy_sockets(struct spawn *s)
{
	for (; s->listen_fds && s->own_count < s->conf->listen_count; s->own_count++) {
		int fd = fcntl(s->listen_fds[s->own_count], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return ERR_IO;
		s->own_fds[s->own_count] = fd;
	}
	s->listen_fds = s->own_fds;
	return ERR_OK;
}

static enum err
start_thread(struct spawn *s)
{
	s->parents_fds = s->listen_fds;
	if (copy_sockets(s) == ERR_OK && pthread_create(&s->thread, NULL, thread_main, s) == 0)
		return ERR_OK;
	close_own(s);
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
}
