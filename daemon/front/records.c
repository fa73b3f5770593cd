/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/records.h"

#include <openssl/ssl.h>

#include "base/clock.h"

/* Each record's header, before what is in it: barren, until data comes out of it. */
static void
on_message(int writing, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct records *r = arg;
	int64_t now;

	(void)version;
	(void)data;
	(void)len;
	(void)ssl;
	if (writing || type != SSL3_RT_HEADER || !r->barren_since_ms ||
	    ++r->barren <= RECORDS_BARREN_MAX)
		return;
	now = clock_mono_ms();
	r->too_many |= now - r->barren_since_ms < RECORDS_BARREN_MS;
	r->barren_since_ms = now;
	r->barren = 0;
}

/* OpenSSL 3.2 and later ask only once, when the keys for data come into use. */
void
records_attach(struct records *r, SSL *ssl)
{
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, r);
}

void
records_watch(struct records *r, bool slows)
{
	r->slows = slows;
	r->barren_since_ms = clock_mono_ms();
}

void
records_took(struct records *r, size_t len)
{
	int64_t now;

	if (!r->barren_since_ms) /* nobody watches */
		return;
	if (r->barren)
		r->barren--;
	if (!r->slows || len >= RECORDS_SMALL_LEN || ++r->small < RECORDS_SMALL_MAX)
		return;
	now = clock_mono_ms();
	r->small = 0;
	if (now - r->small_since_ms < RECORDS_SMALL_MS)
		now = r->rest_until_ms = r->small_since_ms + RECORDS_SMALL_MS;
	r->small_since_ms = now;
}

bool
records_resting(struct records *r)
{
	if (r->rest_until_ms && clock_mono_ms() >= r->rest_until_ms)
		r->rest_until_ms = 0;
	return r->rest_until_ms != 0;
}

uint32_t
records_rest_ms(const struct records *r)
{
	int64_t ms = r->rest_until_ms ? r->rest_until_ms - clock_mono_ms() : 0;

	return r->rest_until_ms == 0 ? 0 : ms > 1 ? (uint32_t)ms : 1;
}
