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
start_stapler(const struct keeper_config *config, struct control *control,
              struct stapler **ret_stapler)
{
	struct stapler_config stapler_config = {
		.conf = config->conf, .store = config->store, .notices = control_notices(control)};

	return stapler_start(&stapler_config, ret_stapler);
}

static enum err
start_upkeep(const struct keeper_config *config, struct control *control,
             struct upkeep **ret_upkeep)
{
	struct upkeep_config upkeep_config = {.directory = config->conf->state_directory,
	                                      .store = config->store,
	                                      .status = config->status,
	                                      .careful = config->careful,
	                                      .notices = control_notices(control),
	                                      .conf = config->conf};

	return upkeep_start(&upkeep_config, ret_upkeep);
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
	struct issuer_config issuer_config = {.conf = config->conf, .store = config->store};
	struct health_config health_config = {
		.conf = config->conf, .store = config->store, .servers = config->servers};
	struct control *control = NULL;
	struct control_peers peers = {0};
	enum err err = control_new(&control_config, &control);

	if (!err) {
		issuer_config.notices = health_config.notices = control_notices(control);
		err = start_upkeep(config, control, &peers.upkeep);
	}
	if (!err) {
		issuer_config.upkeep = peers.upkeep;
		err = issuer_start(&issuer_config, &peers.issuer);
	}
	if (!err)
		err = health_start(&health_config, &peers.health);
	if (!err)
		err = start_stapler(config, control, &peers.stapler);
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
	issuer_stop(peers.issuer);
	upkeep_stop(peers.upkeep);
	control_free(control);
	return err;
}
