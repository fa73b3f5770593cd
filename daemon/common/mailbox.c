/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/mailbox.h"

#include <time.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"

enum { PAUSE_MS = 1000, TELL_MS = 60 * 1000 };

void
mailbox_init(struct mailbox *box, const char *who)
{
	pthread_condattr_t attr;

	*box = (struct mailbox){.who = who};
	pthread_mutex_init(&box->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* no step of the other one delays it */
	pthread_cond_init(&box->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void
mailbox_done(struct mailbox *box)
{
	pthread_cond_destroy(&box->cond);
	pthread_mutex_destroy(&box->mutex);
	conf_unref(box->conf);
}

/* ---- for others ----------------------------------------------------------------------------- */

static void
ring(struct mailbox *box)
{
	pthread_cond_signal(&box->cond);
	if (box->transport)
		transport_wake(box->transport);
	if (box->loop)
		loop_wake(box->loop);
}

void
mailbox_set_conf(struct mailbox *box, const struct conf *conf)
{
	const struct conf *old;

	pthread_mutex_lock(&box->mutex);
	old = box->conf;
	box->conf = conf_ref(conf);
	pthread_mutex_unlock(&box->mutex);
	conf_unref(old);
	ring(box);
}

void
mailbox_wake(struct mailbox *box)
{
	pthread_mutex_lock(&box->mutex);
	box->woken = true;
	pthread_mutex_unlock(&box->mutex);
	ring(box);
}

void
mailbox_stop(struct mailbox *box, pthread_t thread)
{
	pthread_mutex_lock(&box->mutex);
	box->stop = true;
	pthread_mutex_unlock(&box->mutex);
	ring(box);
	pthread_join(thread, NULL);
}

/* ---- for the thread ------------------------------------------------------------------------- */

static struct timespec
after_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool
take(struct mailbox *box, const struct conf **ret_conf)
{
	box->woken = false;
	if (ret_conf) {
		*ret_conf = box->conf;
		box->conf = NULL;
	}
	return !box->stop;
}

bool
mailbox_read(struct mailbox *box, const struct conf **ret_conf)
{
	bool goes_on;

	pthread_mutex_lock(&box->mutex);
	goes_on = take(box, ret_conf);
	pthread_mutex_unlock(&box->mutex);
	return goes_on;
}

bool
mailbox_wait(struct mailbox *box, int64_t ms, const struct conf **ret_conf)
{
	struct timespec until = after_ms(ms);
	bool goes_on;
	int rc = 0;

	pthread_mutex_lock(&box->mutex);
	while (ms > 0 && !box->stop && !box->woken && !(ret_conf && box->conf) && rc == 0)
		rc = pthread_cond_timedwait(&box->cond, &box->mutex, &until);
	goes_on = take(box, ret_conf);
	pthread_mutex_unlock(&box->mutex);
	return goes_on;
}

bool
mailbox_stops(struct mailbox *box)
{
	bool stop;

	pthread_mutex_lock(&box->mutex);
	stop = box->stop;
	pthread_mutex_unlock(&box->mutex);
	return stop;
}

/* Not to be shortened by whoever wakes it. */
static void
pause_for(struct mailbox *box, int64_t ms)
{
	struct timespec until = after_ms(ms);
	int rc = 0;

	pthread_mutex_lock(&box->mutex);
	while (!box->stop && rc == 0)
		rc = pthread_cond_timedwait(&box->cond, &box->mutex, &until);
	pthread_mutex_unlock(&box->mutex);
}

void
mailbox_run(struct mailbox *box, int ms)
{
	enum err err = transport_run(box->transport, ms);
	int64_t now = clock_mono_ms();

	if (!err && box->told_at) {
		log_notice("%s: the network client works again", box->who);
		box->told_at = 0;
	}
	if (!err)
		return;
	if (!box->told_at || now >= box->told_at + TELL_MS) {
		log_err("%s: the network client does not work (%s); tried again each second",
		        box->who, err_text(err));
		box->told_at = now;
	}
	pause_for(box, PAUSE_MS);
}
