/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keeper.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/control/control.h"
#include "daemon/order/issuer.h"
#include "daemon/role.h"
#include "daemon/tell/metrics.h"
#include "daemon/tell/teller.h"
#include "daemon/watch/auditor.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/demander.h"
#include "daemon/watch/diagnoser.h"
#include "daemon/watch/health.h"
#include "daemon/watch/renewer.h"
#include "daemon/watch/stapler.h"
#include "daemon/watch/upkeep.h"
#include "daemon/watch/warner.h"

static void
say_ready(int channel)
{
	const char message = ROLE_READY;

	if (send(channel, &message, 1, MSG_NOSIGNAL) != 1)
		log_warn("the parent does not hear that the keeper is ready");
}

/* Those who keep up what is there, and order. */
static enum err
start_orders(const struct keeper_config *config, struct notice_queue *notices,
             struct control_peers *peers)
{
	struct upkeep_config upkeep = {.directory = config->conf->state_directory,
	                               .store = config->store,
	                               .status = config->status,
	                               .careful = config->careful,
	                               .notices = notices,
	                               .conf = config->conf,
	                               .clock = peers->clock};
	struct issuer_config issuer = {.conf = config->conf,
	                               .store = config->store,
	                               .notices = notices,
	                               .clock = peers->clock};
	struct renewer_config renewer = {.conf = config->conf,
	                                 .store = config->store,
	                                 .notices = notices,
	                                 .clock = peers->clock};
	enum err err = upkeep_start(&upkeep, &peers->upkeep);

	issuer.upkeep = peers->upkeep;
	if (!err)
		err = issuer_start(&issuer, &peers->issuer);
	renewer.issuer = peers->issuer;
	if (!err)
		err = renewer_start(&renewer, &peers->renewer);
	return err;
}

/* Those who ask others. */
static enum err
start_askers(const struct keeper_config *config, struct notice_queue *notices,
             struct control_peers *peers)
{
	struct demander_config demander = {.conf = config->conf,
	                                   .store = config->store,
	                                   .status = config->status,
	                                   .notices = notices,
	                                   .upkeep = peers->upkeep,
	                                   .issuer = peers->issuer};
	struct diagnoser_config diagnoser = {.conf = config->conf,
	                                     .store = config->store,
	                                     .notices = notices,
	                                     .issuer = peers->issuer,
	                                     .clock = peers->clock};
	struct health_config health = {.conf = config->conf,
	                               .store = config->store,
	                               .servers = config->servers,
	                               .notices = notices};
	struct stapler_config stapler = {.conf = config->conf,
	                                 .store = config->store,
	                                 .notices = notices,
	                                 .clock = peers->clock};
	enum err err = demander_start(&demander, &peers->demander);

	if (!err)
		err = diagnoser_start(&diagnoser, &peers->diagnoser);
	if (!err)
		err = health_start(&health, &peers->health);
	if (!err)
		err = stapler_start(&stapler, &peers->stapler);
	return err;
}

/* Those who tell how the others are doing. */
static enum err
start_tellers(const struct keeper_config *config, struct notice_queue *notices,
              struct control_peers *peers)
{
	struct teller_config teller = {
		.conf = config->conf, .store = config->store, .notices = notices};
	struct warner_config warner = {.conf = config->conf,
	                               .store = config->store,
	                               .notices = notices,
	                               .clock = peers->clock};
	struct auditor_config auditor = {.conf = config->conf,
	                                 .store = config->store,
	                                 .notices = notices,
	                                 .clock = peers->clock,
	                                 .upkeep = peers->upkeep,
	                                 .issuer = peers->issuer};
	struct metrics_config metrics = {.conf = config->conf,
	                                 .store = config->store,
	                                 .status = config->status,
	                                 .servers = config->servers,
	                                 .issuer = peers->issuer,
	                                 .upkeep = peers->upkeep,
	                                 .clock = peers->clock};
	enum err err = teller_start(&teller, &peers->teller);

	metrics.teller = peers->teller;
	if (!err)
		err = warner_start(&warner, &peers->warner);
	if (!err)
		err = auditor_start(&auditor, &peers->auditor);
	metrics.auditor = peers->auditor;
	if (!err)
		err = metrics_start(&metrics, &peers->metrics);
	return err;
}

static void
tell_news(const struct keeper_config *config, struct notice_queue *notices)
{
	const struct news *news = config->news;

	if (news && news->type[0])
		history_add(config->store, notices, news->type, "", "%s", news->detail);
}

enum err
keeper_run(const struct keeper_config *config)
{
	struct control_config control_config = {.conf = config->conf,
	                                        .store = config->store,
	                                        .status = config->status,
	                                        .listen_fd = config->control_fd,
	                                        .servers = config->servers,
	                                        .channel = config->channel};
	struct control *control = NULL;
	struct control_peers peers = {0};
	enum err err = control_new(&control_config, &control);

	if (!err)
		err = clockwatch_new(warner_stored_time(config->store), clock_wall(),
		                     clock_mono_ms(), &peers.clock);
	if (!err)
		err = start_orders(config, control_notices(control), &peers);
	if (!err)
		err = start_askers(config, control_notices(control), &peers);
	if (!err)
		err = start_tellers(config, control_notices(control), &peers);
	if (!err) {
		tell_news(config, control_notices(control));
		say_ready(config->channel);
		control_run(control, &peers);
		err = upkeep_is_lost(peers.upkeep) ? ERR_IO : ERR_OK;
	}
	metrics_stop(peers.metrics);
	auditor_stop(peers.auditor);
	warner_stop(peers.warner);
	teller_stop(peers.teller);
	stapler_stop(peers.stapler);
	health_stop(peers.health);
	demander_stop(peers.demander);
	diagnoser_stop(peers.diagnoser);
	renewer_stop(peers.renewer);
	issuer_stop(peers.issuer);
	upkeep_stop(peers.upkeep);
	control_free(control);
	clockwatch_free(peers.clock);
	return err;
}
