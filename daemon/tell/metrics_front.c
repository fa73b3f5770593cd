/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers count (daemon/common/status.h), and the servers behind them. */
#include <stdio.h>

#include "daemon/common/servers.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/tell/metrics_inside.h"

struct row {
	const char *name; /* NULL: another series of the family above */
	const char *help;
	const char *labels;
	enum status_counter counter;
	enum status_counter less; /* is taken off; STATUS_COUNT: nothing */
};

#define ROW(name, help, labels, counter)                                                           \
	{                                                                                          \
		name, help, labels, STATUS_##counter, STATUS_COUNT                                 \
	}

/* table: in the order of the page */
static const struct row rows[] = {
	ROW("certd_connections_accepted_total", "Connections that workers have accepted.", "",
            ACCEPTED),
	ROW("certd_connections_rejected_total", "Connections that a limit or rule has turned away.",
            "{reason=\"max_connections\"}", REJECTED_LIMIT),
	ROW(NULL, NULL, "{reason=\"per_address\"}", REJECTED_ADDRESS),
	ROW(NULL, NULL, "{reason=\"proxy_header\"}", PROXY_REFUSED),
	ROW("certd_accept_pauses_total", "How often accepting waited for descriptors.", "",
            ACCEPT_PAUSES),
	{"certd_tls_handshakes_total", "TLS handshakes that have ended.",
         "{result=\"ok\",resumed=\"no\"}", STATUS_HANDSHAKES, STATUS_RESUMED},
	ROW(NULL, NULL, "{result=\"ok\",resumed=\"yes\"}", RESUMED),
	ROW(NULL, NULL, "{result=\"failed\",resumed=\"no\"}", HANDSHAKES_FAILED),
	ROW("certd_tls_versions_total", "TLS handshakes that went well, by version.",
            "{version=\"1.2\"}", HANDSHAKES_TLS12),
	ROW(NULL, NULL, "{version=\"1.3\"}", HANDSHAKES_TLS13),
	ROW("certd_sni_lookups_total", "What became of the names that clients asked for.",
            "{result=\"cache\"}", CRED_CACHED),
	ROW(NULL, NULL, "{result=\"store\"}", CRED_LOADED),
	ROW(NULL, NULL, "{result=\"unreadable\"}", CRED_FAILED),
	ROW(NULL, NULL, "{result=\"no_certificate\"}", NO_CERTIFICATE),
	ROW(NULL, NULL, "{result=\"unknown\"}", SNI_UNKNOWN),
	ROW(NULL, NULL, "{result=\"invalid\"}", SNI_INVALID),
	ROW(NULL, NULL, "{result=\"absent\"}", SNI_ABSENT),
	ROW("certd_hello_malformed_total", "ClientHellos that could not be read.", "",
            HELLO_MALFORMED),
	ROW("certd_ocsp_stapled_total", "Handshakes that carried an OCSP answer.", "", STAPLED),
	ROW("certd_client_certificates_refused_total", "Client certificates that were refused.", "",
            CLIENT_CERT_REFUSED),
	ROW("certd_passthroughs_total", "Connections handed on without ending their TLS.", "",
            PASSTHROUGHS),
	ROW("certd_challenges_total", "ACME challenges that a CA has asked for.",
            "{result=\"served\"}", CHALLENGES_SERVED),
	ROW(NULL, NULL, "{result=\"refused\"}", CHALLENGES_REFUSED),
	ROW("certd_http_requests_total", "Requests answered on the http listeners.", "",
            HTTP_REQUESTS),
	ROW("certd_timeouts_total", "Connections whose time was over.", "", TIMEOUTS),
	ROW("certd_records_cut_total", "Connections ended for TLS records without data.", "",
            RECORDS_CUT),
	ROW("certd_records_slowed_total", "Times a client with tiny TLS records had to wait.", "",
            RECORDS_SLOWED),
	ROW("certd_proxied_bytes_total", "Bytes handed on between clients and backends.",
            "{direction=\"in\"}", BYTES_IN),
	ROW(NULL, NULL, "{direction=\"out\"}", BYTES_OUT),
	ROW("certd_on_demand_handshakes_total", "Handshakes for names that may come on demand.",
            "{result=\"waited\"}", DEMAND_WAITED),
	ROW(NULL, NULL, "{result=\"served\"}", DEMAND_SERVED),
	ROW(NULL, NULL, "{result=\"crowded\"}", DEMAND_CROWDED),
	ROW("certd_on_demand_questions_total", "Questions to the permission hook.", "",
            DEMAND_QUESTIONS),
	ROW("certd_on_demand_names_total", "Names that handshakes have asked for.",
            "{result=\"added\"}", DEMAND_ADDED),
	ROW(NULL, NULL, "{result=\"refused\"}", DEMAND_REFUSED),
	ROW(NULL, NULL, "{result=\"over_budget\"}", DEMAND_OVER_BUDGET),
	ROW(NULL, NULL, "{result=\"hook_failed\"}", DEMAND_HOOK_FAILED),
	ROW("certd_backend_unknown_total", "Connections whose backend is not configured.", "",
            BACKEND_UNKNOWN),
};

static double
value_of(const struct status *status, const struct row *row)
{
	uint64_t less = row->less == STATUS_COUNT ? 0 : status_sum(status, row->less);
	uint64_t value = status_sum(status, row->counter);

	return value > less ? (double)(value - less) : 0;
}

static void
write_counters(const struct status *status, struct buf *out)
{
	const char *name = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].name) {
			name = rows[i].name;
			metrics_family(out, name, "counter", rows[i].help);
		}
		buf_printf(out, "%s%s %.0f\n", name, rows[i].labels, value_of(status, &rows[i]));
	}
}

/* At powers of two, from 0.3 ms to 17 s: there the buckets have an end. */
static void
write_handshakes(const struct status *status, struct buf *out)
{
	static const char name[] = "certd_tls_handshake_duration_seconds";
	enum { FIRST_OCTAVE = 8, LAST_OCTAVE = 24 };
	struct histogram_counts h;
	uint64_t below = 0;
	unsigned bucket = 0;

	status_handshakes(status, &h);
	metrics_family(out, name, "histogram",
	               "From a ClientHello's first byte to the end of a handshake that went well.");
	for (unsigned octave = FIRST_OCTAVE; octave <= LAST_OCTAVE; octave++) {
		uint64_t end = (uint64_t)1 << octave;

		while (bucket < HISTOGRAM_BUCKETS && histogram_end(bucket) <= end)
			below += h.buckets[bucket++];
		buf_printf(out, "%s_bucket{le=\"%.6f\"} %.0f\n", name, (double)end / 1e6,
		           (double)below);
	}
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %.0f\n", name, (double)histogram_count(&h));
	buf_printf(out, "%s_sum %.6f\n", name, (double)h.sum_us / 1e6);
	buf_printf(out, "%s_count %.0f\n", name, (double)histogram_count(&h));
}

/* ---- backends ------------------------------------------------------------------------------- */

struct sums {
	const char *name;
	uint64_t connects, failures, mismatches;
	unsigned servers, up;
	uint64_t active;
};

static void
add_backend(struct servers *servers, const struct conf_backend *backend, struct sums *sums)
{
	for (size_t i = 0; i < backend->server_count; i++) {
		const struct server_slot *slot =
			servers_find(servers, backend->name, backend->servers[i].text);

		if (!slot)
			continue;
		sums->connects += atomic_load(&slot->connects);
		sums->failures += atomic_load(&slot->failures);
		sums->mismatches += atomic_load(&slot->mismatches);
		sums->active += server_active(slot);
		sums->servers++;
		sums->up += atomic_load(&slot->health) != HEALTH_DOWN;
	}
}

static void
write_backends(const struct sums *sums, size_t count, struct buf *out)
{
	static const char connects[] = "certd_backend_connects_total";

	metrics_family(out, connects, "counter", "Connections to servers of a backend.");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s{backend=\"%s\",result=\"ok\"} %.0f\n", connects, sums[i].name,
		           (double)sums[i].connects);
		buf_printf(out, "%s{backend=\"%s\",result=\"failed\"} %.0f\n", connects,
		           sums[i].name, (double)sums[i].failures);
	}
	metrics_family(out, "certd_backend_servers", "gauge", "Servers of a backend, by health.");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "certd_backend_servers{backend=\"%s\",health=\"up\"} %u\n",
		           sums[i].name, sums[i].up);
		buf_printf(out, "certd_backend_servers{backend=\"%s\",health=\"down\"} %u\n",
		           sums[i].name, sums[i].servers - sums[i].up);
	}
	metrics_family(out, "certd_backend_connections", "gauge", "Open connections to a backend.");
	for (size_t i = 0; i < count; i++)
		metrics_labelled(out, "certd_backend_connections", "backend", sums[i].name,
		                 (double)sums[i].active);
}

static uint64_t
sum_backends(const struct metrics_config *config, struct sums sums[], size_t *ret_count)
{
	const struct conf *conf = config->conf;
	uint64_t mismatches = 0;
	size_t count = 0;

	for (size_t i = 0; i < conf->backend_count; i++) {
		if (count < METRICS_LABELS_MAX)
			sums[count++].name = conf->backends[i].name;
		else
			sums[count - 1].name = "_other";
		add_backend(config->servers, &conf->backends[i], &sums[count - 1]);
	}
	for (size_t i = 0; i < count; i++)
		mismatches += sums[i].mismatches;
	*ret_count = count;
	return mismatches;
}

void
metrics_write_front(const struct metrics_config *config, struct buf *out)
{
	struct sums sums[METRICS_LABELS_MAX] = {0};
	const struct status *status = config->status;
	size_t count;
	uint64_t mismatches = sum_backends(config, sums, &count);

	metrics_one(out, "certd_workers", "gauge", "Processes that serve connections.",
	            config->conf->workers);
	metrics_one(out, "certd_worker_restarts_total", "counter", "Roles that were started again.",
	            (double)atomic_load(&status->worker_restarts));
	metrics_one(out, "certd_connections", "gauge", "Open connections of clients.",
	            (double)status_sum(status, STATUS_CONNECTIONS));
	metrics_one(out, "certd_credential_cache_entries", "gauge",
	            "Certificates that workers hold ready.",
	            (double)status_sum(status, STATUS_CRED_ENTRIES));
	metrics_one(out, "certd_connections_half_open", "gauge",
	            "Connections that are not through with hello and handshake.",
	            (double)status_sum(status, STATUS_HALF_OPEN));
	write_counters(status, out);
	write_handshakes(status, out);
	metrics_family(out, "certd_mismatch_total", "counter",
	               "Faults between who is asked for, "
	               "stored and served.");
	metrics_labelled(out, "certd_mismatch_total", "kind", "sni_unknown",
	                 (double)status_sum(status, STATUS_SNI_UNKNOWN));
	metrics_labelled(out, "certd_mismatch_total", "kind", "backend_cert", (double)mismatches);
	if (count)
		write_backends(sums, count, out);
}
