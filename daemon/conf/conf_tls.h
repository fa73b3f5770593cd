/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/conf/conf_tls.h - the part of a struct conf that is about handshakes: daemon/conf/conf.h
 */
#ifndef DAEMON_CONF_CONF_TLS_H
#define DAEMON_CONF_CONF_TLS_H

#include <sys/socket.h>

#include "base/hostname.h"

/* Of a listener; 0 and NULL are certd's own choice (daemon/front/tls.c). The lists are OpenSSL's,
 * with
 * ":" between names that it knows. */
struct conf_tls {
	int min_version; /* TLS1_2_VERSION, TLS1_3_VERSION */
	int max_version;
	const char *ciphers;      /* of TLS 1.2 */
	const char *ciphersuites; /* of TLS 1.3 */
	const char *groups;
};

/* For a name that is not served; a listener's 0: what the `default` block says. */
enum conf_unknown_sni {
	UNKNOWN_SNI_REJECT = 1, /* an alert */
	UNKNOWN_SNI_DEFAULT,    /* as if no name were given */
	UNKNOWN_SNI_CLOSE,      /* not a word */
	UNKNOWN_SNI_END
};

/* Who gives no name at this local address means NAME. */
struct conf_bind {
	struct sockaddr_storage address; /* port 0 */
	struct hostname name;
};

#endif
