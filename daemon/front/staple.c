/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/staple.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "acme/ocsp.h"
#include "base/clock.h"
#include "daemon/front/cred.h"
#include "store/ocsp.h"
#include "store/store.h"

enum err
staple_plan(struct store_txn *txn, const struct hostname *name, bool second, uint64_t generation,
            struct span leaf)
{
	const struct ocsp none_yet = {.generation = generation}; /* due by any clock */
	char url[OCSP_URL_MAX + 1];
	bool must_staple;

	if (!ocsp_responder(leaf, url, &must_staple))
		return ocsp_del(txn, name, second);
	return ocsp_put(txn, name, second, &none_yet);
}

static bool
holds(const struct ocsp *o, const struct cred_source *source)
{
	int64_t now = clock_wall();

	return o->generation == source->generation && o->response.len > 0 &&
	       o->this_update <= now + OCSP_CLOCK_SLACK && now < o->next_update;
}

bool
staple_attach(struct store *store, const struct cred *cred, SSL *ssl)
{
	const struct cred_source *source = cred_staple_source(cred, ssl);
	struct ocsp o;
	struct store_txn *txn;
	unsigned char *copy = NULL; /* SSL's */
	enum err err;

	if (!source || store_begin_read(store, STORE_SERVED, &txn))
		return false;
	ocsp_init(&o);
	err = ocsp_get(txn, &source->name, source->second, &o);
	store_abort(txn);
	if (!err && holds(&o, source))
		copy = OPENSSL_memdup(o.response.data, o.response.len);
	if (copy)
		SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)o.response.len);
	ocsp_done(&o);
	return copy != NULL;
}
