/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpfront.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/front/listener.h"
#include "daemon/role.h"

static void
loopback(struct conf_address *address, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	                         .sin_port = htons(port),
	                         .sin_addr = {htonl(INADDR_LOOPBACK)}};

	memcpy(&address->sa, &sa, sizeof(sa));
	address->len = sizeof(sa);
	snprintf(address->text, sizeof(address->text), "127.0.0.1:%u", port);
}

static void
open_listen(struct tmpfront *f, int which, enum conf_listen_kind kind)
{
	struct conf_listen *l = &f->listens[which];
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	*l = (struct conf_listen){.kind = kind,
	                          .max_connections = 1000,
	                          .handshake_timeout_ms = 10000,
	                          .idle_timeout_ms = 20000};
	loopback(&l->address, 0);
	assert_int_equal(listener_open(&l->address, &f->listen_fds[which]), ERR_OK);
	assert_int_equal(getsockname(f->listen_fds[which], (struct sockaddr *)&sa, &len), 0);
	f->ports[which] = ntohs(sa.sin_port);
}

void
tmpfront_init(struct tmpfront *f)
{
	memset(f, 0, sizeof(*f));
	log_set_level(LOG_LEVEL_ERR);
	tmpstore_init(&f->store);
	tmpstore_open(&f->store);
	assert_int_equal(status_new(&f->status), ERR_OK);
	assert_int_equal(servers_new(&f->servers), ERR_OK);
	open_listen(f, TMPFRONT_TLS, LISTEN_TLS);
	open_listen(f, TMPFRONT_HTTP, LISTEN_HTTP);
	f->conf.listens = f->listens;
	f->conf.listen_count = TMPFRONT_LISTENS;
	f->conf.backends = f->backends;
	f->conf.otherwise.unknown_sni = UNKNOWN_SNI_REJECT;
}

void
tmpfront_server(struct conf_backend *b, uint16_t port)
{
	struct conf_server *s = &b->servers[b->server_count++];

	loopback(&s->address, port);
	s->text = s->address.text;
}

struct conf_backend *
tmpfront_backend(struct tmpfront *f, const char *name, uint16_t port)
{
	struct conf_backend *b = &f->backends[f->conf.backend_count++];

	snprintf(b->name, sizeof(b->name), "%s", name);
	tmpfront_server(b, port);
	b->balance = BALANCE_LEAST;
	b->check = (struct conf_check){.every_ms = 5000, .fall = 3, .rise = 2};
	b->connect_timeout_ms = 2000;
	memcpy(b->alpn, "\x08http/1.1", 9);
	b->alpn_len = 9;
	return b;
}

static void *
worker_main(void *arg)
{
	struct tmpfront *f = arg;

	f->result = worker_run(&f->config);
	close(f->config.channel);
	return NULL;
}

void
tmpfront_run(struct tmpfront *f)
{
	const struct conf *conf = &f->conf;
	int pair[2];
	char ready = 0;

	assert_int_equal(servers_claim(f->servers, &conf, 1), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->channel = pair[0];
	for (int i = 0; i < TMPFRONT_LISTENS; i++)
		f->workers_fds[i] = fcntl(f->listen_fds[i], F_DUPFD_CLOEXEC, 3);
	f->config = (struct worker_config){.conf = &f->conf,
	                                   .store = f->store.store,
	                                   .status = &f->status->slot[0],
	                                   .demand = &f->status->demand,
	                                   .servers = f->servers,
	                                   .listen_fds = f->workers_fds,
	                                   .listen_count = TMPFRONT_LISTENS,
	                                   .channel = pair[1]};
	assert_int_equal(pthread_create(&f->thread, NULL, worker_main, f), 0);
	f->running = true;
	assert_int_equal(recv(f->channel, &ready, 1, 0), 1);
	assert_int_equal(ready, ROLE_READY);
}

void
tmpfront_tell(struct tmpfront *f, char message)
{
	assert_int_equal(send(f->channel, &message, 1, MSG_NOSIGNAL), 1);
}

void
tmpfront_join(struct tmpfront *f)
{
	pthread_join(f->thread, NULL);
	close(f->channel);
	f->running = false;
	assert_int_equal(f->result, ERR_OK);
	assert_int_equal(tmpfront_count(f, STATUS_CONNECTIONS), 0);
	assert_int_equal(tmpfront_count(f, STATUS_CRED_ENTRIES), 0);
}

void
tmpfront_done(struct tmpfront *f)
{
	if (f->running) {
		tmpfront_tell(f, ROLE_QUIT);
		tmpfront_join(f);
	}
	for (int i = 0; i < TMPFRONT_LISTENS; i++)
		close(f->listen_fds[i]);
	status_free(f->status);
	servers_free(f->servers);
	tmpstore_done(&f->store);
}

uint64_t
tmpfront_count(const struct tmpfront *f, enum status_counter which)
{
	return status_sum(f->status, which);
}

void
tmpfront_expect(const struct tmpfront *f, enum status_counter which, uint64_t value)
{
	for (int i = 0; i < 500 && tmpfront_count(f, which) != value; i++)
		usleep(10 * 1000);
	if (tmpfront_count(f, which) != value)
		fail_msg("%s is %lu, not %lu", status_word(which),
		         (unsigned long)tmpfront_count(f, which), (unsigned long)value);
}
