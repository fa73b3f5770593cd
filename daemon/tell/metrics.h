/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/tell/metrics.h - GET /metrics for Prometheus (text format 0.0.4)
 *
 * A thread of the keeper's with a listener of its own, so that neither scrapes nor whoever abuses
 * the port delay anybody: METRICS_CLIENTS connections at once (the oldest gives way), 5 s for each,
 * one request a connection, its head HTTP01_HEAD_MAX bytes at most, of which the first line counts,
 * and the text is made anew every METRICS_FRESH_MS at most. Numbers come from the status page, from
 * counters and from ranges of the expiry index: the work does not grow with the number of names,
 * and METRICS_SERIES_MAX series are all there ever are, as CAs and backends beyond
 * METRICS_LABELS_MAX are one, "_other".
 */
#ifndef DAEMON_TELL_METRICS_H
#define DAEMON_TELL_METRICS_H

#include "base/err.h"

struct auditor;
struct buf;
struct clockwatch;
struct conf;
struct issuer;
struct metrics;
struct servers;
struct status;
struct store;
struct teller;
struct upkeep;

enum {
	METRICS_CLIENTS = 16,
	METRICS_FRESH_MS = 200,
	METRICS_LABELS_MAX = 32,
	METRICS_SERIES_MAX = 600
};

/* Borrowed until metrics_stop(), but for the conf, of which a reference is taken. */
struct metrics_config {
	const struct conf *conf;
	struct store *store;
	struct status *status;
	struct servers *servers;
	struct issuer *issuer;
	struct upkeep *upkeep;
	struct teller *teller;
	struct clockwatch *clock;
	struct auditor *auditor;
};

/* An address that cannot be had is told in the log and tried again each second. */
MUST_CHECK enum err metrics_start(const struct metrics_config *config,
                                  struct metrics **ret_metrics);
void metrics_stop(struct metrics *metrics); /* accepts NULL; waits for the thread */
/* From any thread: CONF, of which a reference is taken, is the configuration from now on. */
void metrics_set_conf(struct metrics *metrics, const struct conf *conf);

/* The page for somebody else's thread, with its CONF, appended to OUT. */
void metrics_show(const struct metrics *metrics, const struct conf *conf, struct buf *out);

/* The page's text, appended to OUT. */
void metrics_write(const struct metrics_config *config, struct buf *out);

#endif
