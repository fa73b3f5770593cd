/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/sessions.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/choice.h"
#include "daemon/front/client_cert.h"
#include "daemon/front/staple.h"
#include "daemon/front/tickets.h"

struct sessions {
	struct sessions_config config;
	struct tickets *tickets;
	struct client_certs *client_certs;
};

enum err
sessions_new(const struct sessions_config *config, struct sessions **ret_sessions)
{
	struct sessions *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NOMEM;
	s->config = *config;
	err = tickets_new(config->store, &s->tickets);
	if (!err)
		err = client_certs_new(config->conf, &s->client_certs);
	if (err)
		sessions_free(s);
	else
		*ret_sessions = s;
	return err;
}

void
sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	tickets_free(sessions->tickets);
	client_certs_free(sessions->client_certs);
	free(sessions);
}

void
sessions_tick(struct sessions *sessions)
{
	tickets_tick(sessions->tickets);
}

/* Only of clients that ask, and not on resumption. */
static int
on_status(SSL *ssl, void *arg)
{
	const struct sessions_config *config = &((struct sessions *)arg)->config;
	const struct choice *choice = SSL_get_app_data(ssl);

	if (!choice->cred || !staple_attach(config->store, choice->cred, ssl))
		return SSL_TLSEXT_ERR_NOACK;
	status_add(config->status, STATUS_STAPLED, 1);
	return SSL_TLSEXT_ERR_OK;
}

void
sessions_serve(struct sessions *sessions, SSL_CTX *ctx)
{
	tickets_serve(sessions->tickets, ctx);
	SSL_CTX_set_tlsext_status_cb(ctx, on_status);
	SSL_CTX_set_tlsext_status_arg(ctx, sessions);
}

/* Who answers a challenge shows a certificate of its own, and that is all. Where clients show one,
 * a ticket would outlive it, its revocation, and the file of whom to trust. */
enum err
sessions_begin(struct sessions *sessions, SSL *ssl, const struct conf_listen *listen,
               const struct choice *choice)
{
	bool asks = choice->backend && choice->backend->client_cert;
	bool may_resume = choice->kind != CHOICE_CHALLENGE && !asks;
	enum err err = tickets_bind(sessions->tickets, ssl, may_resume ? &choice->name : NULL,
	                            listen->tls.ciphers);

	return err ? err : client_certs_ask(sessions->client_certs, ssl, choice->backend);
}
