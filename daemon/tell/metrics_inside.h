/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/tell/metrics_inside.h - the parts of the page (metrics*.c); nobody else includes it */
#ifndef DAEMON_TELL_METRICS_INSIDE_H
#define DAEMON_TELL_METRICS_INSIDE_H

#include <stdint.h>

#include "base/buf.h"
#include "daemon/tell/metrics.h"

/* "# HELP" and "# TYPE" of NAME; TYPE is "counter", "gauge" or "histogram". */
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
/* One family of one series without labels. */
void metrics_one(struct buf *out, const char *name, const char *type, const char *help,
                 double value);
/* NAME{LABEL="VALUE"}, the value escaped; of a family that has begun. */
void metrics_labelled(struct buf *out, const char *name, const char *label, const char *value,
                      double number);

void metrics_write_front(const struct metrics_config *config, struct buf *out);
void metrics_write_names(const struct metrics_config *config, struct buf *out);
void metrics_write_audit(const struct metrics_config *config, struct buf *out);
void metrics_write_store(const struct metrics_config *config, struct buf *out);
void metrics_write_cas(const struct metrics_config *config, struct buf *out);
void metrics_write_events(const struct metrics_config *config, struct buf *out);
void metrics_write_process(struct buf *out);

#endif
