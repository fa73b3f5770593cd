/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/order_object.h - reads a CA's order object (RFC 8555 7.1.3)
 *
 * Ownership: order_object_read() fills a struct order_object that borrows from its own JSON;
 * order_object_done() releases.
 */
#ifndef ACME_ORDER_OBJECT_H
#define ACME_ORDER_OBJECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/problem.h"

struct hostname;
struct transport_reply;

enum order_status {
	ORDER_PENDING,    /* authorizations are missing */
	ORDER_READY,      /* waits for finalize */
	ORDER_PROCESSING, /* the CA is issuing */
	ORDER_VALID,      /* there is a certificate */
	ORDER_INVALID,
	ORDER_STATUSES
};

struct order_object {
	cJSON *json;
	enum order_status status;
	const char *finalize; /* NULL when absent, and so below */
	const char *certificate;
	const char *expires;
	const cJSON *authorizations;
	bool has_error;
	struct problem error;
};

/* ERR_PROTO with the reason in RET_WHY when REPLY is no order, or one in a state unknown to RFC
 * 8555. */
MUST_CHECK enum err order_object_read(const struct transport_reply *reply,
                                      struct order_object *ret_order, struct problem *ret_why);
/* An identifier of type dns, or of type ip (RFC 8738). */
MUST_CHECK enum err order_identifier_read(const cJSON *identifier, struct hostname *ret_name);
void order_object_done(struct order_object *order);
/* Whether its identifiers are exactly NAMES, in whatever order, of type dns and ip. */
bool order_object_is_for(const struct order_object *order, const struct hostname *names,
                         size_t count);

#endif
