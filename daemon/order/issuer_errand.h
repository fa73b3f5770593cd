/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/issuer_errand.h - what the issuer does with CAs because somebody asks
 * (daemon/order/errand.h). Issuer's thread only. */
#ifndef DAEMON_ORDER_ISSUER_ERRAND_H
#define DAEMON_ORDER_ISSUER_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct account;
struct authority;
struct errand;
struct issuer;

MUST_CHECK enum err issuer_open_errands(struct issuer *s);
/* Takes what was asked for, goes on with what is in work. */
void issuer_errands(struct issuer *s);
/* CA goes away: what it does for people ends with it. */
void issuer_end_errands(struct issuer *s, struct authority *ca);
/* Milliseconds until issuer_errands() has something to do by itself. */
int64_t issuer_errands_ms(const struct issuer *s);
/* Answers E, whose problem kind NONE means that it is done. */
void issuer_end_errand(struct issuer *s, struct errand *e);
/* With WORD in place of the problem's code. */
void issuer_fail_errand(struct issuer *s, struct errand *e, const char *word, const char *format,
                        ...) PRINTF_LIKE(4, 5);
bool issuer_shares_account(const struct authority *a, const struct authority *b);
/* No orders of CA's account begin any more, or they do again. */
void issuer_set_quiet(struct issuer *s, const struct authority *ca, bool quiet);

/* issuer_roll.c: the account's key is made, everybody rests: gives it to the account, or a new
 * account to it. */
void issuer_roll(struct issuer *s, struct authority *ca, struct errand *e);
MUST_CHECK enum err issuer_start_roll(struct authority *ca, struct errand *e,
                                      const struct account *account);
/* issuer_say.c: what is known of CA, into E's answer. */
void issuer_say(struct errand *e, const struct authority *ca);
/* issuer_revoke.c */
void issuer_revoke(struct issuer *s, struct errand *e);

#endif
