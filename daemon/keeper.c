/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keeper.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/issuer.h"
#include "daemon/role.h"

static void
say_ready(int channel)
{
	const char message = ROLE_READY;

	if (send(channel, &message, 1, MSG_NOSIGNAL) != 1)
		log_warn("the parent does not hear that the keeper is ready");
}

enum err
keeper_run(const struct keeper_config *config)
{
	struct control_config control_config = {.conf = config->conf,
	                                        .store = config->store,
	                                        .status = config->status,
	                                        .channel = config->channel};
	struct control *control = NULL;
	struct issuer *issuer = NULL;
	enum err err = control_new(&control_config, &control);

	if (!err) {
		struct issuer_config issuer_config = {.conf = config->conf,
		                                      .store = config->store,
		                                      .notices = control_notices(control)};

		err = issuer_start(&issuer_config, &issuer);
	}
	if (!err) {
		say_ready(config->channel);
		control_run(control, issuer);
	}
	issuer_stop(issuer);
	control_free(control);
	return err;
}
