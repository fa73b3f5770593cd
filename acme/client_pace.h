/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_pace.h - when a client's requests may go (acme/pace.h); shared by client*.c */
#ifndef ACME_CLIENT_PACE_H
#define ACME_CLIENT_PACE_H

#include <stdbool.h>

#include "acme/pace.h"

struct call;
struct client;
struct transport_reply;

enum pace_endpoint client_endpoint(const struct call *call);
/* Whether ENDPOINT takes no request yet; pump_at knows when. */
bool client_is_paced(struct client *c, enum pace_endpoint endpoint);
enum client_slow {
	CLIENT_NOT_SLOW,
	CLIENT_SLOW,      /* the CA wants less of ENDPOINT for a while, which is held */
	CLIENT_SLOW_AGAIN /* the same, as it has said already */
};
enum client_slow client_slow_down(struct client *c, enum pace_endpoint endpoint,
                                  const struct transport_reply *reply);

#endif
