/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/eab.h - the key that binds a new account to one that exists with the CA (RFC
 * 8555 7.3.4), from where the configuration says. Read when it is needed, kept nowhere. Threads:
 * any. */
#ifndef DAEMON_ORDER_EAB_H
#define DAEMON_ORDER_EAB_H

#include "base/err.h"

struct conf_eab;
struct problem;
struct secret;

/* ERR_NOTFOUND: none is configured. Else the reason is in RET_WHY. */
MUST_CHECK enum err eab_read(const struct conf_eab *eab, struct secret *ret_key,
                             struct problem *ret_why);

#endif
