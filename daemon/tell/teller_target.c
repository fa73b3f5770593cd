/* SPDX-License-Identifier: Apache-2.0 */
/* One target: what it wants, what becomes of an event it does not take. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "acme/url.h"
#include "base/clock.h"
#include "daemon/common/event_types.h"
#include "daemon/common/history.h"
#include "daemon/tell/teller_inside.h"

/* Of a URL only where it leads: what stands behind may be a secret. */
static void
set_label(struct target *target)
{
	char origin[URL_ORIGIN_MAX + 1];

	if (target->conf->argv)
		snprintf(target->label, sizeof(target->label), "exec %.190s",
		         target->conf->argv[0]);
	else if (url_origin(target->conf->url, origin) == ERR_OK)
		snprintf(target->label, sizeof(target->label), "webhook %.190s", origin);
	else /* http, to ourselves */
		snprintf(target->label, sizeof(target->label), "webhook %.*s",
		         (int)strcspn(target->conf->url + strlen("http://"), "/?"),
		         target->conf->url + strlen("http://"));
}

static void
set_key(struct target *target)
{
	const struct conf_target *conf = target->conf;
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf text = {0};
	unsigned len = 0;
	size_t at;

	buf_add(&text, conf->argv ? "exec" : "webhook", conf->argv ? 5 : 8);
	if (conf->url)
		buf_add(&text, conf->url, strlen(conf->url) + 1);
	for (size_t i = 0; conf->argv && conf->argv[i]; i++)
		buf_add(&text, conf->argv[i], strlen(conf->argv[i]) + 1);
	if (!buf_ok(&text) || !EVP_Digest(text.data, text.len, hash, &len, EVP_sha256(), NULL))
		len = 0;
	buf_done(&text);
	at = (size_t)sprintf(target->key, "target/");
	for (unsigned i = 0; i < len; i++)
		at += (size_t)sprintf(target->key + at, "%02x", hash[i]);
}

void
target_name(struct target *target)
{
	set_label(target);
	set_key(target);
}

static bool
is_wanted(const struct target *target, const struct event *e)
{
	size_t len = strlen(target->label);

	if (strncmp(e->type, "hook.", 5) == 0 && strncmp(e->detail, target->label, len) == 0 &&
	    e->detail[len] == ':')
		return false;
	for (size_t i = 0; i < target->conf->type_count; i++)
		if (event_type_matches(target->conf->types[i], e->type))
			return true;
	return false;
}

static void
count(struct teller *t, uint64_t taken, uint64_t failed, uint64_t dropped)
{
	pthread_mutex_lock(&t->mail.mutex);
	t->state.taken += taken;
	t->state.failed += failed;
	t->state.dropped += dropped;
	pthread_mutex_unlock(&t->mail.mutex);
}

/* The target's event, and of a web service all that are as old, so that it does not give up one by
 * one. */
static void
give_up(struct target *target, const char *why)
{
	struct teller *t = target->teller;
	int64_t old = clock_wall() - TELLER_WEB_S;
	uint64_t dropped = 1;
	size_t n = 1;

	target->place = target->event.id;
	t->delivered = true;
	while (!target->conf->argv && n > 0) {
		n = teller_read(t, target->place);
		for (size_t i = 0; i < n; i++) {
			if (t->page[i].at > old) {
				n = 0;
				break;
			}
			dropped += is_wanted(target, &t->page[i]);
			target->place = t->page[i].id;
		}
	}
	target->failures = 0;
	count(t, 0, 0, dropped);
	history_add(t->store, t->notices, "hook.dropped", "", "%s: %llu given up: %s",
	            target->label, (unsigned long long)dropped, why);
}

static bool
is_hopeless(const struct target *target)
{
	int64_t at = target->event.at > target->since ? target->event.at : target->since;

	if (target->conf->argv)
		return target->failures >= TELLER_EXEC_TRIES;
	return clock_wall() - at > TELLER_WEB_S;
}

static int64_t
pause_after(uint32_t failures, int64_t asked_ms)
{
	int64_t ms = TELLER_FIRST_MS;

	for (uint32_t i = 1; i < failures && ms < TELLER_LONGEST_MS; i++)
		ms *= 2;
	ms = asked_ms > ms ? asked_ms : ms;
	return ms < TELLER_LONGEST_MS ? ms : TELLER_LONGEST_MS;
}

void
target_told(struct target *target, enum err err, const char *why, int64_t pause_ms)
{
	struct teller *t = target->teller;

	target->busy = false;
	if (err == ERR_STOPPED || !target->conf)
		return;
	if (!err) {
		target->place = target->event.id;
		target->failures = 0;
		target->anew = false;
		t->delivered = true;
		count(t, 1, 0, 0);
		return;
	}
	count(t, 0, 1, 0);
	if (target->failures++ == 0)
		history_add(t->store, t->notices, "hook.failed", "",
		            "%s: %s; the event is %llu, %s", target->label, why,
		            (unsigned long long)target->event.id, target->event.type);
	if (!target->anew)
		target->again_at = clock_mono_ms() + pause_after(target->failures, pause_ms);
	target->anew = false;
	if (is_hopeless(target))
		give_up(target, why);
}

void
target_go_on(struct target *target, uint64_t last, uint64_t dropped)
{
	struct teller *t = target->teller;
	size_t n;

	if (dropped > target->place) {
		target->place = dropped;
		history_add(t->store, t->notices, "hook.dropped", "",
		            "%s: the log has dropped events that were not delivered, up to %llu",
		            target->label, (unsigned long long)dropped);
	}
	while (target->place < last && (n = teller_read(t, target->place)) > 0)
		for (size_t i = 0; i < n; i++) {
			if (is_wanted(target, &t->page[i])) {
				target->event = t->page[i];
				target_send(target);
				return;
			}
			target->place = t->page[i].id;
		}
}
