/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_tell.h - whom certd tells how it is doing: `metrics`, `expiry-events` and `on
 * event`; see daemon/conf/conf.h */
#ifndef DAEMON_CONF_CONF_TELL_H
#define DAEMON_CONF_CONF_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/conf/conf_address.h"

enum { CONF_TARGETS_MAX = 32, CONF_TYPES_MAX = 32, CONF_EXPIRY_MAX = 16, CONF_EXEC_MAX = 16 };

/* How much of a certificate is left: NUM/DEN of its life, or so many seconds when NUM is 0. */
struct conf_expiry {
	uint32_t num, den;
	uint32_t seconds;
	char text[16]; /* as it is written: "1/6", "14d" */
};

/* One that gets events: a program or a URL. */
struct conf_target {
	const char *const *types; /* patterns: "cert.expiring", "cert.*" or "*" */
	size_t type_count;
	const char *const *argv;   /* exec: its path, its arguments, NULL; else NULL */
	const char *url;           /* webhook: https, or http to this machine; else NULL */
	const char *secret;        /* webhook: the file that the key of its HMAC is in */
	bool secret_is_credential; /* SECRET is a name below $CREDENTIALS_DIRECTORY */
	const char *ca_file;       /* webhook: NULL: the system's roots */
};

struct conf_tell {
	struct conf_address metrics; /* len 0: none */
	struct conf_expiry expiry[CONF_EXPIRY_MAX];
	size_t expiry_count;
	const struct conf_target *targets;
	size_t target_count;
};

#endif
