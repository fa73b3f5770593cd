/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/pair.h"

#include "acme/certview.h"
#include "base/clock.h"
#include "store/cert.h"
#include "store/domain.h"

enum err
pair_get(struct store_txn *txn, const struct domain *d, bool second, struct cert *ret_cert)
{
	return second ? cert_get_second(txn, d, ret_cert) : cert_get_for(txn, d, ret_cert);
}

bool
pair_leaf_is_rsa(const struct buf *leaf)
{
	struct certview view;

	return certview_read((struct span){leaf->data, leaf->len}, &view) == ERR_OK &&
	       certview_is_rsa(&view);
}

static bool
has_type(struct store_txn *txn, const struct domain *d, bool second, bool rsa)
{
	struct cert cert;
	bool has;

	cert_init(&cert);
	has = pair_get(txn, d, second, &cert) == ERR_OK && pair_leaf_is_rsa(&cert.leaf) == rsa;
	cert_done(&cert);
	return has;
}

bool
pair_takes_second(struct store_txn *txn, const struct domain *d, bool rsa)
{
	if (!d->generation)
		return false;
	if (d->second.generation && has_type(txn, d, true, rsa))
		return true;
	return d->not_after > clock_wall() && has_type(txn, d, false, !rsa);
}

void
pair_settle(struct store_txn *txn, struct domain *d, bool rsa)
{
	if (d->second.generation &&
	    (d->second.not_after <= clock_wall() || has_type(txn, d, true, rsa)))
		d->second = (struct domain_second){0};
}
