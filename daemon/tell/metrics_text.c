/* SPDX-License-Identifier: Apache-2.0 */
/* The page as a whole, and how a line of it looks. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/common/event_types.h"
#include "daemon/tell/metrics_inside.h"
#include "daemon/tell/teller.h"
#include "daemon/watch/clockwatch.h"

void
metrics_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Whole numbers without a point, as all of ours are but seconds. */
static void
add_number(struct buf *out, double value)
{
	if (value == (double)(int64_t)value)
		buf_printf(out, " %lld\n", (long long)value);
	else
		buf_printf(out, " %.6f\n", value);
}

void
metrics_one(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	metrics_family(out, name, type, help);
	buf_add_str(out, name);
	add_number(out, value);
}

void
metrics_labelled(struct buf *out, const char *name, const char *label, const char *value,
                 double number)
{
	buf_printf(out, "%s{%s=\"", name, label);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, *p == '\n' ? " " : p, 1);
	}
	buf_add_str(out, "\"}");
	add_number(out, number);
}

static double
resident_bytes(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (!statm)
		return 0;
	if (fscanf(statm, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(statm);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

void
metrics_write_events(const struct metrics_config *config, struct buf *out)
{
	static const char deliveries[] = "certd_hook_deliveries_total";
	struct teller_state state;

	teller_look(config->teller, &state);
	metrics_family(out, "certd_events_total", "counter",
	               "Events written since the keeper started.");
	for (size_t i = 0; i < event_type_count; i++)
		metrics_labelled(out, "certd_events_total", "type", event_types[i].word,
		                 (double)state.written[i]);
	metrics_labelled(out, "certd_events_total", "type", "_other",
	                 (double)state.written[TELLER_TYPES_MAX]);
	metrics_family(out, deliveries, "counter", "Events handed to hooks and webhooks.");
	metrics_labelled(out, deliveries, "result", "ok", (double)state.taken);
	metrics_labelled(out, deliveries, "result", "failed", (double)state.failed);
	metrics_labelled(out, deliveries, "result", "dropped", (double)state.dropped);
	metrics_one(out, "certd_clock_suspect", "gauge",
	            "1 while the clock is not believed, so that hardly any order begins.",
	            clockwatch_is_suspect(config->clock));
	metrics_one(out, "certd_clock_skew_seconds", "gauge",
	            "Our clock less that of the CA that has answered last.",
	            (double)clockwatch_skew(config->clock));
	metrics_one(out, "certd_hook_lag_events", "gauge",
	            "How many events the slowest hook has yet to look at.", (double)state.behind);
}

/* Of the keeper, which does the work that is not serving. */
void
metrics_write_process(struct buf *out)
{
	struct rusage usage;
	double cpu;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
		      (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
		metrics_one(out, "process_cpu_seconds_total", "counter",
		            "Processor time of the keeper.", cpu);
	}
	metrics_one(out, "process_resident_memory_bytes", "gauge", "Memory of the keeper.",
	            resident_bytes());
}

void
metrics_write(const struct metrics_config *config, struct buf *out)
{
	metrics_family(out, "certd_build_info", "gauge", "Always 1; what runs.");
	buf_printf(out, "certd_build_info{version=\"%s\",openssl=\"%s\"} 1\n", CERTD_VERSION,
	           OpenSSL_version(OPENSSL_VERSION_STRING));
	metrics_write_names(config, out);
	metrics_write_audit(config, out);
	metrics_write_cas(config, out);
	metrics_write_front(config, out);
	metrics_write_store(config, out);
	metrics_write_events(config, out);
	metrics_write_process(out);
}
