/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/clockwatch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { DAY_S = 86400 };

struct clockwatch {
	pthread_mutex_t mutex;
	bool suspect, changed;
	bool heals;   /* suspect because it has moved: back where it was all is well */
	bool moved;   /* since a CA has spoken against it; from the start on */
	int64_t base; /* wall less mono, seconds, at the last look */
	char why[CLOCK_WHY_MAX];
	int64_t wall, mono_ms; /* when both were believed last: what they count from */
	int64_t doubt_ms;      /* mono: the last word against the clock */
	int64_t order_ms;      /* mono: the last order that began while it was suspect; 0: none */
	int64_t skew;
};

/* ---- in doubt or not; the mutex is held ----------------------------------------------------- */

static void
doubt(struct clockwatch *w, int64_t mono_ms, bool heals, const char *why)
{
	w->doubt_ms = mono_ms;
	if (w->suspect)
		return;
	w->heals = heals;
	w->moved = true;
	w->suspect = w->changed = true;
	w->order_ms = 0;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

static void
trust(struct clockwatch *w, int64_t now, int64_t mono_ms, const char *why)
{
	w->wall = now;
	w->mono_ms = mono_ms;
	if (!w->suspect)
		return;
	w->suspect = false;
	w->changed = true;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

static void
say_away(char why[CLOCK_WHY_MAX], const char *what, int64_t now, int64_t other)
{
	char at[CLOCK_TEXT_MAX], then[CLOCK_TEXT_MAX];

	snprintf(why, CLOCK_WHY_MAX, "the clock says %s, which is %s, %s", clock_format(now, at),
	         what, clock_format(other, then));
}

static void
look_at_start(struct clockwatch *w, int64_t stored_at, int64_t now, int64_t mono_ms)
{
	char why[CLOCK_WHY_MAX];

	if (now < CERTD_BUILT_AT - DAY_S)
		say_away(why, "before this certd was built", now, CERTD_BUILT_AT);
	else if (stored_at && now < stored_at - CLOCK_STEP_S)
		say_away(why, "before the time certd has seen last", now, stored_at);
	else if (stored_at && now > stored_at + CLOCK_AWAY_S)
		say_away(why, "long after the time certd has seen last", now, stored_at);
	else
		return;
	doubt(w, mono_ms, stored_at > 0, why);
	if (stored_at) /* so that a jump to where it should be is one back */
		w->wall = stored_at;
}

static void
look_at_step(struct clockwatch *w, int64_t now, int64_t mono_ms)
{
	int64_t off = (now - w->wall) - (mono_ms - w->mono_ms) / 1000;
	bool moved = off > CLOCK_STEP_S || off < -CLOCK_STEP_S;
	int64_t base = now - mono_ms / 1000, step = base - w->base;
	char why[CLOCK_WHY_MAX];

	w->moved = w->moved || step > CLOCK_STEP_S || step < -CLOCK_STEP_S;
	w->base = base;
	if (!w->suspect && !moved) {
		w->wall = now; /* a slow drift adds up to nothing */
		w->mono_ms = mono_ms;
	} else if (!w->suspect) {
		snprintf(why, sizeof(why), "the clock has jumped by %+lld s", (long long)off);
		doubt(w, mono_ms, true, why);
	} else if (now < CERTD_BUILT_AT - DAY_S) {
		return; /* whatever it does, it is wrong */
	} else if (!moved && w->heals) {
		trust(w, now, mono_ms, "the clock is back where it was");
	} else if (mono_ms - w->doubt_ms > CLOCK_DOUBT_S * INT64_C(1000)) {
		trust(w, now, mono_ms, "nothing has spoken against the clock for a day");
	}
}

/* ---- from outside --------------------------------------------------------------------------- */

enum err
clockwatch_new(int64_t stored_at, int64_t now, int64_t mono_ms, struct clockwatch **ret_watch)
{
	struct clockwatch *w = calloc(1, sizeof(*w));

	if (!w)
		return ERR_NOMEM;
	pthread_mutex_init(&w->mutex, NULL);
	w->wall = now;
	w->mono_ms = mono_ms;
	w->base = now - mono_ms / 1000;
	look_at_start(w, stored_at, now, mono_ms);
	*ret_watch = w;
	return ERR_OK;
}

void
clockwatch_free(struct clockwatch *watch)
{
	if (!watch)
		return;
	pthread_mutex_destroy(&watch->mutex);
	free(watch);
}

bool
clockwatch_tick(struct clockwatch *watch, int64_t now, int64_t mono_ms, bool *ret_suspect,
                char why[CLOCK_WHY_MAX])
{
	bool changed;

	pthread_mutex_lock(&watch->mutex);
	look_at_step(watch, now, mono_ms);
	changed = watch->changed;
	watch->changed = false;
	*ret_suspect = watch->suspect;
	snprintf(why, CLOCK_WHY_MAX, "%s", watch->why);
	pthread_mutex_unlock(&watch->mutex);
	return changed;
}

void
clockwatch_ca_says(struct clockwatch *watch, const char *ca, int64_t date, int64_t now,
                   int64_t mono_ms)
{
	int64_t off = now - date;
	char why[CLOCK_WHY_MAX];

	if (date <= 0)
		return;
	pthread_mutex_lock(&watch->mutex);
	watch->skew = off;
	if (off <= CLOCK_STEP_S && off >= -CLOCK_STEP_S) {
		snprintf(why, sizeof(why), "ca %s has the same time", ca);
		trust(watch, now, mono_ms, why);
	} else if (off > CLOCK_WRONG_S || off < -CLOCK_WRONG_S) {
		snprintf(why, sizeof(why), "ca %s has a time that differs by %+lld s", ca,
		         (long long)-off);
		doubt(watch, mono_ms, false, why);
		watch->moved = false;
	}
	pthread_mutex_unlock(&watch->mutex);
}

bool
clockwatch_is_suspect(struct clockwatch *watch)
{
	bool suspect;

	pthread_mutex_lock(&watch->mutex);
	suspect = watch->suspect;
	pthread_mutex_unlock(&watch->mutex);
	return suspect;
}

bool
clockwatch_wants_date(struct clockwatch *watch)
{
	bool wants;

	pthread_mutex_lock(&watch->mutex);
	wants = watch->suspect && watch->moved;
	pthread_mutex_unlock(&watch->mutex);
	return wants;
}

bool
clockwatch_doubts(struct clockwatch *watch, int64_t now, int64_t mono_ms)
{
	bool suspect;

	pthread_mutex_lock(&watch->mutex);
	look_at_step(watch, now, mono_ms); /* the next tick tells what it has changed */
	suspect = watch->suspect;
	pthread_mutex_unlock(&watch->mutex);
	return suspect;
}

size_t
clockwatch_room(struct clockwatch *watch, size_t room, int64_t now, int64_t mono_ms)
{
	pthread_mutex_lock(&watch->mutex);
	look_at_step(watch, now, mono_ms);
	if (watch->suspect && room > 0)
		room = watch->order_ms == 0 || mono_ms - watch->order_ms >= CLOCK_ORDER_MS;
	pthread_mutex_unlock(&watch->mutex);
	return room;
}

void
clockwatch_began(struct clockwatch *watch, int64_t mono_ms)
{
	pthread_mutex_lock(&watch->mutex);
	watch->order_ms = mono_ms;
	pthread_mutex_unlock(&watch->mutex);
}

int64_t
clockwatch_skew(struct clockwatch *watch)
{
	int64_t skew;

	pthread_mutex_lock(&watch->mutex);
	skew = watch->skew;
	pthread_mutex_unlock(&watch->mutex);
	return skew;
}
