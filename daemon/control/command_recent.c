/* SPDX-License-Identifier: Apache-2.0 */
/* What the front counted in the last minute: the difference to what was taken down then. */
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/common/status.h"
#include "daemon/control/command_front.h"
#include "daemon/control/control_inside.h"

enum { SAMPLES = 7, SAMPLE_EVERY_MS = 10 * 1000, P50 = 500, P99 = 990 };

struct front_sample {
	int64_t mono_ms;
	uint64_t values[STATUS_FIRST_GAUGE];
	struct histogram_counts handshakes;
};

struct front_recent {
	struct front_sample of[SAMPLES]; /* number N is in of[N % SAMPLES] */
	uint64_t taken;
};

static void
take_sample(const struct status *status, struct front_sample *ret_sample)
{
	ret_sample->mono_ms = clock_mono_ms();
	for (int i = 0; i < STATUS_FIRST_GAUGE; i++)
		ret_sample->values[i] = status_sum(status, i);
	status_handshakes(status, &ret_sample->handshakes);
}

void
recent_on_timer(struct control *c)
{
	struct front_recent *r = c->recent;

	if (!r && !(r = c->recent = calloc(1, sizeof(*r))))
		return;
	if (r->taken && clock_mono_ms() - r->of[(r->taken - 1) % SAMPLES].mono_ms < SAMPLE_EVERY_MS)
		return;
	take_sample(c->status, &r->of[r->taken % SAMPLES]);
	r->taken++;
}

void
recent_free(struct control *c)
{
	free(c->recent);
	c->recent = NULL;
}

void
add_durations(cJSON *object, const char *name, const struct histogram_counts *counts)
{
	uint64_t count = histogram_count(counts);
	cJSON *durations = count ? cJSON_AddObjectToObject(object, name) : NULL;

	if (!durations)
		return;
	cJSON_AddNumberToObject(durations, "count", (double)count);
	cJSON_AddNumberToObject(durations, "p50", (double)histogram_quantile(counts, P50) / 1e6);
	cJSON_AddNumberToObject(durations, "p99", (double)histogram_quantile(counts, P99) / 1e6);
}

static uint64_t
delta(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void
add_share(cJSON *shares, const char *name, uint64_t part, uint64_t whole)
{
	if (whole)
		cJSON_AddNumberToObject(shares, name, (double)part / (double)whole);
}

/* Of names asked for, and of handshakes that went well. */
static void
add_shares(cJSON *object, const uint64_t n[STATUS_FIRST_GAUGE])
{
	cJSON *shares = cJSON_AddObjectToObject(object, "shares");
	uint64_t names = n[STATUS_CRED_CACHED] + n[STATUS_CRED_LOADED] + n[STATUS_CRED_FAILED] +
	                 n[STATUS_SNI_UNKNOWN] + n[STATUS_SNI_INVALID] + n[STATUS_SNI_ABSENT];

	add_share(shares, "sni_cache", n[STATUS_CRED_CACHED], names);
	add_share(shares, "sni_store", n[STATUS_CRED_LOADED], names);
	add_share(shares, "sni_unreadable", n[STATUS_CRED_FAILED], names);
	add_share(shares, "sni_unknown", n[STATUS_SNI_UNKNOWN], names);
	add_share(shares, "sni_invalid", n[STATUS_SNI_INVALID], names);
	add_share(shares, "sni_absent", n[STATUS_SNI_ABSENT], names);
	add_share(shares, "resumed", n[STATUS_RESUMED], n[STATUS_HANDSHAKES]);
}

void
add_last_minute(cJSON *object, struct control *c)
{
	const struct front_recent *r = c->recent;
	const struct front_sample *before;
	struct front_sample now;
	uint64_t n[STATUS_FIRST_GAUGE];
	cJSON *minute;

	if (!r || !r->taken)
		return;
	before = &r->of[r->taken < SAMPLES ? 0 : r->taken % SAMPLES];
	take_sample(c->status, &now);
	if (now.mono_ms <= before->mono_ms)
		return;
	minute = cJSON_AddObjectToObject(object, "last_minute");
	cJSON_AddNumberToObject(minute, "seconds", (double)(now.mono_ms - before->mono_ms) / 1e3);
	for (int i = 0; i < STATUS_FIRST_GAUGE; i++) {
		n[i] = delta(now.values[i], before->values[i]);
		cJSON_AddNumberToObject(minute, status_word(i), (double)n[i]);
	}
	histogram_since(&now.handshakes, &before->handshakes);
	add_durations(minute, "handshake", &now.handshakes);
	add_shares(minute, n);
}
