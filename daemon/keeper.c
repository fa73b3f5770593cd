/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keeper.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/conf.h"
#include "daemon/health.h"
#include "daemon/history.h"
#include "daemon/issuer.h"
#include "daemon/renewer.h"
#include "daemon/role.h"
#include "daemon/stapler.h"
#include "daemon/upkeep.h"

static void
say_ready(int channel)
{
	const char message = ROLE_READY;

	if (send(channel, &message, 1, MSG_NOSIGNAL) != 1)
		log_warn("the parent does not hear that the keeper is ready");
}

static enum err
start_peers(const struct keeper_config *config, struct notice_queue *notices,
            struct control_peers *peers)
{
	struct upkeep_config upkeep = {.directory = config->conf->state_directory,
	                               .store = config->store,
	                               .status = config->status,
	                               .careful = config->careful,
	                               .notices = notices,
	                               .conf = config->conf};
	struct issuer_config issuer = {
		.conf = config->conf, .store = config->store, .notices = notices};
	struct health_config health = {.conf = config->conf,
	                               .store = config->store,
	                               .servers = config->servers,
	                               .notices = notices};
	struct stapler_config stapler = {
		.conf = config->conf, .store = config->store, .notices = notices};
	struct renewer_config renewer = {
		.conf = config->conf, .store = config->store, .notices = notices};
	enum err err = upkeep_start(&upkeep, &peers->upkeep);

	issuer.upkeep = peers->upkeep;
	if (!err)
		err = issuer_start(&issuer, &peers->issuer);
	renewer.issuer = peers->issuer;
	if (!err)
		err = renewer_start(&renewer, &peers->renewer);
	if (!err)
		err = health_start(&health, &peers->health);
	if (!err)
		err = stapler_start(&stapler, &peers->stapler);
	return err;
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
		err = start_peers(config, control_notices(control), &peers);
	if (!err) {
		if (config->news && config->news->type[0])
			history_add(config->store, control_notices(control), config->news->type, "",
			            "%s", config->news->detail);
		say_ready(config->channel);
		control_run(control, &peers);
		err = upkeep_is_lost(peers.upkeep) ? ERR_IO : ERR_OK;
	}
	stapler_stop(peers.stapler);
	health_stop(peers.health);
	renewer_stop(peers.renewer);
	issuer_stop(peers.issuer);
	upkeep_stop(peers.upkeep);
	control_free(control);
	return err;
}
