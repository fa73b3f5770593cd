/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/ownership.h - what the owner of a name is to show before its first order
 * (`ownership`)
 *
 * The token is a MAC of the name, and of one of its labels' values, under a secret that the store
 * makes for itself: always the same, another one for another tenant, and nothing to keep for each
 * name. That it was shown is kept with the name's diagnosis until it has its first certificate.
 * A wildcard has the token of the name below it. Threads: any of the keeper's, without a
 * transaction.
 */
#ifndef DAEMON_DNS_OWNERSHIP_H
#define DAEMON_DNS_OWNERSHIP_H

#include <stdbool.h>

#include "base/err.h"
#include "store/diagnosis.h"

struct conf;
struct domain;
struct store;

enum { OWNERSHIP_TOKEN_MAX = 40 };

/* Whether something is to be shown for D: it has no certificate, and one is to be ordered. */
bool ownership_is_asked(const struct conf *conf, const struct domain *d);
/* Makes the store's secret if there is none. */
MUST_CHECK enum err ownership_token(struct store *store, const struct conf *conf,
                                    const struct domain *d, char token[OWNERSHIP_TOKEN_MAX + 1]);
/* Whether TOKEN was shown for NAME. */
bool ownership_is_shown(struct store *store, const struct hostname *name, const char *token);
/* The ways to show TOKEN, a line each, ended by '\n'; none: NAME cannot be proven in any. Returns
 * LINES. */
const char *ownership_lines(const struct conf *conf, const struct hostname *name, const char *token,
                            char lines[DIAGNOSIS_RECORD_MAX + 1]);

#endif
