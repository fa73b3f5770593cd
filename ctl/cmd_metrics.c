/* SPDX-License-Identifier: Apache-2.0 */
/* The verb metrics: what Prometheus gets, without its listener. */
#include <string.h>

#include "base/json.h"
#include "ctl/ctl.h"

static void
on_metrics(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *metrics = json_object(line, "metrics");

	(void)arg;
	if (metrics && ctl->print.format == PRINT_TABLE)
		print_lines(json_text(metrics, "text"));
	else if (metrics)
		print_single(&ctl->print, metrics);
}

enum msg_exit
cmd_metrics(struct ctl *ctl)
{
	return ctl_ask(ctl, ctl_request("metrics"), on_metrics, NULL, NULL);
}
