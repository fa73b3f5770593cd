/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_end.c - the states that end in a certificate: finalize, download, alternate */
#include <stdlib.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/csr.h"
#include "acme/engine_steps.h"
#include "acme/jose.h"
#include "acme/refusal.h"
#include "acme/transport.h"

/* --- finalize -------------------------------------------------------------------------------- */

enum err
engine_build_finalize(struct engine *e)
{
	struct buf csr = {0};
	enum err err = csr_new(e->key, e->names, e->name_count, &csr);

	if (!err) {
		buf_add_str(&e->payload, "{\"csr\":\"");
		jose_base64url(csr.data, csr.len, &e->payload);
		buf_add_str(&e->payload, "\"}");
		e->send = (struct engine_send){
			.target = CLIENT_URL, .url = e->finalize, .payload = buf_str(&e->payload)};
		err = e->send.payload ? ERR_OK : ERR_NOMEM;
	}
	buf_done(&csr);
	return err;
}

/* The order tells whether the CA has taken the CSR, also when its answer was lost. */
ENGINE_REFUSED(finalize)
{
	(void)i;
	if (refusal_is(&answer->problem, "orderNotReady")) {
		engine_poll_first(e, STATE_ISSUE);
		return true;
	}
	if (!engine_may_pass(e, &answer->problem))
		return false;
	engine_go(e, STATE_ISSUE);
	engine_wait(e, engine_retry_ms(e));
	return true;
}

/* --- download, alternate --------------------------------------------------------------------- */

enum err
engine_build_download(struct engine *e)
{
	engine_get(e, e->certificate_url);
	return ERR_OK;
}

static bool
is_wanted(const struct engine *e, const struct buf *pem)
{
	return chain_matches(pem->data, pem->len, e->chain_issuer,
	                     e->has_chain_spki ? e->chain_spki : NULL);
}

/* Other chains for the same certificate (RFC 8555 7.4.2). */
static enum err
keep_alternates(struct engine *e, const struct transport_reply *reply)
{
	for (size_t i = 0; i < reply->link_count && e->chain_count < ENGINE_CHAINS_MAX; i++) {
		const struct transport_link *link = &reply->links[i];
		char *url;

		if (strcmp(link->rel, "alternate") != 0 || !url_is_sane(link->url))
			continue;
		url = strdup(link->url);
		if (!url)
			return ERR_NOMEM;
		e->chains[e->chain_count++] = (struct engine_chain){.url = url};
	}
	return ERR_OK;
}

ENGINE_READ(download)
{
	const struct transport_reply *reply = answer->reply;
	struct engine_chain *chain = &e->chains[0];
	enum err err;

	(void)i;
	if (!reply->body.len) {
		engine_strike_with(e, "the CA's certificate is empty");
		return;
	}
	e->chain_count = 1;
	buf_add(&chain->pem, reply->body.data, reply->body.len);
	err = buf_ok(&chain->pem) ? ERR_OK : ERR_NOMEM;
	chain->wanted = (!e->chain_issuer && !e->has_chain_spki) || is_wanted(e, &chain->pem);
	if (!err && !chain->wanted)
		err = keep_alternates(e, reply);
	if (err)
		engine_fail_inside(e, err);
	else
		engine_go(e, e->chain_count > 1 ? STATE_ALTERNATE : STATE_DONE);
}

enum err
engine_build_alternate(struct engine *e)
{
	for (size_t i = 0; i < e->chain_count; i++)
		e->turns[i] = i > 0 ? TURN_DUE : TURN_OVER;
	engine_round(e, e->chain_count);
	return ERR_OK;
}

void
engine_each_alternate(struct engine *e, size_t i)
{
	e->send = (struct engine_send){.target = CLIENT_URL, .url = e->chains[i].url};
}

ENGINE_READ(alternate)
{
	const struct transport_reply *reply = answer->reply;
	struct engine_chain *chain = &e->chains[i];

	if (!is_wanted(e, &reply->body))
		return;
	buf_add(&chain->pem, reply->body.data, reply->body.len);
	chain->wanted = buf_ok(&chain->pem);
}

/* The default chain is as good to clients that matter to the CA. */
ENGINE_REFUSED(alternate)
{
	engine_retries(e, i, &answer->problem);
	return true;
}

static size_t
first_wanted(const struct engine *e)
{
	size_t i = 0;

	while (i < e->chain_count && !e->chains[i].wanted)
		i++;
	return i < e->chain_count ? i : 0;
}

void
engine_over_alternate(struct engine *e)
{
	e->chain_at = first_wanted(e);
	engine_go(e, STATE_DONE);
}

const struct buf *
engine_certificate(const struct engine *e)
{
	return &e->chains[e->chain_at].pem;
}

bool
engine_next_certificate(struct engine *e)
{
	if (e->chain_at == 0)
		return false;
	e->chain_at = 0;
	return true;
}
