/* SPDX-License-Identifier: Apache-2.0 */
/* Where a name leads to, and whether that is us. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose_inside.h"
#include "store/store.h"

enum { TOKEN_BYTES = 16 };

/* ---- as DNS says ---------------------------------------------------------------------------- */

static void
add_address(struct look *l, int family, const void *bytes)
{
	struct look_address *a = &l->addresses[l->address_count];

	if (l->address_count == LOOK_ADDRESSES_MAX)
		return;
	*a = (struct look_address){.ours = own_has(&l->own, family, bytes)};
	own_make(family, bytes, &a->address);
	a->is_public = address_is_public((const struct sockaddr *)&a->address.sa);
	l->address_count++;
	look_found(l, "%s %s: %s%s%s", family == AF_INET ? "A" : "AAAA", l->host, a->address.text,
	           a->ours ? ", ours" : "", a->is_public ? "" : ", not public");
}

static void
take_addresses(struct look *l, const struct lookup *from)
{
	bool v4 = from->type == LOOKUP_A;
	size_t len = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (from->state != LOOKUP_FOUND)
		look_found(l, "%s %s: %s", v4 ? "A" : "AAAA", l->host,
		           from->state == LOOKUP_NODATA     ? "none"
		           : from->state == LOOKUP_NXDOMAIN ? "NXDOMAIN"
		           : from->state == LOOKUP_SILENT   ? "no answer"
		                                            : from->why);
	for (size_t i = 0; i < from->count; i++)
		if (from->records[i].len == len)
			add_address(l, v4 ? AF_INET : AF_INET6, from->records[i].data);
}

/* NAME as it should lead to us. */
static void
want_address(struct look *l)
{
	if (hostname_is_address(&l->q->name))
		return; /* it has no records */
	for (size_t i = 0; i < l->own.count; i++) {
		const struct conf_address *a = &l->own.addresses[i];

		if (l->q->conf->diagnose.address_count > 0 || l->q->conf->diagnose.probe_private ||
		    address_is_public((const struct sockaddr *)&a->sa))
			look_set_record(l, "%s. %s %s", l->host,
			                a->sa.ss_family == AF_INET ? "A" : "AAAA", a->text);
	}
	if (!*l->d->record)
		look_found(l, "which addresses are ours is not known: `addresses` of the diagnose "
		              "block says it");
}

/* Whether anybody answers us at all. */
static bool
any_answer(const struct look *l)
{
	const struct conf_diagnose *conf = &l->q->conf->diagnose;
	struct lookup_way way = {
		.call = &l->call, .from_root = true, .trust_anchor = conf->trust_anchor};
	struct lookup root = {.name = "", .type = LOOKUP_NS};
	bool any;

	if (!conf->from_root)
		return dns_any_resolver(&l->call);
	any = lookups_run(&way, &root, 1) == ERR_OK && root.state == LOOKUP_FOUND;
	lookups_done(&root, 1);
	return any;
}

/* The resolvers' word says little: the zone's servers are asked themselves. */
static void
no_answer(struct look *l, const struct lookup *at)
{
	struct problem why = {0};
	struct dns_place place;
	bool silent = at->state == LOOKUP_SILENT;

	if (!any_answer(l)) {
		look_fault(l, DIAGNOSE_RESOLVER,
		           "the resolvers of this machine do not answer: check `resolver` and "
		           "/etc/resolv.conf");
		return;
	}
	if (!l->q->conf->diagnose.from_root && dns_find(&l->call, l->host, &place, &why)) {
		look_found(l, "%s", why.detail);
		silent = silent || strstr(why.detail, err_text(ERR_TIMEOUT));
	}
	if (silent)
		look_fault(l, DIAGNOSE_TIMEOUT,
		           "the DNS servers of %s do not answer: whoever runs them must put that "
		           "right",
		           l->host);
	else
		look_fault(l, DIAGNOSE_SERVFAIL,
		           "the DNS of %s has a fault: the answer is %s; its servers fail, or its "
		           "DNSSEC is broken",
		           l->host, at->why);
}

static void
no_name(struct look *l, const struct lookup *at)
{
	if (*at->target)
		look_fault(l, DIAGNOSE_CNAME_DANGLING,
		           "%s is a CNAME to %s, which does not exist: set the record shown in "
		           "its place",
		           l->host, at->target);
	else
		look_fault(l, DIAGNOSE_NXDOMAIN,
		           "%s does not exist in DNS: create it with the record shown", l->host);
	want_address(l);
}

/* What one of the two answers says when it is no address; true: that it was. */
static bool
judge_answer(struct look *l, const struct lookup *at)
{
	switch (at->state) {
	case LOOKUP_BOGUS:
		look_fault(l, DIAGNOSE_BOGUS,
		           "the DNSSEC of %s is broken, so no CA believes its records: %s", l->host,
		           at->why);
		break;
	case LOOKUP_FAILED:
	case LOOKUP_SILENT:
		no_answer(l, at);
		break;
	case LOOKUP_NXDOMAIN:
		no_name(l, at);
		break;
	default:
		break;
	}
	return l->code == DIAGNOSE_OK;
}

void
look_addresses(struct look *l)
{
	const struct lookup *a = &l->lookups[LOOK_A], *aaaa = &l->lookups[LOOK_AAAA];
	unsigned char bytes[HOSTNAME_ADDRESS_MAX];
	size_t len = hostname_address(&l->q->name, bytes);

	if (len)
		add_address(l, len == 4 ? AF_INET : AF_INET6, bytes);
	if (l->count == 0 || hostname_is_wildcard(&l->q->name))
		return;
	if (*a->target || *aaaa->target)
		look_found(l, "CNAME %s: %s", l->host, *a->target ? a->target : aaaa->target);
	take_addresses(l, a);
	take_addresses(l, aaaa);
	if (!l->needs_address || !judge_answer(l, a) || !judge_answer(l, aaaa))
		return;
	if (l->address_count > 0)
		return;
	look_fault(l, DIAGNOSE_NO_ADDRESS, "%s has no A or AAAA record: set the record shown",
	           *a->target ? a->target : l->host);
	want_address(l);
}

/* ---- the token ------------------------------------------------------------------------------ */

/* One that only we can show, as long as it is in the store. */
static enum err
make_token(const struct look *l, struct challenge *c)
{
	unsigned char random[2 * TOKEN_BYTES];

	*c = (struct challenge){
		.kind = CHALLENGE_HTTP_01, .name = l->q->name, .created_at = clock_wall()};
	if (RAND_bytes(random, sizeof(random)) != 1)
		return ERR_CRYPTO;
	for (size_t i = 0; i < TOKEN_BYTES; i++) {
		snprintf(c->token + 2 * i, 3, "%02x", random[i]);
		snprintf(c->keyauth + 2 * i, 3, "%02x", random[TOKEN_BYTES + i]);
	}
	return ERR_OK;
}

static enum err
show_token(const struct look *l, const struct challenge *c, bool there)
{
	struct store_txn *txn;
	enum err err = store_begin_write(l->q->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = there ? challenge_put(txn, c) : challenge_del(txn, c);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static void
probe_all(struct look *l, const struct challenge *c)
{
	static const char *const words[] = {[PROBE_US] = "this is us",
	                                    [PROBE_UNREACHABLE] = "not reached",
	                                    [PROBE_OTHER] = "not us",
	                                    [PROBE_REDIRECT] = "redirected",
	                                    [PROBE_NO_WAY] = "not reached"};

	for (size_t i = 0; i < l->address_count; i++) {
		struct look_address *a = &l->addresses[i];
		struct probe p = {.call = &l->call,
		                  .address = &a->address,
		                  .port = l->q->conf->diagnose.http_port};

		if (!a->is_public && !l->q->conf->diagnose.probe_private)
			continue;
		a->result = probe_http(&p, c);
		a->probed = true;
		memcpy(a->what, p.what, sizeof(a->what));
		look_found(l, "http %s port %u: %s%s%s", a->address.text, p.port, words[a->result],
		           *p.what ? ": " : "", p.what);
	}
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* Whoever shows our token is us, a balancer or a CDN before us too. */
static bool
is_elsewhere(const struct look *l, const struct look_address *a)
{
	if (a->ours || (a->probed && a->result == PROBE_US))
		return false;
	/* Not knowing our own address, and behind a router that may not let us out and in again,
	 * only another server's answer says that it is not us. */
	return l->own.is_sure || !a->is_public ||
	       (a->probed && (a->result == PROBE_OTHER || a->result == PROBE_REDIRECT));
}

static void
judge_elsewhere(struct look *l)
{
	char list[INET6_ADDRSTRLEN * 4] = "";
	size_t away = 0, hidden = 0;

	for (size_t i = 0; i < l->address_count; i++) {
		const struct look_address *a = &l->addresses[i];
		size_t used = strlen(list);

		if (!is_elsewhere(l, a))
			continue;
		away++;
		hidden += !a->is_public && !l->q->conf->diagnose.probe_private;
		snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
		         a->address.text);
	}
	if (away == 0 || l->code != DIAGNOSE_OK)
		return;
	if (hostname_is_address(&l->q->name))
		look_fault(l, DIAGNOSE_ELSEWHERE, "%s is not an address of ours", list);
	else if (away < l->address_count)
		look_fault(l, DIAGNOSE_PARTLY_ELSEWHERE,
		           "%s leads to us, and elsewhere too: remove its records with %s", l->host,
		           list);
	else if (hidden == away)
		look_fault(l, DIAGNOSE_PRIVATE_ADDRESS,
		           "%s leads to %s, which nobody on the Internet can reach: set the record "
		           "shown instead",
		           l->host, list);
	else
		look_fault(l, DIAGNOSE_ELSEWHERE,
		           "%s leads to %s, which is not us: set the record shown instead", l->host,
		           list);
	want_address(l);
}

static void
judge_http(struct look *l, const struct look_address *a)
{
	unsigned port = l->q->conf->diagnose.http_port;

	if (!a->probed || a->result == PROBE_US)
		return;
	if (a->result == PROBE_UNREACHABLE && (a->ours || l->own.is_sure))
		look_fault(l, DIAGNOSE_HTTP_UNREACHABLE,
		           "%s leads to us, but port %u of %s cannot be reached: %s; check the "
		           "firewall and `listen`",
		           l->host, port, a->address.text, a->what);
	else if (a->result == PROBE_REDIRECT)
		look_fault(l, DIAGNOSE_HTTP_REDIRECTED,
		           "what answers at port %u of %s leads the CA away from certd: %s", port,
		           a->address.text, a->what);
	else if (a->result == PROBE_OTHER)
		look_fault(l, DIAGNOSE_HTTP_OTHER, "what answers at port %u of %s is not certd: %s",
		           port, a->address.text, a->what);
}

static void
judge_tls(struct look *l, const struct look_address *a)
{
	struct probe p = {
		.call = &l->call, .address = &a->address, .port = l->q->conf->diagnose.tls_port};
	enum probe_result result;

	if (!a->is_public && !l->q->conf->diagnose.probe_private)
		return;
	result = probe_tls(&p, hostname_is_address(&l->q->name) ? NULL : l->host,
	                   l->q->has_leaf ? l->q->leaf : NULL);
	if (result == PROBE_US)
		return;
	look_found(l, "tls %s port %u: %s", a->address.text, p.port, p.what);
	if (result == PROBE_UNREACHABLE && (a->ours || l->own.is_sure))
		look_fault(l, DIAGNOSE_TLS_UNREACHABLE,
		           "%s leads to us, but port %u of %s cannot be reached: %s; check the "
		           "firewall and `listen`",
		           l->host, p.port, a->address.text, p.what);
	else if (result == PROBE_OTHER)
		look_fault(l, DIAGNOSE_TLS_OTHER,
		           "port %u of %s does not show the certificate that certd has for %s: %s",
		           p.port, a->address.text, l->host, p.what);
}

static enum err
probe_http_of_all(struct look *l)
{
	struct challenge token;
	enum err err = make_token(l, &token);

	if (!err)
		err = show_token(l, &token, true);
	if (err) {
		look_found(l, "not probed: %s", err_text(err));
		return ERR_OK;
	}
	probe_all(l, &token);
	err = show_token(l, &token, false);
	if (err)
		log_host_info(&l->q->name, "a token of a probe stays until the next start: %s",
		              err_text(err));
	return l->call.stop && atomic_load(l->call.stop) ? ERR_STOPPED : ERR_OK;
}

/* A name whose DNS does not even answer is not probed; one that CAA forbids is, for the findings.
 */
enum err
look_probe(struct look *l)
{
	enum err err = ERR_OK;

	if (!l->needs_address || l->address_count == 0)
		return ERR_OK;
	if (l->q->store && look_offers(l, "http-01"))
		err = probe_http_of_all(l);
	judge_elsewhere(l);
	return err;
}

enum err
look_reach(struct look *l)
{
	if (!l->needs_address)
		return ERR_OK;
	for (size_t i = 0; i < l->address_count; i++)
		judge_http(l, &l->addresses[i]);
	for (size_t i = 0; i < l->address_count && l->code == DIAGNOSE_OK; i++)
		judge_tls(l, &l->addresses[i]);
	return l->call.stop && atomic_load(l->call.stop) ? ERR_STOPPED : ERR_OK;
}
