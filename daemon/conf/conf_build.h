/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_build.h - a struct conf while its blocks are being read
 */
#ifndef DAEMON_CONF_CONF_BUILD_H
#define DAEMON_CONF_CONF_BUILD_H

#include "daemon/conf/conf.h"
#include "daemon/conf/conf_schema.h"

enum { CONF_PATH_MAX = 1023, CONF_CAS_MAX = 64, CONF_BACKENDS_MAX = 4096, CONF_BINDS_MAX = 4096 };

/* What a ca block says of DNS, looked up when all blocks are known; NULL: nothing. */
struct conf_ca_dns {
	const struct conf_token *name;
	const struct conf_token *needed; /* the last challenge that cannot do without */
};

/* The arrays have room for all statements of their kind, up to CONF_..._MAX; the counts are
 * those of CONF. */
struct conf_build {
	struct conf *conf;
	const struct conf_statement *first;
	struct conf_listen *listens;
	struct conf_ca *cas;
	struct conf_ca_dns *ca_dns; /* of each */
	struct conf_dns *dns;
	struct conf_backend *backends;
	size_t server_count; /* of all backends */
	struct conf_bind *binds;
	struct conf_target *targets; /* NULL until the first `on event` */
	const char *const *on_types; /* of the `on event` that is being read */
	size_t on_type_count;
	const struct conf_statement *default_ca; /* looked up when all blocks are known */
	const struct conf_token *default_backend;
	const struct conf_statement *on_demand, *on_demand_ca; /* the same; NULL: not said */
	const struct conf_token *on_demand_backend;
	struct hostname *allow;
	const struct conf_token *wants_certificate; /* the first "unknown-sni default" */
	const struct conf_token *ends_tls; /* of the backend: one that needs the TLS to end here */
	const struct conf_token *tls_word; /* of the listener: one that "http" has no use for */
};

/* For a block whose name or address is that of the N-th of its kind, and for too many of a kind. */
bool conf_fail_again(const struct conf_walk *w, const struct conf_statement *s, size_t n);
bool conf_fail_many(const struct conf_walk *w, const struct conf_statement *s, int max);

conf_take conf_take_front_user; /* conf_user.c */
conf_take conf_take_listen, conf_take_ca, conf_take_dns, conf_take_backend, conf_take_default;
/* Of a backend, into it. */
conf_take conf_take_check, conf_take_tls, conf_take_tls_name, conf_take_tls_ca,
	conf_take_tls_verify, conf_take_client_certificate;
/* What the `default` block refers to. */
bool conf_resolve_default(const struct conf_walk *w);
/* The blocks that S, or WORD, names. */
bool conf_find_cas(const struct conf_walk *w, const struct conf_statement *s,
                   const struct conf_ca *cas[DOMAIN_CAS_MAX], size_t *ret_count);
bool conf_find_backend(const struct conf_walk *w, const struct conf_token *word,
                       const struct conf_backend **ret_backend);

/* conf_tell.c */
conf_take conf_take_metrics, conf_take_expiry, conf_take_on;
void conf_tell_defaults(struct conf_tell *tell);
/* conf_limits.c, of a ca block, into it */
conf_take conf_take_budget, conf_take_limits;
/* "300/3h" */
bool conf_rate(const struct conf_walk *w, const struct conf_token *word,
               struct limits_rate *ret_rate);
/* When it says nothing of them: those of its profile, or of the CA behind its directory. */
void conf_limits_defaults(struct conf_ca *ca);
/* conf_dns.c, of a ca block: */
conf_take conf_take_ca_dns;
void conf_note_challenges(const struct conf_walk *w, const struct conf_ca *ca,
                          const struct conf_statement *s);
bool conf_resolve_dns(const struct conf_walk *w);

/* conf_diagnose.c: the block, and a word of a ca block */
conf_take conf_take_diagnose, conf_take_ca_diagnose;
conf_take conf_take_ownership, conf_take_keep_removed, conf_take_audit;
void conf_diagnose_defaults(struct conf_diagnose *diagnose);

/* conf_on_demand.c: the block; then, behind the `default` block, what it refers to */
conf_take conf_take_on_demand;
void conf_on_demand_defaults(struct conf_on_demand *on_demand);
bool conf_resolve_on_demand(const struct conf_walk *w);
/* conf_control.c */
conf_take conf_take_control;
void conf_control_defaults(struct conf_control *control);

/* conf_dns_update.c: of a dns block, into it; and of the top */
conf_take conf_take_dns_server, conf_take_dns_zone, conf_take_dns_key, conf_take_dns_ttl,
	conf_take_dns_check_at, conf_take_resolver;
/* That DNS has a hook or all that updates need. */
bool conf_dns_is_whole(const struct conf_walk *w, const struct conf_statement *s,
                       const struct conf_dns *dns);

/* conf_name.c */
conf_take conf_take_bind, conf_take_certificate, conf_take_listen_unknown_sni;
bool conf_unknown_sni(const struct conf_walk *w, const struct conf_statement *s,
                      enum conf_unknown_sni *ret);
/* That `unknown-sni default` has a default. */
bool conf_resolve_names(const struct conf_walk *w);

/* conf_tls.c */
conf_take conf_take_protocols, conf_take_tls_list, conf_take_listen_alpn;
/* Wire format: each name behind a byte with its length (RFC 7301, 3.1). */
bool conf_alpn(const struct conf_walk *w, const struct conf_statement *s,
               unsigned char alpn[CONF_ALPN_MAX], size_t *alpn_len);
/* conf_listen.c: S is for listeners with `tls`. */
void conf_tls_word(const struct conf_walk *w, const struct conf_statement *s);

#endif
