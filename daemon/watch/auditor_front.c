/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/auditor_front.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/hostname.h"
#include "daemon/common/loop.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/bio.h"
#include "daemon/front/choice.h"
#include "daemon/front/credcache.h"
#include "daemon/front/end.h"
#include "daemon/front/hello.h"
#include "daemon/front/sessions.h"
#include "daemon/front/tls.h"

enum { CACHE_ENTRIES = 8, FLIGHTS_MAX = 8, AUDIT_LISTENERS_MAX = 64 };

struct audit_front {
	const struct conf_listen *listens[AUDIT_LISTENERS_MAX];
	size_t listen_count;
	struct status_slot status; /* nobody's: what is counted here is no client's */
	struct credcache *creds;
	struct chooser *chooser;
	struct sessions *sessions;
	struct tls *tls;
	SSL_CTX *client;
	bool has_room;
	struct bio_room room;
	unsigned char scratch[HELLO_MAX];
};

/* One handshake: the client's end, and ours. */
struct talk {
	struct audit_front *front;
	const struct conf_listen *listen;
	SSL *client;
	int client_fd;
	struct end end;
	struct sockaddr_storage local;
	struct choice choice;
};

static enum err
make_parts(struct audit_front *f, const struct conf *conf, struct store *store)
{
	struct credcache_config creds = {.conf = conf,
	                                 .store = store,
	                                 .status = &f->status,
	                                 .max_entries = CACHE_ENTRIES,
	                                 .retry_ms = CREDCACHE_RETRY_MS};
	struct chooser_config chooser = {.conf = conf, .store = store, .status = &f->status};
	struct sessions_config sessions = {.conf = conf, .store = store, .status = &f->status};
	enum err err = credcache_new(&creds, &f->creds);

	chooser.creds = f->creds;
	if (!err)
		err = chooser_new(&chooser, &f->chooser);
	if (!err)
		err = sessions_new(&sessions, &f->sessions);
	if (!err)
		err = tls_new(conf, f->sessions, &f->tls);
	if (!err)
		err = bio_room_init(&f->room);
	f->has_room = !err;
	if (!err && !(f->client = SSL_CTX_new(TLS_client_method())))
		err = ERR_NOMEM;
	return err;
}

enum err
audit_front_new(const struct conf *conf, struct store *store, struct audit_front **ret_front)
{
	struct audit_front *f = calloc(1, sizeof(*f));
	enum err err;

	if (!f)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->listen_count && f->listen_count < AUDIT_LISTENERS_MAX; i++)
		if (conf->listens[i].kind == LISTEN_TLS)
			f->listens[f->listen_count++] = &conf->listens[i];
	err = f->listen_count ? make_parts(f, conf, store) : ERR_NOTFOUND;
	if (err)
		audit_front_free(f);
	else
		*ret_front = f;
	return err;
}

void
audit_front_free(struct audit_front *front)
{
	if (!front)
		return;
	SSL_CTX_free(front->client);
	if (front->has_room)
		bio_room_done(&front->room);
	tls_free(front->tls);
	sessions_free(front->sessions);
	chooser_free(front->chooser);
	credcache_free(front->creds);
	free(front);
}

size_t
audit_front_listeners(const struct audit_front *front)
{
	return front->listen_count;
}

const char *
audit_front_listener(const struct audit_front *front, size_t at)
{
	return front->listens[at]->address.text;
}

/* ---- the client ----------------------------------------------------------------------------- */

static const char of_rsa[] = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
			     "RSA+SHA256:RSA+SHA384:RSA+SHA512";
static const char of_ecdsa[] = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";

/* Any name under a wildcard will do. An address is asked for by coming to it (RFC 6066, 3). */
static bool
set_name(struct talk *t, const struct hostname *name)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&t->local;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&t->local;
	unsigned char address[HOSTNAME_ADDRESS_MAX];
	size_t len = hostname_address(name, address);
	char host[HOSTNAME_MAX + 16];

	if (len) {
		t->local.ss_family = len == sizeof(in->sin_addr) ? AF_INET : AF_INET6;
		memcpy(len == sizeof(in->sin_addr) ? (void *)&in->sin_addr : &in6->sin6_addr,
		       address, len);
		return true;
	}
	snprintf(host, sizeof(host), "%s%s", hostname_is_wildcard(name) ? "audit" : "",
	         name->name + hostname_is_wildcard(name));
	return SSL_set_tlsext_host_name(t->client, host) == 1;
}

static enum err
open_talk(struct talk *t, struct audit_front *f, const struct audit_wanted *wanted)
{
	int fd[2];

	*t = (struct talk){.front = f, .listen = f->listens[wanted->listener], .client_fd = -1};
	end_init(&t->end, &f->room);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd))
		return ERR_IO;
	t->client_fd = fd[0];
	t->end.fd = fd[1];
	t->client = SSL_new(f->client);
	if (!t->client || SSL_set_fd(t->client, t->client_fd) != 1 ||
	    SSL_set1_sigalgs_list(t->client, wanted->rsa ? of_rsa : of_ecdsa) != 1 ||
	    !set_name(t, wanted->name))
		return ERR_NOMEM;
	SSL_set_connect_state(t->client);
	return ERR_OK;
}

static void
close_talk(struct talk *t)
{
	end_done(&t->end, false);
	choice_done(&t->choice);
	SSL_free(t->client);
	if (t->client_fd >= 0)
		close(t->client_fd);
	ERR_clear_error();
}

/* ---- what a worker does --------------------------------------------------------------------- */

/* As conn_client.c does it, of a hello that has come as a whole. */
static enum err
choose(struct talk *t)
{
	struct hello_walk walk = {0};
	struct choice_ask ask = {.listen = t->listen};
	struct hello hello;
	uint8_t alert;
	enum err err;

	end_ready(&t->end, LOOP_READ);
	err = bio_fill(&t->end, HELLO_KEPT_MAX);
	if (!err)
		err = hello_walk(&walk, bio_input(&t->end), &alert);
	if (!err)
		err = hello_parse(hello_message(&walk, bio_input(&t->end), t->front->scratch),
		                  &hello, &alert);
	if (err)
		return ERR_IO;
	ask.hello = &hello;
	ask.local = t->local.ss_family ? (const struct sockaddr *)&t->local : NULL;
	choice_make(t->front->chooser, &ask, &t->choice);
	return ERR_OK;
}

/* Whether the client has got its certificate, and the proof of its key. */
static bool
shake_hands(struct talk *t)
{
	enum err err = ERR_AGAIN;
	bool done = false;

	for (int i = 0; i < FLIGHTS_MAX && !done; i++) {
		end_ready(&t->end, LOOP_READ);
		if (err == ERR_AGAIN)
			err = tls_handshake(&t->end);
		if (bio_settle(&t->end) == ERR_NOMEM)
			return false;
		ERR_clear_error();
		done = SSL_do_handshake(t->client) == 1;
	}
	return done;
}

/* ---- what has come -------------------------------------------------------------------------- */

static bool
is_cert(X509 *cert, struct span der)
{
	unsigned char *bytes = NULL;
	int len = i2d_X509(cert, &bytes);
	bool same = len > 0 && (size_t)len == der.len && memcmp(bytes, der.data, der.len) == 0;

	OPENSSL_free(bytes);
	return same;
}

static enum audit_answer
compare(SSL *client, const struct audit_wanted *wanted, char why[AUDIT_WHY_MAX])
{
	STACK_OF(X509) *got = SSL_get_peer_cert_chain(client); /* the leaf first */
	int count = got ? sk_X509_num(got) : 0, at = 1;
	struct cursor c;

	if (count == 0 || !is_cert(sk_X509_value(got, 0), wanted->leaf)) {
		snprintf(why, AUDIT_WHY_MAX, "a client gets another certificate than is stored");
		return AUDIT_OTHER;
	}
	cursor_init(&c, wanted->issuers.data, wanted->issuers.len);
	while (c.left && !c.bad && at < count &&
	       is_cert(sk_X509_value(got, at), cursor_bytes32(&c)))
		at++;
	if (at == count && cursor_end(&c))
		return AUDIT_SAME;
	snprintf(why, AUDIT_WHY_MAX, "a client gets another chain than is stored, from place %d on",
	         at);
	return AUDIT_OTHER;
}

static bool
is_for(const struct choice *choice, const struct hostname *name)
{
	if (hostname_is_address(name)) /* bound to another name, maybe */
		return hostname_equal(&choice->name, name);
	return true;
}

static enum err
talk(struct talk *t, const struct audit_wanted *wanted, enum audit_answer *ret_answer,
     char why[AUDIT_WHY_MAX])
{
	enum err err;

	if (SSL_do_handshake(t->client) == 1 || (err = choose(t)) != ERR_OK)
		return ERR_IO;
	if (t->choice.kind == CHOICE_PASSTHROUGH || !is_for(&t->choice, wanted->name)) {
		*ret_answer = AUDIT_NOBODYS;
		return ERR_OK;
	}
	*ret_answer = AUDIT_NONE;
	snprintf(why, AUDIT_WHY_MAX, "its certificate is stored, but a client is refused");
	if (t->choice.kind != CHOICE_TERMINATE)
		return ERR_OK;
	err = tls_accept(t->front->tls, t->listen, &t->choice, &t->end);
	if (err)
		return err;
	if (shake_hands(t))
		*ret_answer = compare(t->client, wanted, why);
	else
		snprintf(why, AUDIT_WHY_MAX, "its certificate is stored, but a handshake fails");
	return ERR_OK;
}

enum err
audit_front_ask(struct audit_front *front, const struct audit_wanted *wanted,
                enum audit_answer *ret_answer, char why[AUDIT_WHY_MAX])
{
	struct talk t;
	enum err err = open_talk(&t, front, wanted);

	if (!err)
		err = talk(&t, wanted, ret_answer, why);
	close_talk(&t);
	credcache_forget(front->creds); /* no key stays in the keeper */
	return err;
}
