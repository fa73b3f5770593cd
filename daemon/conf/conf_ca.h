/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_ca.h - a `ca` block of the configuration; see daemon/conf/conf.h */
#ifndef DAEMON_CONF_CONF_CA_H
#define DAEMON_CONF_CONF_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/binding.h"
#include "acme/key.h"
#include "daemon/order/limits.h"
#include "store/challenge.h"
#include "store/domain.h"

struct conf_dns;

struct conf_ca {
	char name[NAME_WORD_MAX + 1];
	const char *directory; /* https URL */
	const char *ca_file;   /* NULL: the system's roots */
	const char *const *contacts;
	size_t contact_count;
	bool agree_terms;
	struct conf_eab {
		const char *kid;        /* NULL: no external account binding */
		const char *file;       /* full path of its key, or */
		const char *credential; /* its name in systemd's $CREDENTIALS_DIRECTORY */
		enum binding_mac mac;   /* default HS256 */
	} eab;
	enum key_kind account_key; /* of a new account, and at the next rollover; default P-256 */
	const char *profile;       /* NULL: none */
	bool profile_required;
	const char *chain_issuer;        /* NULL: any; and so below */
	const unsigned char *chain_spki; /* SHA-256, 32 bytes */
	enum challenge_kind
		challenges[CHALLENGE_KIND_END]; /* best first; default http-01 tls-alpn-01 */
	size_t challenge_count;
	uint32_t max_orders; /* in work at once; default 64 */
	struct limits_rules limits;
	bool limits_are_said;
	uint32_t budget;            /* new orders within budget_period; 0: no limit of ours */
	uint32_t budget_period;     /* seconds */
	const struct conf_dns *dns; /* NULL: none, and no challenge that needs one */
	bool diagnose_first;        /* no order for a name that a fault is known of */
};

#endif
