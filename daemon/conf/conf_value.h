/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_value.h - one word of the configuration as a number, a time, an address, ...
 *
 * Each answers false with the error at the word's place when the word is not such a value, and
 * writes its output on success only.
 */
#ifndef DAEMON_CONF_CONF_VALUE_H
#define DAEMON_CONF_CONF_VALUE_H

#include <stdint.h>

#include "base/nearest.h"
#include "daemon/conf/conf_lex.h"

struct conf_address;
struct conf_server;

struct conf_range {
	uint32_t min;
	uint32_t max;
};

bool conf_number(struct conf_context *cx, const struct conf_token *word,
                 const struct conf_range *range, uint32_t *ret_number);
/* RANGE in milliseconds, as the result. */
bool conf_span(struct conf_context *cx, const struct conf_token *word,
               const struct conf_range *range, uint32_t *ret_ms);
/* Numeric only: 127.0.0.1:443 or [::1]:443. */
bool conf_socket_address(struct conf_context *cx, const struct conf_token *word,
                         struct conf_address *ret_address);
/* The same, or a name to be looked up: app.internal:8080. */
bool conf_server(struct conf_context *cx, const struct conf_token *word,
                 struct conf_server *ret_server);
/* A full path of at most MAX bytes. */
bool conf_path(struct conf_context *cx, const struct conf_token *word, size_t max,
               const char **ret_path);
bool conf_https_url(struct conf_context *cx, const struct conf_token *word, const char **ret_url);
bool conf_mail(struct conf_context *cx, const struct conf_token *word, const char **ret_mail);
/* The name of a ca or backend block: [a-z0-9][a-z0-9-]{0,30}. */
bool conf_block_name(struct conf_context *cx, const struct conf_token *word, const char *what,
                     char *ret_name);

/* Refuses WORD as an unknown WHAT, with the nearest of WORDS or, when none is near, all of them. */
bool conf_fail_unknown(struct conf_context *cx, const struct conf_token *word, const char *what,
                       nearest_next *next, const void *words);

#endif
