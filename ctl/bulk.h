/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/bulk.h - many items to certd, up to a thousand a request, on some connections in turn
 *
 * While certd works on some requests the next is filled and sent; replies are read in the order of
 * requests, so results come in the order of items. Memory is that of BULK_LANES requests, however
 * many items there are. Requests may hold keys: they are wiped.
 */
#ifndef CTL_BULK_H
#define CTL_BULK_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/progress.h"

enum { BULK_LANES = 4, BULK_BYTES = 512 * 1024, BULK_ITEMS_MAX = 1000 };

struct bulk_lane {
	struct client client;
	struct buf line;               /* the request */
	struct names labels;           /* of its items: where each came from */
	bool asked;                    /* the request is out */
	bool answered[BULK_ITEMS_MAX]; /* which of them are, when certd goes away amid its reply */
};

struct bulk {
	struct ctl *ctl;
	const char *list; /* the member with the items */
	struct buf head;  /* the request up to the first item */
	struct bulk_lane lanes[BULK_LANES];
	size_t lane_count; /* that are used */
	size_t turn;
	unsigned seen; /* exit codes, as bits */
	bool broken;   /* certd is gone, or refuses whole requests */
	bool waits;    /* at the end for the names that are served from then on: */
	struct names accepted;
	struct progress progress;
	double bytes; /* of the items so far */
	size_t items;
};

/* REQUEST (taken over) is sent with each batch, its items as LIST; BYTES of them there are, 0:
 * nobody knows. */
void bulk_init(struct bulk *bulk, struct ctl *ctl, cJSON *request, const char *list, double bytes);
/* ITEM: the text of a JSON value. LABEL: what complaints call it. False: it makes no sense to go
 * on. */
bool bulk_add(struct bulk *bulk, const void *item, size_t len, const char *label);
/* Sends what is collected and reads all replies: nothing more comes for now. */
void bulk_flush(struct bulk *bulk);
/* Something of the caller's own went wrong. */
void bulk_seen(struct bulk *bulk, enum msg_exit code);
/* The end: flushes, waits, releases, and answers the exit code. */
enum msg_exit bulk_end(struct bulk *bulk);
/* Appends TEXT as a JSON string; what is not printable ASCII, and so no part of PEM, as "?". */
void bulk_text(struct buf *out, const void *text, size_t len);

#endif
