/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/upkeep.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/front/cred.h"
#include "daemon/watch/upkeep_inside.h"

enum { TICK_MS = 1000, TRIM_EVERY_MS = 60 * 1000 };

static bool
is_known(const struct upkeep *u, const struct hostname *name)
{
	for (size_t i = 0; i < u->suspect_count; i++)
		if (hostname_equal(&u->suspects[i], name))
			return true;
	return false;
}

void
upkeep_suspect(struct upkeep *upkeep, const struct hostname *name)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	if (is_known(upkeep, name))
		; /* once is enough */
	else if (upkeep->suspect_count < SUSPECTS_MAX)
		upkeep->suspects[upkeep->suspect_count++] = *name;
	else {
		upkeep->state.reports_lost++;
		upkeep->check_wanted = true;
	}
	pthread_mutex_unlock(&upkeep->mail.mutex);
	upkeep_wake(upkeep);
}

bool
upkeep_takes_more(struct upkeep *upkeep)
{
	bool takes;

	pthread_mutex_lock(&upkeep->mail.mutex);
	takes = upkeep->suspect_count + UPKEEP_ROOM <= SUSPECTS_MAX;
	pthread_mutex_unlock(&upkeep->mail.mutex);
	return takes;
}

void
upkeep_suspect_lists(struct upkeep *upkeep)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	upkeep->lists_suspect = true;
	pthread_mutex_unlock(&upkeep->mail.mutex);
	upkeep_wake(upkeep);
}

bool
upkeep_wants_check(struct upkeep *upkeep)
{
	bool wanted;

	pthread_mutex_lock(&upkeep->mail.mutex);
	wanted = upkeep->check_wanted;
	upkeep->check_wanted = false;
	pthread_mutex_unlock(&upkeep->mail.mutex);
	return wanted;
}

void
upkeep_take_conf(struct upkeep *upkeep, const struct conf *conf)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	conf_unref(upkeep->conf);
	upkeep->conf = conf_ref(conf);
	pthread_mutex_unlock(&upkeep->mail.mutex);
}

void
upkeep_wake(struct upkeep *upkeep)
{
	mailbox_wake(&upkeep->mail);
}

bool
upkeep_has_room(struct upkeep *upkeep)
{
	return atomic_load(&upkeep->room) && upkeep_writes(upkeep);
}

bool
upkeep_writes(const struct upkeep *upkeep)
{
	return !upkeep->config.careful;
}

bool
upkeep_is_lost(struct upkeep *upkeep)
{
	return atomic_load(&upkeep->lost);
}

bool
upkeep_has_planned(struct upkeep *upkeep)
{
	return atomic_exchange(&upkeep->planned, false);
}

void
upkeep_commit_failed(struct upkeep *upkeep, enum err err)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	if (upkeep->state.trouble == ERR_OK) {
		upkeep->trouble_since = clock_wall();
		upkeep->untold = err;
	}
	upkeep->state.trouble = err;
	pthread_mutex_unlock(&upkeep->mail.mutex);
}

void
upkeep_commit_worked(struct upkeep *upkeep)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	upkeep->state.trouble = ERR_OK;
	pthread_mutex_unlock(&upkeep->mail.mutex);
}

void
upkeep_look(struct upkeep *upkeep, struct upkeep_state *ret_state)
{
	pthread_mutex_lock(&upkeep->mail.mutex);
	*ret_state = upkeep->state;
	pthread_mutex_unlock(&upkeep->mail.mutex);
	ret_state->room = upkeep_has_room(upkeep);
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* What the workers have reported joins what the threads of the keeper have. */
static void
read_rings(struct upkeep *u)
{
	struct hostname name;
	uint64_t lost = 0;

	for (size_t i = 0; i < STATUS_SLOTS; i++) {
		uint64_t before = u->readers[i].lost;

		while (report_next(&u->config.status->slot[i].reports, &u->readers[i], &name))
			upkeep_suspect(u, &name);
		lost += u->readers[i].lost - before;
	}
	pthread_mutex_lock(&u->mail.mutex);
	u->state.reports_lost += lost;
	u->check_wanted |= lost > 0;
	pthread_mutex_unlock(&u->mail.mutex);
}

static void
repair_all(struct upkeep *u)
{
	size_t count;

	pthread_mutex_lock(&u->mail.mutex);
	count = u->suspect_count;
	memcpy(u->suspect, u->suspects, count * sizeof(u->suspect[0]));
	u->suspect_count = 0;
	u->mend_wanted |= u->lists_suspect;
	u->lists_suspect = false;
	pthread_mutex_unlock(&u->mail.mutex);
	for (size_t i = 0; i < count; i++)
		upkeep_repair(u, &u->suspect[i]);
	upkeep_mend(u);
	upkeep_write_events(u);
}

/* glibc keeps whole pages between the blocks that are in use, in an arena for each thread, so what
 * the keeper holds would be what its busiest moments ever held. */
static void
give_memory_back(int64_t *trim_at)
{
	int64_t now = clock_mono_ms();

	if (now < *trim_at)
		return;
	*trim_at = now + TRIM_EVERY_MS;
	malloc_trim(0);
}

static void *
upkeep_main(void *arg)
{
	struct upkeep *u = arg;
	int64_t next = 0, tick_at = 0, trim_at = 0;

	upkeep_tell_careful(u);
	do {
		if (tick_at <= clock_mono_ms()) {
			tick_at = clock_mono_ms() + TICK_MS;
			read_rings(u);
			upkeep_watch_flood(u);
			upkeep_watch_room(u);
			upkeep_watch_store(u);
			upkeep_tell_trouble(u);
			upkeep_note_served(u, false);
			upkeep_tickets(u);
			give_memory_back(&trim_at);
			upkeep_forget_removed(u);
		}
		repair_all(u);
		next = upkeep_reseal(u);
		if (next > TICK_MS)
			next = TICK_MS;
	} while (mailbox_wait(&u->mail, next, NULL));
	upkeep_note_served(u, true);
	return NULL;
}

static void
upkeep_free(struct upkeep *u)
{
	cred_chains_free(u->chains);
	conf_unref(u->conf);
	upkeep_flood_free(u->flood);
	mailbox_done(&u->mail);
	free(u);
}

enum err
upkeep_start(const struct upkeep_config *config, struct upkeep **ret_upkeep)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	enum err err;

	if (!u)
		return ERR_NOMEM;
	u->config = *config;
	u->conf = conf_ref(config->conf);
	u->mend_refused = config->careful || atomic_load(&config->status->mending);
	atomic_store(&u->room, true);
	mailbox_init(&u->mail, "upkeep");
	err = upkeep_flood_new(config->status, &u->flood);
	if (!err)
		err = cred_chains_new(&u->chains);
	if (!err) {
		upkeep_watch_room(u); /* before the first order */
		if (pthread_create(&u->thread, NULL, upkeep_main, u) != 0)
			err = ERR_NOMEM;
	}
	if (err)
		upkeep_free(u);
	else
		*ret_upkeep = u;
	return err;
}

void
upkeep_stop(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	mailbox_stop(&upkeep->mail, upkeep->thread);
	upkeep_free(upkeep);
}
