/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/ownership.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "daemon/conf/conf.h"
#include "store/domain.h"
#include "store/label.h"
#include "store/memo.h"
#include "store/store.h"

enum { SECRET_LEN = 32, TOKEN_BYTES = OWNERSHIP_TOKEN_MAX / 2 };

static const char memo_key[] = "ownership";

bool
ownership_is_asked(const struct conf *conf, const struct domain *d)
{
	return (conf->ownership.txt || conf->ownership.http) && d->generation == 0 &&
	       d->state != DOMAIN_EXTERNAL;
}

static enum err
read_secret(struct store_txn *txn, unsigned char secret[SECRET_LEN])
{
	struct buf kept = {0};
	enum err err = memo_get(txn, memo_key, &kept);

	if (!err && kept.len != SECRET_LEN)
		err = ERR_CORRUPT;
	if (!err)
		memcpy(secret, kept.data, SECRET_LEN);
	buf_done(&kept);
	return err;
}

/* A damaged one comes anew: tokens that were set already are void then. */
static enum err
make_secret(struct store *store, unsigned char secret[SECRET_LEN])
{
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = read_secret(txn, secret); /* somebody else may have been here */
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT) {
		err = RAND_bytes(secret, SECRET_LEN) == 1 ? ERR_OK : ERR_CRYPTO;
		if (!err)
			err = memo_put(txn, memo_key, secret, SECRET_LEN);
		if (!err)
			return store_commit(txn);
	}
	store_abort(txn);
	return err;
}

static enum err
get_secret(struct store *store, unsigned char secret[SECRET_LEN])
{
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = read_secret(txn, secret);
	store_abort(txn);
	return err == ERR_NOTFOUND || err == ERR_CORRUPT ? make_secret(store, secret) : err;
}

static const char *
host_of(const struct hostname *name)
{
	return name->name + (hostname_is_wildcard(name) ? 2 : 0);
}

/* The value of D's label with KEY; "": it has none, or KEY is NULL. */
static void
value_of(const struct domain *d, const char *key, char value[LABEL_VALUE_MAX + 1])
{
	struct label labels[LABELS_MAX];
	size_t count = label_list(d, labels);

	value[0] = '\0';
	for (size_t i = 0; i < count && key; i++)
		if (strcmp(labels[i].key, key) == 0)
			memcpy(value, labels[i].value, sizeof(labels[i].value));
}

enum err
ownership_token(struct store *store, const struct conf *conf, const struct domain *d,
                char token[OWNERSHIP_TOKEN_MAX + 1])
{
	unsigned char secret[SECRET_LEN], mac[EVP_MAX_MD_SIZE];
	char value[LABEL_VALUE_MAX + 1];
	struct buf text = {0};
	unsigned len = 0;
	enum err err = get_secret(store, secret);

	value_of(d, conf->ownership.label, value);
	/* Neither value nor name has a 0 in it. */
	buf_add(&text, "certd ownership", sizeof("certd ownership"));
	buf_add(&text, value, strlen(value) + 1);
	buf_add_str(&text, host_of(&d->name));
	if (!err && !buf_ok(&text))
		err = ERR_NOMEM;
	if (!err && !HMAC(EVP_sha256(), secret, SECRET_LEN, text.data, text.len, mac, &len))
		err = ERR_CRYPTO;
	for (size_t i = 0; i < TOKEN_BYTES && !err; i++)
		snprintf(token + 2 * i, 3, "%02x", mac[i]);
	OPENSSL_cleanse(secret, sizeof(secret));
	buf_done(&text);
	return err;
}

bool
ownership_is_shown(struct store *store, const struct hostname *name, const char *token)
{
	struct store_txn *txn;
	struct diagnosis d;
	bool shown;

	if (store_begin_read(store, STORE_PRIVATE, &txn))
		return false;
	shown = !diagnosis_get(txn, name, &d) && strcmp(d.owned, token) == 0;
	store_abort(txn);
	return shown;
}

const char *
ownership_lines(const struct conf *conf, const struct hostname *name, const char *token,
                char lines[DIAGNOSIS_RECORD_MAX + 1])
{
	const struct conf_ownership *o = &conf->ownership;
	bool v6 = strchr(name->name, ':') != NULL;
	char port[16] = "";
	size_t len = 0;

	if (conf->diagnose.http_port != 80)
		snprintf(port, sizeof(port), ":%u", conf->diagnose.http_port);

	lines[0] = '\0';
	if (o->txt && !hostname_is_address(name) &&
	    strlen(o->txt) + 1 + strlen(host_of(name)) <= HOSTNAME_MAX)
		len = (size_t)snprintf(lines, DIAGNOSIS_RECORD_MAX + 1, "%s.%s. TXT \"%s\"\n",
		                       o->txt, host_of(name), token);
	if (o->http && !hostname_is_wildcard(name) && len < DIAGNOSIS_RECORD_MAX)
		snprintf(lines + len, DIAGNOSIS_RECORD_MAX + 1 - len, "http://%s%s%s%s%s = %s\n",
		         v6 ? "[" : "", name->name, v6 ? "]" : "", port, o->http, token);
	return lines;
}
