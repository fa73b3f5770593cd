/* SPDX-License-Identifier: Apache-2.0 */
/* Names, certificates, CAs, the store: from counters and ranges, never from all records. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer.h"
#include "daemon/tell/metrics_inside.h"
#include "daemon/watch/auditor.h"
#include "daemon/watch/upkeep.h"
#include "store/domain_list.h"
#include "store/fault.h"
#include "store/late.h"
#include "store/store.h"

enum { DAY_S = 86400 };

/* ---- names ---------------------------------------------------------------------------------- */

static void
write_states(struct store_txn *txn, struct buf *out)
{
	uint64_t count;

	metrics_family(out, "certd_names", "gauge", "Names, by state.");
	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++)
		if (!domain_count_state(txn, s, &count))
			metrics_labelled(out, "certd_names", "state", domain_state_word(s),
			                 (double)count);
	metrics_family(out, "certd_failures", "gauge",
	               "Names whose last attempt failed, by problem.");
	for (int k = PROBLEM_NONE + 1; k < PROBLEM_COUNT; k++)
		if (!domain_count_reason(txn, k, &count))
			metrics_labelled(out, "certd_failures", "code", problem_code(k),
			                 (double)count);
}

static void
write_expiry(struct store_txn *txn, struct buf *out)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} within[] = {{"1d", DAY_S},
	              {"3d", 3 * DAY_S},
	              {"7d", 7 * DAY_S},
	              {"14d", 14 * DAY_S},
	              {"30d", 30 * DAY_S}};
	int64_t now = clock_wall(), next;
	uint64_t expired = 0, count;

	if (!domain_count_expiring(txn, now, &expired))
		metrics_one(out, "certd_certificates_expired", "gauge",
		            "Certificates that have expired.", (double)expired);
	metrics_family(out, "certd_certificates_expiring", "gauge",
	               "Certificates that hold, but no longer than this.");
	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
		if (!domain_count_expiring(txn, now + within[i].seconds, &count))
			metrics_labelled(out, "certd_certificates_expiring", "within",
			                 within[i].text,
			                 count > expired ? (double)(count - expired) : 0);
	if (!domain_next_expiry(txn, &next))
		metrics_one(out, "certd_certificate_earliest_not_after_timestamp_seconds", "gauge",
		            "When the first of all certificates ends, or has ended.", (double)next);
}

void
metrics_write_names(const struct metrics_config *config, struct buf *out)
{
	struct store_txn *txn;
	uint64_t late;

	if (store_begin_read(config->store, STORE_SERVED, &txn))
		return;
	write_states(txn, out);
	write_expiry(txn, out);
	store_abort(txn);
	if (store_begin_read(config->store, STORE_PRIVATE, &txn))
		return;
	if (!late_count(txn, &late))
		metrics_one(out, "certd_renewals_late", "gauge",
		            "Names whose certificate has less than a quarter of its life left.",
		            (double)late);
	store_abort(txn);
}

void
metrics_write_audit(const struct metrics_config *config, struct buf *out)
{
	struct auditor_state state;
	struct store_txn *txn;
	uint64_t names;

	auditor_look(config->auditor, &state);
	if (!store_begin_read(config->store, STORE_PRIVATE, &txn)) {
		if (!fault_count(txn, &names))
			metrics_one(out, "certd_audit_faulty_names", "gauge",
			            "Names that the audit finds something wrong with.",
			            (double)names);
		store_abort(txn);
	}
	metrics_family(out, "certd_audit_faults_total", "counter",
	               "Faults that the audit has found since the keeper started.");
	for (int k = 0; k < AUDIT_KINDS; k++)
		metrics_labelled(out, "certd_audit_faults_total", "type", audit_kind_word(k),
		                 (double)state.found[k]);
	metrics_one(out, "certd_audit_looks_total", "counter",
	            "Looks of the audit at names since the keeper started.", (double)state.looked);
	if (state.walked_at)
		metrics_one(out, "certd_audit_walk_timestamp_seconds", "gauge",
		            "When the audit has last been through all names.",
		            (double)state.walked_at);
}

/* ---- CAs ------------------------------------------------------------------------------------ */

/* Those behind METRICS_LABELS_MAX are added up in the last place, as "_other". */
static size_t
fold(struct issuer_ca *cas, size_t count)
{
	struct issuer_ca *last = &cas[METRICS_LABELS_MAX - 1];

	if (count <= METRICS_LABELS_MAX)
		return count;
	for (size_t i = METRICS_LABELS_MAX; i < count; i++) {
		last->orders += cas[i].orders;
		last->succeeded += cas[i].succeeded;
		last->failed += cas[i].failed;
		if (cas[i].hold_until > last->hold_until)
			last->hold_until = cas[i].hold_until;
	}
	snprintf(last->name, sizeof(last->name), "_other");
	return METRICS_LABELS_MAX;
}

static void
write_orders(const struct issuer_ca *cas, size_t count, struct buf *out)
{
	metrics_family(out, "certd_orders_total", "counter",
	               "Orders that have ended since the keeper started.");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "certd_orders_total{ca=\"%s\",result=\"ok\"} %.0f\n", cas[i].name,
		           (double)cas[i].succeeded);
		buf_printf(out, "certd_orders_total{ca=\"%s\",result=\"failed\"} %.0f\n",
		           cas[i].name, (double)cas[i].failed);
	}
	metrics_family(out, "certd_orders_in_work", "gauge", "Orders that are in work.");
	for (size_t i = 0; i < count; i++)
		metrics_labelled(out, "certd_orders_in_work", "ca", cas[i].name,
		                 (double)cas[i].orders);
}

void
metrics_write_cas(const struct metrics_config *config, struct buf *out)
{
	struct issuer_ca cas[2 * METRICS_LABELS_MAX];
	size_t count = fold(cas, issuer_cas(config->issuer, cas, 2 * METRICS_LABELS_MAX));
	struct store_txn *txn;
	uint64_t names;

	if (!count)
		return;
	write_orders(cas, count, out);
	metrics_family(out, "certd_ca_up", "gauge",
	               "0 while certd holds back all orders at this CA.");
	for (size_t i = 0; i < count; i++)
		metrics_labelled(out, "certd_ca_up", "ca", cas[i].name,
		                 cas[i].hold_until <= clock_wall());
	if (store_begin_read(config->store, STORE_SERVED, &txn))
		return;
	metrics_family(out, "certd_ca_names", "gauge", "Names that a CA is asked for.");
	for (size_t i = 0; i < count; i++)
		if (!domain_count_ca(txn, cas[i].name, &names))
			metrics_labelled(out, "certd_ca_names", "ca", cas[i].name, (double)names);
	store_abort(txn);
}

/* ---- store ---------------------------------------------------------------------------------- */

static void
write_upkeep(struct upkeep *upkeep, struct buf *out)
{
	struct upkeep_state state;

	upkeep_look(upkeep, &state);
	metrics_one(out, "certd_store_free_bytes", "gauge", "Room on the store's disk.",
	            (double)state.free_bytes);
	metrics_one(out, "certd_store_reserve_bytes", "gauge",
	            "Below this much room no order begins.", (double)state.reserve_bytes);
	metrics_one(out, "certd_store_takes_orders", "gauge",
	            "0 while the disk is nearly full or commits fail.",
	            state.room && state.trouble == ERR_OK);
	metrics_one(out, "certd_store_put_aside_total", "counter",
	            "Names whose damaged records were put aside.", (double)state.repaired);
	metrics_one(out, "certd_store_reseal_left", "gauge",
	            "Records that a rotation of keys has yet to look at.",
	            (double)state.reseal_left);
}

void
metrics_write_store(const struct metrics_config *config, struct buf *out)
{
	struct store_stat stat;

	if (!store_stat(config->store, &stat)) {
		metrics_one(out, "certd_store_used_bytes", "gauge", "Bytes of the store in use.",
		            (double)stat.used_bytes);
		metrics_one(out, "certd_store_map_bytes", "gauge",
		            "Bytes that the store's maps reach.", (double)stat.map_bytes);
		metrics_one(out, "certd_store_readers", "gauge", "Open reader slots.",
		            (double)stat.readers);
	}
	write_upkeep(config->upkeep, out);
}
