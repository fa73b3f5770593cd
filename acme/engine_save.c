/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine_save.c - an order between two lives of the process
 *
 * Layout, version 2 (base/buf.h integers, texts behind a u16 length):
 *   u8 version, u8 flags (1: newOrder may have reached the CA, 2: the profile is required),
 *   u8 strikes, u8 key kind, u64 ordered at, u64 expires at (unix seconds, 0 unknown),
 *   u16 names, each a text, text profile, text replaces, text order URL ("" unknown),
 *   u16 length and key_save() bytes.
 * Version 1 has no times and no replaces. Authorizations and challenges are not in it: the CA is
 * asked for them again.
 */
#include <openssl/evp.h>
#include <string.h>

#include "acme/engine_steps.h"
#include "base/cursor.h"
#include "base/secret.h"

enum { SNAPSHOT_OLDEST = 1, SNAPSHOT_VERSION = 2, FLAG_SENT = 1, FLAG_PROFILE_REQUIRED = 2 };

enum err
engine_save(struct engine *e, struct buf *out)
{
	struct secret key = {0};
	enum err err = e->key ? key_save(e->key, &key) : ERR_OK;

	if (err)
		return err;
	buf_reset(out);
	out->secret = true;
	buf_u8(out, SNAPSHOT_VERSION);
	buf_u8(out, (e->sent ? FLAG_SENT : 0) | (e->profile_required ? FLAG_PROFILE_REQUIRED : 0));
	buf_u8(out, (uint8_t)(e->strikes < 0xff ? e->strikes : 0xff));
	buf_u8(out, (uint8_t)e->key_kind);
	buf_u64(out, (uint64_t)e->began_at);
	buf_u64(out, (uint64_t)e->expires_at);
	buf_u16(out, (uint16_t)e->name_count);
	for (size_t i = 0; i < e->name_count; i++)
		buf_bytes16(out, e->names[i].name, e->names[i].len);
	buf_bytes16(out, e->profile, strlen(e->profile));
	buf_bytes16(out, e->replaces, strlen(e->replaces));
	buf_bytes16(out, e->url, strlen(e->url));
	buf_bytes16(out, key.data, key.len);
	secret_done(&key);
	if (!buf_ok(out))
		return ERR_NOMEM;
	e->dirty = false;
	return ERR_OK;
}

static void
read_names(struct cursor *in, struct engine *e)
{
	for (size_t i = 0; i < e->name_count && !in->bad; i++) {
		char text[HOSTNAME_MAX + 1];

		cursor_text16(in, text, sizeof(text));
		if (!in->bad && hostname_parse_any(text, &e->names[i], NULL))
			in->bad = true;
	}
}

static enum err
read_key(struct cursor *in, EVP_PKEY **ret_key)
{
	struct span bytes = cursor_bytes16(in);
	struct secret key = {0};
	enum err err;

	if (!bytes.len)
		return ERR_OK;
	err = secret_set(&key, bytes.data, bytes.len);
	if (!err)
		err = key_load(&key, ret_key);
	secret_done(&key);
	return err;
}

static enum err
read_engine(struct cursor *in, uint8_t version, struct engine *e)
{
	enum err err;

	read_names(in, e);
	cursor_text16(in, e->profile, sizeof(e->profile));
	if (version > 1)
		cursor_text16(in, e->replaces, sizeof(e->replaces));
	cursor_text16(in, e->url, sizeof(e->url));
	if (in->bad || (e->url[0] && !url_is_sane(e->url)))
		return ERR_CORRUPT;
	err = read_key(in, &e->key);
	if (err)
		return err == ERR_NOMEM ? err : ERR_CORRUPT;
	return cursor_end(in) && (!e->key || e->url[0]) ? ERR_OK : ERR_CORRUPT;
}

/* The fixed head; an engine with room for its names. */
static enum err
read_head(struct cursor *in, uint8_t version, struct engine **ret_engine)
{
	uint8_t flags = cursor_u8(in), strikes = cursor_u8(in), kind = cursor_u8(in);
	uint64_t began_at = version > 1 ? cursor_u64(in) : 0;
	uint64_t expires_at = version > 1 ? cursor_u64(in) : 0;
	uint16_t names = cursor_u16(in);
	struct engine *e;

	if (in->bad || (flags & ~(FLAG_SENT | FLAG_PROFILE_REQUIRED)) || kind >= KEY_KINDS ||
	    began_at > INT64_MAX || expires_at > INT64_MAX || names == 0 ||
	    names > ENGINE_NAMES_MAX)
		return ERR_CORRUPT;
	e = engine_alloc(names);
	if (!e)
		return ERR_NOMEM;
	e->sent = flags & FLAG_SENT;
	e->profile_required = flags & FLAG_PROFILE_REQUIRED;
	e->strikes = strikes;
	e->key_kind = (enum key_kind)kind;
	e->began_at = (int64_t)began_at;
	e->expires_at = (int64_t)expires_at;
	*ret_engine = e;
	return ERR_OK;
}

enum err
engine_load(const void *state, size_t len, const struct engine_config *config,
            struct engine **ret_engine)
{
	struct engine *e = NULL;
	struct cursor in;
	uint8_t version;
	enum err err;

	cursor_init(&in, state, len);
	version = cursor_u8(&in);
	if (!in.bad && (version < SNAPSHOT_OLDEST || version > SNAPSHOT_VERSION))
		return ERR_VERSION;
	err = read_head(&in, version, &e);
	if (!err)
		err = read_engine(&in, version, e);
	if (!err)
		err = engine_configure(e, config);
	if (err) {
		engine_free(e);
		return err;
	}
	engine_go(e, e->url[0]       ? STATE_RESUME
	             : e->sent       ? STATE_LOST
	             : e->profile[0] ? STATE_OFFER
	                             : STATE_NEW_ORDER);
	*ret_engine = e;
	return ERR_OK;
}
